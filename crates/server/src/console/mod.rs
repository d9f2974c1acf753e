//! The console: signing in by a one-time link, and a page that shows what waits and what runs.
//!
//! Pages are rendered here, escaped by the templates, and carry no script. Nothing here changes anything but who is signed in, and their own tokens.

mod overview;
mod request;
mod sign_in;
mod token;

use askama::Template;
use axum::Router;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};

use crate::app::App;
use crate::http::failure::{Failure, Outcome};
use crate::http::limits;

/// The console's routes.
pub fn routes(app: &App) -> Router<App> {
    let strangers = from_fn_with_state(app.clone(), limits::strangers);
    Router::new()
        .route("/", get(overview::overview))
        .route("/requests/{id}", get(request::show))
        .route("/sign-in/{secret}", get(sign_in::show).post(sign_in::sign_in).layer(strangers))
        .route("/sign-out", post(sign_in::sign_out))
        .route("/token", post(token::make))
        .route("/assets/console.css", get(style))
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("../../templates/console.css"))
}

fn page(template: &impl Template) -> Outcome<Response> {
    Ok(Html(template.render().map_err(Failure::internal)?).into_response())
}
