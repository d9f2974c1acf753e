//! Finding what an argument names: a whole id, the unique beginning of one, or a request's short code.

use brevet_api::rest::grant::{GrantItem, GrantQuery};
use brevet_api::rest::page::PageQuery;
use brevet_api::rest::request::{RequestItem, RequestQuery};
use brevet_api::rest::session::{SessionItem, SessionQuery};
use brevet_api::rest::token::Token;
use brevet_api::rest::{Page, computer::EnrolmentToken};
use brevet_core::id::{EnrolmentTokenId, GrantId, RequestId, SessionId, TokenId};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::output::shown;

/// How many of a list are looked through for a shortened id.
const LOOKED_THROUGH: usize = 5000;

/// A request by id, beginning of an id, or short code.
///
/// # Errors
/// When none or more than one is meant.
pub fn request(client: &Client, text: &str) -> Result<String> {
    if RequestId::parse(text).is_ok() {
        return Ok(text.to_owned());
    }
    // WHY: a short code has 40 bits; among pending requests it is what user and approver compare, so those come first.
    for state in [Some("pending".to_owned()), None] {
        let page: Page<RequestItem> = client.list(&["requests"], &RequestQuery { state, ..RequestQuery::default() }, LOOKED_THROUGH)?;
        let found = page.items.iter().filter(|item| begins(item.id.as_str(), text) || item.code.eq_ignore_ascii_case(text));
        if let Some(id) = only("request", text, found.map(|item| item.id.to_string()).collect())? {
            return Ok(id);
        }
    }
    Err(CtlError::NotFound(format!("no request '{}'", shown(text))))
}

/// A grant by id or the beginning of one.
///
/// # Errors
/// When none or more than one is meant.
pub fn grant(client: &Client, text: &str) -> Result<String> {
    let whole = GrantId::parse(text).is_ok();
    by_beginning(client, ("grant", "grants"), text, whole, &GrantQuery::default(), |item: &GrantItem| item.id.to_string())
}

/// A session by id or the beginning of one.
///
/// # Errors
/// When none or more than one is meant.
pub fn session(client: &Client, text: &str) -> Result<String> {
    let whole = SessionId::parse(text).is_ok();
    by_beginning(client, ("session", "sessions"), text, whole, &SessionQuery::default(), |item: &SessionItem| item.id.to_string())
}

/// An API token by id or the beginning of one.
///
/// # Errors
/// When none or more than one is meant.
pub fn token(client: &Client, text: &str) -> Result<String> {
    let whole = TokenId::parse(text).is_ok();
    by_beginning(client, ("token", "tokens"), text, whole, &PageQuery::default(), |item: &Token| item.id.to_string())
}

/// An enrolment token by id or the beginning of one.
///
/// # Errors
/// When none or more than one is meant.
pub fn enrolment_token(client: &Client, text: &str) -> Result<String> {
    let whole = EnrolmentTokenId::parse(text).is_ok();
    let kind = ("enrolment token", "enrolment-tokens");
    by_beginning(client, kind, text, whole, &PageQuery::default(), |item: &EnrolmentToken| item.id.to_string())
}

fn by_beginning<Q: Serialize, T: DeserializeOwned>(
    client: &Client,
    (kind, path): (&str, &str),
    text: &str,
    whole: bool,
    query: &Q,
    id: impl Fn(&T) -> String,
) -> Result<String> {
    if whole {
        return Ok(text.to_owned());
    }
    let page: Page<T> = client.list(&[path], query, LOOKED_THROUGH)?;
    let found = page.items.iter().map(id).filter(|id| begins(id, text)).collect();
    only(kind, text, found)?.ok_or_else(|| CtlError::NotFound(format!("no {kind} '{}'", shown(text))))
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
