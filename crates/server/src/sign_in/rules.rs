//! How people sign in here, as the configuration has it: to be read, and changed in the file alone. What a stolen token or a person that
//! rules the console could change here would let them in for ever.

use axum::extract::State;
use brevet_api::rest::sign_in::{SignInRules, SingleSignOn, Way};

use super::provider;
use crate::access::Actor;
use crate::app::App;
use crate::config::OpenId;
use crate::http::extract::Json;

pub(super) async fn show(State(app): State<App>, _actor: Actor) -> Json<SignInRules> {
    let single = app.config.openid.as_ref().map(provided);
    let limits = &app.config.sign_in;
    Json(SignInRules {
        ways: Way::ALL.into_iter().filter(|way| *way != Way::SingleSignOn || single.is_some()).collect(),
        single_sign_on: single,
        back: format!("{}{}", app.url, provider::BACK),
        idle: limits.idle,
        longest: limits.longest,
        account_attempts: limits.account_attempts,
        account_every: limits.account_every,
        address_attempts: limits.address_attempts,
        address_every: limits.address_every,
    })
}

fn provided(config: &OpenId) -> SingleSignOn {
    SingleSignOn {
        name: config.name.clone(),
        issuer: config.issuer.clone(),
        client_id: config.client_id.clone(),
        scopes: config.scopes.clone(),
        matched_by: config.matched_by,
        groups_claim: config.groups_claim.clone(),
        groups: config.groups.clone(),
    }
}
