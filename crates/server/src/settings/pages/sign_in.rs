//! How people sign in here, and how that is changed: in the server's configuration, by whoever rules the server.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::sign_in::{MatchedBy, SignInRules};

use super::{Section, Tab, tabs};
use crate::console::{Place, Shell, Visitor, filters, page};
use crate::http::failure::Outcome;

#[derive(Template)]
#[template(path = "settings/sign_in.html")]
struct SignIn {
    shell: Shell,
    tabs: Vec<Tab>,
    it: SignInRules,
}

pub(super) async fn sign_in(visitor: Visitor) -> Outcome<Response> {
    let it = visitor.read("/settings/sign-in").await?;
    page(&SignIn { shell: visitor.shell(Place::Settings, "Sign-in"), tabs: tabs(&visitor, Section::SignIn), it })
}

/// How somebody is found at first, in words.
const fn found_by(matched_by: MatchedBy) -> &'static str {
    match matched_by {
        MatchedBy::Subject => "by the provider's own name for them, which an owner records on the person's page",
        MatchedBy::Email => "by their name here, where it is their e-mail address there and the provider has verified it",
        MatchedBy::PreferredUsername => "by their name here, where it is their preferred name there",
    }
}

/// So many at once, and then one more each time.
fn attempts(at_once: u32, every: impl std::fmt::Display) -> String {
    match at_once {
        0 => "no limit".into(),
        _ => format!("{at_once} at once, then one more every {every}"),
    }
}
