//! Pages: the door, the second factor, links, and what everybody sets up for themself. What sets a secret up is no route of the API.

mod account;
mod app;
mod door;
mod link;
mod own_passkey;
mod own_password;
mod passkey;
mod second;
mod sign_out;
mod single;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::http::limits;
use crate::sign_in::provider;

/// This feature's pages.
pub(crate) fn pages(app: &App) -> Router<App> {
    let strangers = from_fn_with_state(app.clone(), limits::strangers);
    let outside = Router::new()
        .route("/sign-in", get(door::show).post(door::sign_in))
        .route("/sign-in/second", get(second::show).post(second::answer))
        .route("/sign-in/second/passkey", post(passkey::answer_second))
        .route("/sign-in/second/passkey/ask", post(passkey::ask_second))
        .route("/sign-in/single", get(single::leave))
        .route(provider::BACK, get(single::back))
        .route("/sign-in/passkey", post(passkey::answer))
        .route("/sign-in/passkey/ask", post(passkey::ask))
        .route("/sign-in/{secret}", get(link::show).post(link::sign_in))
        .layer(strangers);
    Router::new()
        .merge(outside)
        .route("/sign-out", post(sign_out::sign_out))
        .route("/account", get(account::show))
        .route("/account/password", post(own_password::set))
        .route("/account/remove/{which}", post(account::remove))
        .route("/account/passkeys", post(own_passkey::add))
        .route("/account/passkeys/ask", post(own_passkey::ask))
        .route("/account/passkeys/{id}/name", post(own_passkey::rename))
        .route("/account/app", post(app::begin))
        .route("/account/app/confirm", post(app::confirm))
        .route("/account/recovery-codes", post(app::recovery_codes))
        .route("/account/sign-ins/end", post(account::end_all))
        .route("/account/sign-ins/{id}/end", post(account::end_one))
}
