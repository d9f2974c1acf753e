//! Whether that what a list was narrowed to is there at all. It is asked only when nothing was found: a slip must not look like an
//! empty list, and what was found needs no proof.

use std::collections::BTreeSet;

use brevet_api::rest::Page;
use brevet_api::rest::event::SERVER_KINDS;
use brevet_core::record::Body;
use serde::Serialize;
use serde_json::Value;

use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::near;
use crate::output::shown;

/// How many of each list are looked through for names that are nearly meant.
const LOOKED_THROUGH: usize = 500;

/// What a query names by which field, and the list that it is in.
const NAMED: [(&str, &str); 7] = [
    ("computer", "computers"),
    ("computer_group", "groups"),
    ("policy", "policies"),
    ("person", "persons"),
    ("request", "requests"),
    ("grant", "grants"),
    ("session", "sessions"),
];

/// Refuses a query that names what is not there.
///
/// # Errors
/// When something that it names is not known, with the name that is nearly it; when the server cannot be reached.
pub fn refuse_unknown<Q: Serialize>(client: &Client, query: &Q) -> Result<()> {
    let query = serde_json::to_value(query).map_err(|error| CtlError::Failed(format!("no JSON form: {error}")))?;
    let text = |field: &str| query.get(field).and_then(Value::as_str);
    for (field, list) in NAMED {
        let Some(name) = text(field) else { continue };
        match client.get::<Value>(&[list, name]) {
            Err(error) if error.exit_status() == 3 && !has_events(client, field, name)? => return Err(error),
            // Who may not look one up may still list what concerns it.
            Err(CtlError::Refused(_)) | Ok(_) => {}
            Err(other) => return Err(other),
        }
    }
    text("user").map_or(Ok(()), |user| refuse_unknown_user(client, user))
}

/// What is deleted or removed has left events.
fn has_events(client: &Client, field: &str, value: &str) -> Result<bool> {
    match client.list::<_, Value>(&["events"], &[(field, value)], 1) {
        Ok(page) => Ok(!page.items.is_empty()),
        Err(CtlError::Refused(_)) => Ok(false),
        Err(other) => Err(other),
    }
}

/// Accounts are the computers' own. One is known here when something happened to it, or a definition or a person names it.
fn refuse_unknown_user(client: &Client, user: &str) -> Result<()> {
    if has_events(client, "user", user)? {
        return Ok(());
    }
    let mut names = BTreeSet::new();
    for (list, path) in [
        ("policies", "/users"),
        ("groups", "/users"),
        ("autonomous", "/users"),
        ("persons", "/os_users"),
        ("requests", "/user"),
        ("grants", "/user"),
        ("sessions", "/user"),
    ] {
        let page = match client.list::<_, Value>(&[list], &(), LOOKED_THROUGH) {
            Err(CtlError::Refused(_)) => continue,
            other => other?,
        };
        names.extend(page.items.iter().filter_map(|item| item.pointer(path)).flat_map(accounts));
    }
    if names.contains(user) {
        return Ok(());
    }
    Err(unknown("user", user, "nothing names this user, and nothing happened to them", near::nearest(user, &names)))
}

/// Names in `"alice"`, `["alice", "os-group:web"]` or `[{ "user": "alice" }]`.
fn accounts(value: &Value) -> Vec<String> {
    let one = |value: &Value| value.as_str().or_else(|| value.get("user")?.as_str()).map(str::to_owned);
    let all: Vec<String> = value.as_array().map_or_else(|| one(value).into_iter().collect(), |all| all.iter().filter_map(one).collect());
    all.into_iter().filter(|name| !name.contains(':')).collect()
}

/// Refuses kinds of events that no version like this one writes, and of which nothing happened.
///
/// # Errors
/// With the kind that is nearly meant; when the server cannot be reached.
pub fn refuse_unknown_kinds(client: &Client, kinds: &str) -> Result<()> {
    let known: BTreeSet<String> = Body::KINDS.iter().chain(SERVER_KINDS).map(|&kind| kind.to_owned()).collect();
    for kind in kinds.split(',').map(str::trim) {
        let begins = kind.strip_suffix('*').or_else(|| kind.ends_with('.').then_some(kind));
        let is_known = known.iter().any(|other| begins.map_or(other == kind, |begins| other.starts_with(begins)));
        if !is_known && !has_events(client, "kind", kind)? {
            return Err(unknown("kind of event", kind, "nothing of this kind happened", near::nearest(kind, &known)));
        }
    }
    Ok(())
}

fn unknown(what: &str, name: &str, because: &str, near: Option<String>) -> CtlError {
    let near = near.map(|near| format!("\nhint: do you mean '{}'?", shown(&near))).unwrap_or_default();
    CtlError::NotFound(format!("no {what} '{}' is known: {because}{near}", shown(name)))
}

/// The page, unless it is empty because of a slip.
///
/// # Errors
/// As `refuse_unknown`.
pub fn page<T, Q: Serialize>(client: &Client, query: &Q, page: Result<Page<T>>) -> Result<Page<T>> {
    match page {
        Ok(page) if page.items.is_empty() => refuse_unknown(client, query).map(|()| page),
        // The server says what is not there, and not what is nearly meant.
        Err(error) if error.exit_status() == 3 => refuse_unknown(client, query).and(Err(error)),
        other => other,
    }
}
