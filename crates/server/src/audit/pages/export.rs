//! The export as a download: exactly what is filtered, by the API's own export, which records who made it.

use axum::Form;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;

use super::chosen::Chosen;
use crate::console::{Visitor, zone};
use crate::http::failure::{Failure, Outcome};

#[derive(Deserialize)]
pub(super) struct Fields {
    /// What the page shows, as its address says it.
    #[serde(default)]
    chosen: String,
    format: String,
}

/// A form, since an export leaves an event behind: no link from elsewhere makes one.
pub(super) async fn export(visitor: Visitor, headers: HeaderMap, Form(fields): Form<Fields>) -> Outcome<Response> {
    let format = if fields.format == "csv" { "csv" } else { "jsonl" };
    let chosen = Chosen::read(fields.chosen.trim_start_matches('?'), &zone::of(&headers));
    let now = visitor.app.clock.now();
    let asked = chosen.asked(now, false)?;
    let joined = if asked.is_empty() { "?" } else { "&" };
    let mut response = visitor.pass(&format!("/events/export{asked}{joined}format={format}")).await?;
    let day = now.to_string();
    let name = format!("attachment; filename=\"brevet-events-{}.{format}\"", day.get(..10).unwrap_or_default());
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(Failure::internal)?);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
