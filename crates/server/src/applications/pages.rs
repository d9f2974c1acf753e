//! Applications in the browser: what was seen, its facts, and from there to a policy or a list with the rule filled in.

use askama::Template;
use axum::Router;
use axum::response::Response;
use axum::routing::get;
use brevet_api::rest::Page;
use brevet_api::rest::application::Application;
use brevet_api::rest::policy::StoredList;
use brevet_core::application::{Fact, Facts};
use serde::Deserialize;

use crate::access::Action;
use crate::app::App;
use crate::console::{By, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::{Path, Query};
use crate::http::failure::Outcome;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new().route("/applications", get(list)).route("/applications/{id}", get(show))
}

/// What the list can be ordered by.
const ORDERS: &[By] = &[
    By::moment("last", "Last seen"),
    By::moment("first", "First seen"),
    By::text("path", "Application"),
    By::number("sessions", "Ran"),
    By::number("requests", "Asked for"),
    By::number("refused", "Refused"),
    By::number("users", "Users"),
    By::number("computers", "Computers"),
];

/// How something was seen, as the filter has it.
const SEEN: [(&str, &str); 4] = [("", "in any way"), ("sessions", "ran"), ("requests", "was asked for"), ("refused", "was refused")];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Chosen {
    text: String,
    user: String,
    computer: String,
    seen: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "applications/list.html")]
struct List {
    shell: Shell,
    seen: Vec<(&'static str, &'static str, bool)>,
    chosen: Chosen,
    kept: String,
    filtered: bool,
    sorting: Sorting,
    wrong: Option<String>,
    page: Page<Application>,
}

async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let filters = [("text", chosen.text.as_str()), ("user", &chosen.user), ("computer", &chosen.computer), ("seen", &chosen.seen)];
    let order = ("sort", chosen.sort.as_str());
    let kept = query(filters.into_iter().chain([order]));
    let asked = query(filters.into_iter().chain([order, ("cursor", chosen.cursor.as_str())]));
    let (found, wrong) = visitor.chosen(&format!("/applications{asked}")).await?;
    let sorting = Sorting::new("/applications", ORDERS, (&chosen.sort, "-last"), &filters);
    page(&List {
        shell: visitor.shell(Place::Applications, "Applications"),
        seen: SEEN.into_iter().map(|(value, words)| (value, words, value == chosen.seen)).collect(),
        filtered: !query(filters).is_empty(),
        kept,
        sorting,
        wrong,
        chosen,
        page: found,
    })
}

#[derive(Template)]
#[template(path = "applications/show.html")]
struct Show {
    shell: Shell,
    may_change: bool,
    path: String,
    facts: Vec<(&'static str, String)>,
    /// What a rule could rest on: in words, and the fields of the form.
    rules: Vec<(&'static str, String)>,
    lists: Vec<StoredList>,
    events: String,
    it: Application,
}

async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    let asked = format!("/applications/{}", part(&id));
    let (it, lists): (Application, Page<StoredList>) = tokio::try_join!(visitor.read(&asked), visitor.read("/lists?limit=100"))?;
    let path = it.facts.path.to_string();
    page(&Show {
        shell: visitor.shell(Place::Applications, path.clone()),
        may_change: visitor.may(Action::ChangePolicy),
        facts: facts(&it.facts),
        rules: rules(&it.facts),
        lists: lists.items,
        events: query([("text", path.as_str())]),
        path,
        it,
    })
}

/// What rules could say of it, the narrowest first. What is not UTF-8 no rule can name; what is not root's alone only its content.
fn rules(facts: &Facts) -> Vec<(&'static str, String)> {
    let one = |kind: &str, value: &str, more: &[(&str, &str)]| {
        let named = [("rows", "1".to_owned(), ""), ("kind", kind.to_owned(), "[0]"), ("value", value.to_owned(), "[0]")];
        let named = named.into_iter().map(|(part, value, row)| (format!("{row}.{part}"), value));
        let more = more.iter().map(|(part, value)| (format!("[0].{part}"), (*value).to_owned()));
        let all: Vec<(String, String)> = named.chain(more).collect();
        // The form's own prefix stands before each: `applications` for a policy, `rules` for a list.
        let mut out = url::form_urlencoded::Serializer::new(String::new());
        all.iter().for_each(|(part, value)| {
            out.append_pair(&format!("PREFIX{part}"), value);
        });
        out.finish()
    };
    let mut out = vec![("exactly this content", one("hash", &facts.sha256.to_string(), &[]))];
    let roots = facts.chain == Fact::Known(true);
    let package = facts.package.known().and_then(Option::as_ref);
    if let Some(path) = facts.path.as_str().filter(|_| roots) {
        out.push(("this file", one("file", path, &[])));
        if let Some(package) = package {
            let name = path.rsplit('/').next().unwrap_or(path);
            out.push((
                "this program as its package installed it",
                one("executable", name, &[("product", package.name.as_str()), ("unchanged", "yes")]),
            ));
        }
    }
    if let Some(package) = package.filter(|_| roots) {
        out.push(("any program of its package", one("product", &package.name, &[])));
    }
    out
}

impl Show {
    /// A rule's fields for a form.
    #[expect(clippy::unused_self, reason = "as templates call it")]
    fn filled(&self, rule: &str, prefix: &str) -> String {
        rule.replace("PREFIX", prefix)
    }
}

/// What is known of it.
fn facts(facts: &Facts) -> Vec<(&'static str, String)> {
    let mut out = vec![("File", facts.path.to_string()), ("SHA-256", facts.sha256.to_string()), ("Bytes", facts.size.to_string())];
    out.extend(facts.way().iter().filter(|name| **name != facts.path).map(|name| ("Reached as", name.to_string())));
    match facts.package.known() {
        Some(Some(package)) => {
            out.push(("Package", format!("{} {}", package.name, package.version)));
            out.push(("Vendor, as the package says", package.vendor.clone().unwrap_or_else(|| "none".into())));
            let unchanged = match package.unchanged.known() {
                Some(true) => "yes",
                Some(false) => "NO: it is not what the package installed",
                None => "not known",
            };
            out.push(("Unchanged since installation", unchanged.into()));
        }
        Some(None) => out.push(("Package", "none".into())),
        None => out.push(("Package", "not known".into())),
    }
    let owner = facts.owner.known().cloned().unwrap_or_else(|| "not known".into());
    out.push(("Owner and mode", format!("{owner}, {:04o}", facts.mode)));
    let changes = match facts.chain {
        Fact::Known(true) => "root alone".into(),
        Fact::Known(false) => facts.writable_by.clone().unwrap_or_else(|| "somebody else too".into()),
        Fact::Unknown(_) => "not known".into(),
    };
    out.push(("Can be changed by", changes));
    if let Some(interpreter) = &facts.interpreter {
        out.push(("Script, run by", interpreter.path.to_string()));
        out.push(("The interpreter's SHA-256", interpreter.sha256.to_string()));
    }
    out
}
