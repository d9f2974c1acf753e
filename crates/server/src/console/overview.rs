//! What needs somebody now.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::break_glass::BreakGlass;
use brevet_api::rest::grant::GrantItem;
use brevet_api::rest::request::RequestItem;

use super::{Place, Shell, Visitor, filters, page};
use crate::http::failure::Outcome;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct Overview {
    shell: Shell,
    glass: Vec<BreakGlass>,
    requests: Vec<RequestItem>,
    grants: Vec<GrantItem>,
}

pub(super) async fn overview(visitor: Visitor) -> Outcome<Response> {
    let glass: Page<BreakGlass> = visitor.read("/break-glass?reviewed=false").await?;
    let requests: Page<RequestItem> = visitor.read("/requests?state=pending").await?;
    let active: Page<GrantItem> = visitor.read("/grants?state=active").await?;
    let issued: Page<GrantItem> = visitor.read("/grants?state=issued").await?;
    page(&Overview {
        shell: visitor.shell(Place::Overview, "Overview"),
        glass: glass.items,
        requests: requests.items,
        grants: active.items.into_iter().chain(issued.items).collect(),
    })
}
