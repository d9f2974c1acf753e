//! Finding what an argument names: a whole id, the unique beginning of one, a token's name, or a request's short code.

use std::collections::BTreeSet;

use brevet_api::rest::event::EventQuery;
use brevet_api::rest::grant::{GrantItem, GrantQuery};
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::request::{RequestItem, RequestQuery};
use brevet_api::rest::session::{SessionItem, SessionQuery};
use brevet_api::rest::token::Token;
use brevet_api::rest::{Page, computer::EnrolmentToken};
use brevet_core::digest::typed_code;
use brevet_core::id::{EnrolmentTokenId, GrantId, RequestId, SessionId, TokenId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::near;
use crate::output::shown;

/// How many of a list are looked through for a shortened id.
const LOOKED_THROUGH: usize = 5000;

/// A request by id, beginning of an id, or short code.
///
/// # Errors
/// When none or more than one is meant.
pub fn request(client: &Client, text: &str) -> Result<String> {
    request_seen(client, text).map(|(id, _)| id)
}

/// The same, with the short code where that is what it was named by.
///
/// # Errors
/// When none or more than one is meant.
pub fn request_seen(client: &Client, text: &str) -> Result<(String, Option<String>)> {
    if RequestId::parse(text).is_ok() {
        return Ok((text.to_owned(), None));
    }
    let code = typed_code(text);
    // WHY: a short code has 40 bits; among pending requests it is what user and approver compare, so those come first.
    for state in [Some("pending".to_owned()), None] {
        let page: Page<RequestItem> = client.list(&["requests"], &RequestQuery { state, ..RequestQuery::default() }, LOOKED_THROUGH)?;
        let by_code = |item: &RequestItem| code.as_ref() == Some(&item.code);
        let found = page.items.iter().filter(|item| begins(item.id.as_str(), text) || by_code(item));
        if let Some(id) = only("request", text, found.map(|item| item.id.to_string()).collect())? {
            let seen = page.items.iter().any(|item| item.id.as_str() == id && by_code(item));
            return Ok((id, code.filter(|_| seen)));
        }
    }
    Err(CtlError::NotFound(format!("no request '{}'", shown(text))))
}

/// What a query of events names by short code or the beginning of an id, by its id.
///
/// # Errors
/// When none or more than one is meant.
pub fn in_query(client: &Client, query: EventQuery) -> Result<EventQuery> {
    let request = query.request.as_deref().map(|text| request(client, text)).transpose()?;
    let grant = query.grant.as_deref().map(|text| grant(client, text)).transpose()?;
    let session = query.session.as_deref().map(|text| session(client, text)).transpose()?;
    let token = query.token.as_deref().map(|text| token(client, text)).transpose()?;
    Ok(EventQuery { request, grant, session, token, ..query })
}

/// A grant by id or the beginning of one.
///
/// # Errors
/// When none or more than one is meant.
pub fn grant(client: &Client, text: &str) -> Result<String> {
    let whole = GrantId::parse(text).is_ok();
    by_beginning(client, ("grant", "grants"), text, whole, &GrantQuery::default(), |item: &GrantItem| One::unnamed(&item.id))
}

/// A session by id or the beginning of one.
///
/// # Errors
/// When none or more than one is meant.
pub fn session(client: &Client, text: &str) -> Result<String> {
    let whole = SessionId::parse(text).is_ok();
    by_beginning(client, ("session", "sessions"), text, whole, &SessionQuery::default(), |item: &SessionItem| One::unnamed(&item.id))
}

/// An API token by id, the beginning of one, or its name where one token alone has it and still works.
///
/// # Errors
/// When none or more than one is meant.
pub fn token(client: &Client, text: &str) -> Result<String> {
    let whole = TokenId::parse(text).is_ok();
    let one = |item: &Token| One { id: item.id.to_string(), name: Some(item.name.clone()), over: item.revoked };
    by_beginning(client, ("token", "tokens"), text, whole, &PageQuery::default(), one)
}

/// An enrolment token by id, the beginning of one, or its name where one alone has it and is not revoked.
///
/// # Errors
/// When none or more than one is meant.
pub fn enrolment_token(client: &Client, text: &str) -> Result<String> {
    let whole = EnrolmentTokenId::parse(text).is_ok();
    let kind = ("enrolment token", "enrolment-tokens");
    let one = |item: &EnrolmentToken| One { id: item.id.to_string(), name: Some(item.name.clone()), over: item.revoked };
    by_beginning(client, kind, text, whole, &PageQuery::default(), one)
}

/// One thing of a list, by what it is called.
struct One {
    id: String,
    name: Option<String>,
    /// Whether only its id means it: another may have its name now.
    over: bool,
}

impl One {
    fn unnamed(id: &impl ToString) -> Self {
        Self { id: id.to_string(), name: None, over: false }
    }
}

fn by_beginning<Q: Serialize, T: DeserializeOwned>(
    client: &Client,
    (kind, path): (&str, &str),
    text: &str,
    whole: bool,
    query: &Q,
    one: impl Fn(&T) -> One,
) -> Result<String> {
    if whole {
        return Ok(text.to_owned());
    }
    let page: Page<T> = client.list(&[path], query, LOOKED_THROUGH)?;
    let all: Vec<One> = page.items.iter().map(one).collect();
    let is = |one: &&One| !one.over && one.name.as_deref() == Some(text);
    let mut found: Vec<String> = all.iter().filter(is).map(|one| one.id.clone()).collect();
    if found.is_empty() {
        found = all.iter().filter(|one| begins(&one.id, text)).map(|one| one.id.clone()).collect();
    }
    only(kind, text, found)?.ok_or_else(|| {
        let names: BTreeSet<String> = all.into_iter().filter(|one| !one.over).filter_map(|one| one.name).collect();
        let near = near::nearest(text, &names).map(|near| format!("\nhint: do you mean '{}'?", shown(&near))).unwrap_or_default();
        CtlError::NotFound(format!("no {kind} '{}'{near}", shown(text)))
    })
}

/// With or without the kind's prefix; at least four characters that are not the prefix, so that nothing is hit by accident.
fn begins(id: &str, text: &str) -> bool {
    let body = id.split_once('_').map_or(id, |(_, body)| body);
    let rest = text.split_once('_').map_or(text, |(_, rest)| rest);
    rest.len() >= 4 && (id.starts_with(text) || body.starts_with(text))
}

fn only(kind: &str, text: &str, mut found: Vec<String>) -> Result<Option<String>> {
    if found.len() > 1 {
        found.truncate(5);
        return Err(CtlError::Usage(format!("'{}' could be more than one {kind}: {}", shown(text), found.join(", "))));
    }
    Ok(found.pop())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_counts_from_four_characters_on() {
        assert!(begins("req_01abcdef", "req_01ab") && begins("req_01abcdef", "01abc"));
        assert!(!begins("req_01abcdef", "req_") && !begins("req_01abcdef", "01a") && !begins("req_01abcdef", "abcd"));
    }

    #[test]
    fn what_could_be_two_things_is_refused() {
        assert_eq!(only("grant", "x", vec![]).unwrap(), None);
        assert_eq!(only("grant", "x", vec!["a".into()]).unwrap(), Some("a".into()));
        assert!(matches!(only("grant", "x", vec!["a".into(), "b".into()]), Err(CtlError::Usage(_))));
    }
}
