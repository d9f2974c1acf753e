//! Grants: issued after an approval, or made by a broker and known from its journal.

mod extend;
pub mod issue;
pub(crate) mod pages;
pub mod received;
mod revoke;
mod revoke_all;
mod routes;
mod show;
pub mod unused;

pub use routes::routes;
pub use show::shown;

use brevet_api::rest::grant::{GrantOrigin, GrantState};
use sea_orm::sea_query::{Expr, SimpleExpr};

/// States from which a grant can still move.
pub const OPEN: [&str; 2] = ["issued", "active"];

/// The condition that one is, as its index says it: with values that are bound later, a database does not know the two for the same.
#[must_use]
pub fn is_open() -> SimpleExpr {
    Expr::cust("\"grant\".\"state\" IN ('issued', 'active')")
}

/// The state of a name; only our own names are ever stored.
#[must_use]
pub fn state_named(name: &str) -> Option<GrantState> {
    Some(match name {
        "issued" => GrantState::Issued,
        "active" => GrantState::Active,
        "expired" => GrantState::Expired,
        "revoked" => GrantState::Revoked,
        "finished" => GrantState::Finished,
        "unused" => GrantState::Unused,
        _ => return None,
    })
}

/// The origin of a name.
#[must_use]
pub fn origin_named(name: &str) -> Option<GrantOrigin> {
    Some(match name {
        "approved" => GrantOrigin::Approved,
        "automatic" => GrantOrigin::Automatic,
        "justify" => GrantOrigin::Justify,
        "autonomous" => GrantOrigin::Autonomous,
        _ => return None,
    })
}
