//! Every version of one, newest first, each with what it changed.

use askama::Template;
use axum::response::Response;
use brevet_api::rest::Page;
use brevet_api::rest::policy::Change;
use brevet_core::time::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Any;
use super::edit::name;
use crate::console::{Shell, Visitor, filters, page, part, query};
use crate::definitions::differences::{Difference, between};
use crate::definitions::formed::Formed;
use crate::http::extract::{Path, Query};
use crate::http::failure::Outcome;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    cursor: String,
}

#[derive(Template)]
#[template(path = "definitions/history.html")]
struct History {
    shell: Shell,
    base: &'static str,
    place: String,
    tabs: bool,
    id: String,
    versions: Vec<Version>,
    next: Option<String>,
    begun: bool,
}

struct Version {
    version: u64,
    time: Timestamp,
    by: String,
    change: String,
    first: bool,
    differences: Vec<Difference>,
}

const AT_ONCE: u64 = 20;

pub(super) async fn history<T: Formed>(visitor: Visitor, Path(id): Path<String>, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let of = format!("{}/{}", T::PLACES.0, part(&id));
    let limit = AT_ONCE.to_string();
    let asked = query([("limit", limit.as_str()), ("cursor", chosen.cursor.as_str())]);
    let place = format!("{of}/history{asked}");
    let (now, versions): (Option<Any>, Page<Change>) = tokio::try_join!(visitor.find(&of), visitor.read(&place))?;
    // The last of a page is held against the first of the next one.
    let older: Option<Page<Change>> = match &versions.next {
        Some(cursor) => Some(visitor.read(&format!("{of}/history{}", query([("limit", "1"), ("cursor", cursor.as_str())]))).await?),
        None => None,
    };
    let before: Vec<Option<Value>> = versions
        .items
        .iter()
        .skip(1)
        .chain(older.iter().flat_map(|page| &page.items))
        .map(|change| change.content.clone())
        .chain([None])
        .collect();
    let title = now.as_ref().map_or_else(|| id.clone(), name);
    let shown = versions.items.into_iter().zip(before).map(|(change, before)| Version {
        version: change.version,
        time: change.time,
        by: change.by,
        first: before.is_none(),
        differences: match (&before, &change.content) {
            (Some(before), Some(after)) => between(before, after),
            _ => Vec::new(),
        },
        change: change.change,
    });
    page(&History {
        shell: visitor.shell(T::PLACE, title),
        base: T::BASE,
        place: format!("{}/{}/history", T::BASE, part(&id)),
        tabs: T::WORD == "policy" && now.is_some(),
        id: now.map_or(id, |now| now.id),
        versions: shown.collect(),
        next: versions.next,
        begun: !chosen.cursor.is_empty(),
    })
}
