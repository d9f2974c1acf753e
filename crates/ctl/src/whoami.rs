//! `brevetctl whoami`: as whom the server knows this token.

use brevet_api::rest::instance::Me;

use crate::cli::Session;
use crate::error::Result;
use crate::output::{fields, shown};
use crate::person::roles;
use crate::profile;

/// # Errors
/// When the server cannot be reached, or does not know the token.
pub fn run(session: &Session) -> Result<()> {
    let me: Me = session.client()?.get(&["me"])?;
    let server = profile::server(&session.global)?;
    session.output.print(&me, |me| {
        fields(&[
            ("person", shown(&me.name)),
            ("id", me.id.to_string()),
            ("roles", roles(&me.roles, &me.scopes)),
            ("decides", if me.decides { "yes" } else { "no: this token may not approve, decline or extend" }.into()),
            ("server", shown(&server)),
        ])
    })
}
