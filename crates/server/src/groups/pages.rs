//! Pages of groups: all of them, and one with its members and what names it. The form is that of every definition.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use brevet_api::rest::Page;
use brevet_api::rest::apply::AppliedKind;
use brevet_api::rest::policy::{StoredGroup, Use};
use brevet_core::file::Group;
use brevet_core::toml_text;
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
    of::<Group>(Router::new().route("/groups", get(all)).route("/groups/{id}", get(show)))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chosen {
    name: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "groups/list.html")]
struct All {
    shell: Shell,
    may_change: bool,
    page: Page<StoredGroup>,
    begun: bool,
    name: String,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
}

async fn all(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let (by, order) = (("name", chosen.name.as_str()), ("sort", chosen.sort.as_str()));
    let (found, wrong) = visitor.chosen(&format!("/groups{}", query([by, order, ("cursor", &chosen.cursor)]))).await?;
    page(&All {
        shell: visitor.shell(Place::Computers, "Groups"),
        may_change: visitor.may(Action::ChangePolicy),
        page: found,
        begun: !chosen.cursor.is_empty(),
        kept: query([by, order]),
        sorting: Sorting::new("/groups", ORDERS, (&chosen.sort, "name"), &[by]),
        name: chosen.name,
        wrong,
    })
}

#[derive(Template)]
#[template(path = "groups/show.html")]
struct Show {
    shell: Shell,
    seen: String,
    may_change: bool,
    members: Vec<String>,
    more: usize,
    uses: Page<Use>,
    toml: String,
    it: StoredGroup,
}

/// So many members are shown; all of them are in the TOML.
const MOST: usize = 1000;

async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let of = format!("/groups/{}", part(&id));
    let asked = format!("{of}/uses?limit=500");
    let ((seen, it), uses): ((String, StoredGroup), Page<Use>) = tokio::try_join!(visitor.read_tagged(&of), visitor.read(&asked))?;
    let members = it.content.computers.as_ref().or(it.content.users.as_ref()).cloned().unwrap_or_default();
    page(&Show {
        shell: visitor.shell(Place::Computers, it.content.name.clone()),
        seen,
        may_change: visitor.may(Action::ChangePolicy),
        members: members.iter().take(MOST).cloned().collect(),
        more: members.len().saturating_sub(MOST),
        uses,
        toml: toml_text::shown(&it.content.clone().file()).unwrap_or_else(|why| format!("# {why}\n")),
        it,
    })
}
