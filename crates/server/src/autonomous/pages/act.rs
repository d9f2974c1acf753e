//! The switch, and what can be done to a rule with one button.

use axum::http::Method;
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::policy::{Shadow, StoredAutonomous};
use brevet_api::rest::setting::{SetValue, Setting};

use crate::console::{Made, Visitor, part};
use crate::definitions::pages::Posted;
use crate::http::extract::Path;
use crate::http::failure::Outcome;

const BASE: &str = "/settings/autonomous";

pub(super) async fn switch(visitor: Visitor, Posted(entered): Posted) -> Outcome<Response> {
    let value = if entered.text("value") == "on" { "on" } else { "off" };
    let body = SetValue { value: value.into() };
    let seen = Some(entered.text("seen")).filter(|seen| !seen.is_empty());
    let made = visitor.change::<_, Setting>(Method::PUT, "/settings/autonomous", seen, &body).await?;
    Ok(back(BASE, &made, "changed"))
}

pub(super) async fn enable(visitor: Visitor, Path(id): Path<String>, Posted(entered): Posted) -> Outcome<Response> {
    let path = format!("/autonomous/{}/enable", part(&id));
    let made = visitor.act::<StoredAutonomous>(Method::POST, &path, Some(entered.text("seen"))).await?;
    Ok(back(&format!("{BASE}/{}", part(&id)), &made, "enabled"))
}

pub(super) async fn disable(visitor: Visitor, Path(id): Path<String>, Posted(entered): Posted) -> Outcome<Response> {
    let path = format!("/autonomous/{}/disable", part(&id));
    let made = visitor.act::<StoredAutonomous>(Method::POST, &path, Some(entered.text("seen"))).await?;
    Ok(back(&format!("{BASE}/{}", part(&id)), &made, "rule-disabled"))
}

pub(super) async fn shadow(visitor: Visitor, Path(id): Path<String>, Posted(entered): Posted) -> Outcome<Response> {
    let path = format!("/autonomous/{}/shadow", part(&id));
    let body = Shadow { shadow: entered.text("shadow") == "on" };
    let made = visitor.change::<_, StoredAutonomous>(Method::POST, &path, Some(entered.text("seen")), &body).await?;
    Ok(back(&format!("{BASE}/{}", part(&id)), &made, if body.shadow { "shadow-on" } else { "shadow-off" }))
}

fn back<T>(to: &str, made: &Made<T>, said: &str) -> Response {
    let said = if matches!(made, Made::Now(_)) { said } else { "proposed" };
    Redirect::to(&format!("{to}?said={said}")).into_response()
}
