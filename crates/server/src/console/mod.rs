//! The console: what stands around every page, who looks at it, and the pages that belong to no feature. A feature's pages are beside its
//! routes, and do nothing but call those (`visitor`).
//!
//! INVARIANT: no page reaches the store for what a route gives; what a page needs and no route gives is missing from the API first.

mod assets;
mod chart;
mod compressed;
mod download;
mod failed;
pub(crate) mod filters;
mod live;
mod overview;
mod said;
mod shell;
mod signed_out;
mod sorting;
pub(crate) mod theme;
mod token;
mod visitor;
pub(crate) mod zone;

use askama::Template;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};

use crate::app::App;
use crate::http::failure::{Failure, Outcome};

pub(crate) use assets::VERSION;
pub(crate) use failed::nowhere;
pub use live::Live;
pub(crate) use shell::{Place, Shell};
pub(crate) use sorting::{By, Sorting};
pub(crate) use visitor::{ForVisitor, Made, Visitor, part, query};

/// Every page; `inside` are the routes of `/api/v1`.
pub fn routes(app: &App, inside: Router) -> Router<App> {
    Router::new()
        .route("/", get(overview::overview))
        .route(visitor::LIVE, get(live::live))
        .route("/download/{*list}", get(download::download))
        .route("/theme", post(theme::choose))
        .route("/token", post(token::make))
        .merge(crate::requests::pages::pages())
        .merge(crate::grants::pages::pages())
        .merge(crate::computers::pages::pages())
        .merge(crate::break_glass::pages::pages())
        .merge(crate::proposals::pages::pages())
        .merge(crate::sessions::pages::pages())
        .merge(crate::policies::pages::pages())
        .merge(crate::autonomous::pages::pages())
        .merge(crate::applications::pages::pages())
        .merge(crate::lists::pages::pages())
        .merge(crate::groups::pages::pages())
        .merge(crate::sign_in::pages::pages(app))
        .merge(crate::audit::pages::pages())
        .merge(crate::settings::pages::pages())
        .merge(crate::people::pages::pages())
        .merge(crate::tokens::pages::pages())
        .merge(crate::notification::pages::pages())
        .merge(crate::retention::pages::pages())
        .layer(from_fn_with_state(app.clone(), failed::around))
        .layer(from_fn(compressed::around))
        .layer(map_response(varied))
        .layer(Extension(visitor::Inside(inside)))
        .route("/assets/{version}/{name}", get(assets::asset))
}

/// A page and its part have one address, and whether it is compressed depends on who asks.
async fn varied(mut response: Response) -> Response {
    response
        .headers_mut()
        .append(axum::http::header::VARY, axum::http::HeaderValue::from_static("hx-request, cookie, accept-encoding, sec-fetch-site"));
    response
}

/// A page from its template.
///
/// # Errors
/// When the template cannot be filled.
pub(crate) fn page(template: &impl Template) -> Outcome<Response> {
    Ok(Html(template.render().map_err(Failure::internal)?).into_response())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    /// Tables that are read as a whole: of fields, of days, of what stands in the configuration.
    const NO_LISTS: [&str; 3] = ["definitions/parts.html", "proposals/show.html", "settings/sign_in.html"];

    fn templates(below: &Path, into: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(below).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                templates(&path, into);
            } else {
                into.push((path.clone(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }

    fn all() -> Vec<(PathBuf, String)> {
        let mut all = Vec::new();
        templates(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates"), &mut all);
        assert!(all.len() > 40);
        all
    }

    /// Else the keys do not go through a list, and a live one changes what a link leads to while somebody is about to follow it.
    #[test]
    fn each_list_is_one_for_keys_and_each_row_of_a_live_one_has_a_name() {
        for (path, text) in all() {
            // Drawn anew in pages that include it.
            let live = text.contains("news from:body") || path.ends_with("console/events.html");
            for rest in text.split("<tbody").skip(1) {
                let rows = rest.split("</tbody>").next().unwrap();
                if NO_LISTS.iter().any(|none| path.ends_with(none)) || rows.contains("bar.day") {
                    continue;
                }
                assert!(rest.starts_with(" data-rows>"), "a list of {} has no data-rows", path.display());
                assert!(!live || !rows.contains("<tr>"), "a row of {} has no id", path.display());
                assert!(rows.contains("<a ") || rows.contains("tabindex"), "the keys cannot come to a row of {}", path.display());
            }
        }
    }

    #[test]
    fn each_form_above_a_list_has_the_field_that_its_key_leads_to() {
        for (path, text) in all() {
            for form in text.split("role=\"search\"").skip(1) {
                assert!(form.split("</form>").next().unwrap().contains("data-key=\"/\""), "{}", path.display());
            }
        }
    }
}
