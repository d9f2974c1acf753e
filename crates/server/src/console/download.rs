//! A list as CSV, exactly as it was chosen: every row of it, page by page, in the order of the page. It reads the same routes as the page
//! does, as whoever is signed in, and holds one page of them at a time.

use axum::body::Body;
use axum::extract::RawQuery;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::Page;
use brevet_core::escape::csv;
use futures_util::stream;
use serde_json::Value;

use super::visitor::{Visitor, part, query};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

/// A list: its page, its route, and its columns as heading and place in what the route gives.
struct List {
    page: &'static str,
    route: &'static str,
    columns: &'static [(&'static str, &'static str)],
}

const fn list(page: &'static str, route: &'static str, columns: &'static [(&'static str, &'static str)]) -> List {
    List { page, route, columns }
}

const LISTS: &[List] = &[
    list(
        "computers",
        "computers",
        &[
            ("name", "/name"),
            ("id", "/id"),
            ("state", "/state"),
            ("connected", "/connected"),
            ("silent", "/lost"),
            ("last contact", "/last_contact"),
            ("enrolled", "/enrolled"),
            ("operating system", "/facts/os_name"),
            ("kernel", "/facts/kernel"),
            ("broker", "/facts/broker_version"),
            ("groups", "/groups"),
        ],
    ),
    list(
        "requests",
        "requests",
        &[
            ("asked", "/created"),
            ("code", "/code"),
            ("id", "/id"),
            ("state", "/state"),
            ("user", "/user"),
            ("computer", "/computer/name"),
            ("would run", "/command"),
            ("as", "/target_user"),
            ("for", "/duration"),
            ("reason", "/reason"),
            ("ticket", "/ticket"),
            ("policy", "/policy/name"),
            ("lapses", "/lapses"),
            ("closed", "/closed"),
            ("grant", "/grant"),
        ],
    ),
    list(
        "access",
        "grants",
        &[
            ("made", "/created"),
            ("id", "/id"),
            ("state", "/state"),
            ("origin", "/origin"),
            ("user", "/user"),
            ("computer", "/computer/name"),
            ("what", "/command"),
            ("as", "/target_user"),
            ("policy", "/policy/name"),
            ("reason", "/reason"),
            ("for", "/duration"),
            ("first used", "/activated"),
            ("ends", "/ends"),
            ("ended", "/ended"),
        ],
    ),
    list(
        "sessions",
        "sessions",
        &[
            ("started", "/started"),
            ("id", "/id"),
            ("state", "/state"),
            ("user", "/user"),
            ("computer", "/computer/name"),
            ("runs", "/command"),
            ("as", "/target_user"),
            ("policy", "/policy/name"),
            ("reason", "/reason"),
            ("grant", "/grant"),
            ("ends", "/ends"),
            ("ended", "/ended"),
        ],
    ),
    list(
        "proposals",
        "proposals",
        &[
            ("made", "/created"),
            ("id", "/id"),
            ("state", "/state"),
            ("change", "/summary"),
            ("proposed by", "/proposer_name"),
            ("closed", "/closed"),
            ("closed by", "/closed_by"),
            ("comment", "/comment"),
        ],
    ),
    list(
        "break-glass",
        "break-glass",
        &[
            ("opened", "/opened"),
            ("id", "/id"),
            ("state", "/state"),
            ("user", "/user"),
            ("computer", "/computer/name"),
            ("opened by", "/opened_by_name"),
            ("for", "/for"),
            ("reason", "/reason"),
            ("ends", "/ends"),
            ("ended", "/ended"),
            ("reviewed by", "/review/name"),
        ],
    ),
    list(
        "applications",
        "applications",
        &[
            ("application", "/facts/path"),
            ("sha256", "/facts/sha256"),
            ("ran", "/sessions"),
            ("asked for", "/requests"),
            ("refused", "/refused"),
            ("users", "/users"),
            ("computers", "/computers"),
            ("first seen", "/first"),
            ("last seen", "/last"),
        ],
    ),
    list(
        "policies",
        "policies",
        &[
            ("name", "/name"),
            ("id", "/id"),
            ("mode", "/mode"),
            ("enabled", "/enabled"),
            ("version", "/version"),
            ("made", "/created"),
            ("changed", "/changed"),
        ],
    ),
    list(
        "groups",
        "groups",
        &[
            ("name", "/name"),
            ("id", "/id"),
            ("computers", "/computers"),
            ("users", "/users"),
            ("version", "/version"),
            ("changed", "/changed"),
        ],
    ),
    list("lists", "lists", &[("name", "/name"), ("id", "/id"), ("version", "/version"), ("changed", "/changed")]),
    list(
        "settings/autonomous",
        "autonomous",
        &[
            ("name", "/name"),
            ("id", "/id"),
            ("enabled", "/enabled"),
            ("shadow", "/shadow"),
            ("version", "/version"),
            ("changed", "/changed"),
        ],
    ),
    list(
        "enrolment-tokens",
        "enrolment-tokens",
        &[
            ("name", "/name"),
            ("id", "/id"),
            ("used", "/used"),
            ("uses", "/uses"),
            ("groups", "/groups"),
            ("made", "/created"),
            ("expires", "/expires"),
            ("revoked", "/revoked"),
        ],
    ),
    list(
        "settings/people",
        "persons",
        &[("name", "/name"), ("id", "/id"), ("roles", "/roles"), ("enabled", "/enabled"), ("since", "/created")],
    ),
    list(
        "settings/tokens",
        "tokens",
        &[
            ("name", "/name"),
            ("id", "/id"),
            ("whose", "/person_name"),
            ("roles", "/roles"),
            ("decides", "/decides"),
            ("made", "/created"),
            ("last used", "/last_used"),
            ("ends", "/expires"),
            ("revoked", "/revoked"),
        ],
    ),
    list(
        "settings/notifications",
        "notification-targets",
        &[
            ("name", "/name"),
            ("id", "/id"),
            ("by", "/kind"),
            ("address", "/address"),
            ("events", "/events"),
            ("enabled", "/enabled"),
            ("waiting", "/waiting"),
        ],
    ),
    list(
        "settings/notifications/words",
        "notification-templates",
        &[("event", "/id"), ("subject", "/subject"), ("built in", "/built_in"), ("changed", "/changed")],
    ),
    list(
        "settings/notifications/log",
        "notifications",
        &[
            ("when", "/created"),
            ("id", "/id"),
            ("target", "/target"),
            ("event", "/kind"),
            ("subject", "/subject"),
            ("state", "/state"),
            ("tried", "/attempts"),
            ("error", "/error"),
        ],
    ),
    list(
        "settings/retention",
        "holds",
        &[
            ("name", "/name"),
            ("id", "/id"),
            ("reason", "/reason"),
            ("made", "/created"),
            ("made by", "/created_by_name"),
            ("released", "/released"),
        ],
    ),
];

/// Where a policy stands on each computer: its page has the policy's id in it.
const ON_COMPUTERS: &[(&str, &str)] = &[
    ("computer", "/name"),
    ("id", "/id"),
    ("state", "/state"),
    ("version", "/version"),
    ("field", "/field"),
    ("why", "/reason"),
    ("since", "/since"),
];

/// What is being read.
struct Reading {
    visitor: Visitor,
    route: String,
    chosen: Vec<(String, String)>,
    columns: &'static [(&'static str, &'static str)],
    page: Option<Page<Value>>,
}

impl Reading {
    async fn next(&self, cursor: &str) -> Outcome<Page<Value>> {
        let chosen = self.chosen.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let asked = query(chosen.chain([("limit", "500"), ("cursor", cursor)]));
        self.visitor.read(&format!("/{}{asked}", self.route)).await
    }

    /// The lines of the page that was read, and the page after it.
    async fn lines(mut self) -> Outcome<Option<(String, Self)>> {
        let Some(page) = self.page.take() else { return Ok(None) };
        let mut out = String::new();
        for item in &page.items {
            let cells: Vec<String> = self.columns.iter().map(|(_, place)| csv(&text(item.pointer(place))).into_owned()).collect();
            out.push_str(&cells.join(","));
            out.push_str("\r\n");
        }
        if let Some(cursor) = page.next {
            self.page = Some(self.next(&cursor).await?);
        }
        Ok(Some((out, self)))
    }
}

/// A value as a cell: text as it is, several with commas between them.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(all)) => all.iter().map(|one| text(Some(one))).collect::<Vec<_>>().join(", "),
        Some(other) => other.to_string(),
    }
}

/// What the page's filter calls by a name of its own, as the route has it.
fn as_route(page: &str, name: &str, value: &str) -> (String, String) {
    let (name, value) = match (page, name, value) {
        ("computers", "state", "silent") => ("lost", "true"),
        ("access", "state", "open") => ("open", "true"),
        ("break-glass", "show", "open") => ("state", "open"),
        ("break-glass", "show", "review") => ("reviewed", "false"),
        _ => (name, value),
    };
    (name.to_owned(), value.to_owned())
}

/// Where a list's page is, what it was chosen by, and all of it as a file.
pub(super) async fn download(visitor: Visitor, Path(of): Path<String>, RawQuery(text): RawQuery) -> Outcome<Response> {
    let none = || Failure::not_found("list", &of);
    let policy = of.strip_prefix("policies/").and_then(|rest| rest.strip_suffix("/computers"));
    let (route, columns, name) = match (policy, LISTS.iter().find(|list| list.page == of)) {
        (Some(id), _) => (format!("policies/{}/computers", part(id)), ON_COMPUTERS, "policy-computers"),
        (None, Some(list)) => (list.route.to_owned(), list.columns, list.route),
        (None, None) => return Err(none()),
    };
    let pairs = url::form_urlencoded::parse(text.as_deref().unwrap_or_default().as_bytes());
    let chosen = pairs.filter(|(name, value)| !value.is_empty() && name != "cursor");
    let chosen = chosen.map(|(name, value)| as_route(&of, &name, &value)).collect();
    let mut reading = Reading { visitor, route, chosen, columns, page: None };
    // What is wrong is said as a page, before anything is sent.
    reading.page = Some(reading.next("").await?);
    let head = columns.iter().map(|(heading, _)| *heading).collect::<Vec<_>>().join(",") + "\r\n";
    let rest = stream::try_unfold(reading, Reading::lines);
    let whole = stream::StreamExt::chain(stream::iter([Ok::<_, Failure>(head)]), rest);
    let whole = stream::TryStreamExt::map_err(whole, |why| std::io::Error::other(why.words()));
    let mut response = Body::from_stream(whole).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let attachment = HeaderValue::from_str(&format!("attachment; filename=\"brevet-{name}.csv\"")).map_err(Failure::internal)?;
    headers.insert(header::CONTENT_DISPOSITION, attachment);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_and_a_page_s_own_names_become_the_route_s() {
        assert_eq!(text(Some(&serde_json::json!(["a", 1, null]))), "a, 1, ");
        assert_eq!(text(None), "");
        assert_eq!(as_route("computers", "state", "silent"), ("lost".into(), "true".into()));
        assert_eq!(as_route("requests", "state", "pending"), ("state".into(), "pending".into()));
    }
}
