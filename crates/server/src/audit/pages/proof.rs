//! The proof that the signed log has an event, as a download for whoever verifies it elsewhere.

use axum::http::{HeaderValue, header};
use axum::response::Response;

use crate::console::{Visitor, part};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

pub(super) async fn proof(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let mut response = visitor.pass(&format!("/events/{}/proof", part(&id))).await?;
    let name = format!("attachment; filename=\"brevet-proof-{}.json\"", part(&id));
    response.headers_mut().insert(header::CONTENT_DISPOSITION, HeaderValue::from_str(&name).map_err(Failure::internal)?);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}
