//! A name that is not there, and which one is nearly it: asked of the server, so that it names only what the person may see.

use std::collections::BTreeSet;

use brevet_api::rest::Page;
use serde_json::Value;

use crate::client::Client;
use crate::error::CtlError;
use crate::output::shown;

/// Kinds with names; requests, grants and the like have ids only.
const NAMED: [&str; 9] = ["holds", "policies", "lists", "groups", "autonomous", "computers", "persons", "settings", "notification-targets"];
/// How many names are looked through.
const MOST: usize = 5000;

/// The refusal with a hint, where a name like the one that was asked for is there.
pub fn with_hint(client: &Client, path: &[&str], refusal: CtlError) -> CtlError {
    let CtlError::Refused(mut problem) = refusal else { return refusal };
    if problem.code == "not_found"
        && problem.hint.is_none()
        && let [kind, name, ..] = path
        && NAMED.contains(kind)
        && let Ok(page) = client.list::<_, Value>(&[kind], &(), MOST)
    {
        problem.hint = nearest(name, &names(&page)).map(|near| format!("do you mean '{}'?", shown(&near)));
    }
    CtlError::Refused(problem)
}

/// Settings are named by their id.
fn names(page: &Page<Value>) -> BTreeSet<String> {
    page.items.iter().filter_map(|item| item.get("name").or_else(|| item.get("id"))?.as_str()).map(str::to_owned).collect()
}

/// The name that is nearly the one that was written, if there is one.
#[must_use]
pub fn nearest(name: &str, names: &BTreeSet<String>) -> Option<String> {
    let most = match name.chars().count() {
        0..=2 => return None,
        3..=5 => 1,
        _ => 2,
    };
    let wanted = name.to_lowercase();
    let near = names.iter().map(|other| (strsim::damerau_levenshtein(&wanted, &other.to_lowercase()), other));
    near.filter(|(distance, _)| *distance <= most).min().map(|(_, other)| other.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_nearest_name_is_found_and_nothing_far_away() {
        let page = names(&Page { items: vec![json!({ "name": "web-1" }), json!({ "id": "autonomous" })], next: None });
        assert_eq!(nearest("wbe-1", &page).as_deref(), Some("web-1"));
        assert_eq!(nearest("autonomus", &page).as_deref(), Some("autonomous"));
        assert_eq!(nearest("db", &page), None);
        assert_eq!(nearest("database", &page), None);
    }
}
