//! Pages of application lists: all of them, and one with its rules and what names it. The form is that of every definition.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use brevet_api::rest::Page;
use brevet_api::rest::apply::AppliedKind;
use brevet_api::rest::policy::{StoredList, Use};
use brevet_core::file::List;
use brevet_core::{toml_text, words};
use serde::Deserialize;

use crate::access::Action;
use crate::app::App;
use crate::console::{Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::definitions::formed::Formed as _;
use crate::definitions::pages::{ORDERS, of};
use crate::http::extract::{Path, Query};
use crate::http::failure::Outcome;

/// This feature's pages.
pub fn pages() -> Router<App> {
    of::<List>(Router::new().route("/lists", get(all)).route("/lists/{id}", get(show)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chosen {
    name: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "lists/list.html")]
struct All {
    shell: Shell,
    may_change: bool,
    page: Page<StoredList>,
    begun: bool,
    name: String,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
}

async fn all(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let (by, order) = (("name", chosen.name.as_str()), ("sort", chosen.sort.as_str()));
    let (found, wrong) = visitor.chosen(&format!("/lists{}", query([by, order, ("cursor", &chosen.cursor)]))).await?;
    page(&All {
        shell: visitor.shell(Place::Applications, "Application lists"),
        may_change: visitor.may(Action::ChangePolicy),
        page: found,
        begun: !chosen.cursor.is_empty(),
        kept: query([by, order]),
        sorting: Sorting::new("/lists", ORDERS, (&chosen.sort, "name"), &[by]),
        name: chosen.name,
        wrong,
    })
}

#[derive(Template)]
#[template(path = "lists/show.html")]
struct Show {
    shell: Shell,
    seen: String,
    may_change: bool,
    rules: Vec<String>,
    more: usize,
    uses: Page<Use>,
    toml: String,
    it: StoredList,
}

/// So many rules are said in words; all of them are in the TOML.
const MOST: usize = 200;

async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let of = format!("/lists/{}", part(&id));
    let asked = format!("{of}/uses?limit=500");
    let ((seen, it), uses): ((String, StoredList), Page<Use>) = tokio::try_join!(visitor.read_tagged(&of), visitor.read(&asked))?;
    page(&Show {
        shell: visitor.shell(Place::Applications, it.content.name.clone()),
        seen,
        may_change: visitor.may(Action::ChangePolicy),
        rules: it.content.rules.iter().take(MOST).map(words::application).collect(),
        more: it.content.rules.len().saturating_sub(MOST),
        uses,
        toml: toml_text::shown(&it.content.clone().file()).unwrap_or_else(|why| format!("# {why}\n")),
        it,
    })
}
