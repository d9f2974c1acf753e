//! Everybody, by name; and adding somebody.

use askama::Template;
use axum::extract::RawForm;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Page;
use brevet_api::rest::person::{NewPerson, OsUser, Person, Role, Scopes};
use serde::Deserialize;

use crate::access::{Action, role_name, role_named};
use crate::console::{By, Made, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};
use crate::settings::pages::{Section, Tab, tabs};

pub(super) const ROLES: [Role; 4] = [Role::Owner, Role::Administrator, Role::Approver, Role::Auditor];

/// A role as a form shows it.
pub(super) struct Choice {
    pub name: &'static str,
    pub means: &'static str,
    pub chosen: bool,
    /// Computer groups that it is narrowed to, separated by commas.
    pub groups: String,
    /// Whether it can be narrowed at all.
    pub narrows: bool,
}

/// What was filled in of roles.
#[derive(Debug, Clone, Default)]
pub(super) struct Filled {
    pub roles: Vec<Role>,
    pub scopes: Scopes,
}

impl Filled {
    /// From `role=NAME` and `groups.NAME=a, b`.
    pub fn read(form: &[u8]) -> Self {
        let mut out = Self::default();
        for (name, value) in url::form_urlencoded::parse(form) {
            if name == "role" {
                out.roles.extend(role_named(&value).filter(|role| !out.roles.contains(role)));
            } else if let Some(role) = name.strip_prefix("groups.").and_then(role_named) {
                let groups: Vec<String> =
                    value.split([',', '\n']).map(str::trim).filter(|one| !one.is_empty()).map(str::to_owned).collect();
                if !groups.is_empty() {
                    out.scopes.set(role, groups);
                }
            }
        }
        out
    }

    pub fn choices(&self) -> Vec<Choice> {
        let groups = |role: Role| self.scopes.each().find(|(of, _)| *of == role).map(|(_, groups)| groups.join(", ")).unwrap_or_default();
        let choice = |role: Role| Choice {
            name: role_name(role),
            means: means(role),
            chosen: self.roles.contains(&role),
            groups: groups(role),
            narrows: role != Role::Owner,
        };
        ROLES.into_iter().map(choice).collect()
    }
}

const fn means(role: Role) -> &'static str {
    match role {
        Role::Owner => "people, roles, sign-in, keys, break-glass, and everything an administrator does",
        Role::Administrator => "policies, lists, groups, rules, computers, enrolment; revokes; reads and exports events",
        Role::Approver => "approves, declines, extends, revokes; reads events",
        Role::Auditor => "reads everything, exports events",
    }
}

/// What the list can be ordered by.
const ORDERS: &[By] = &[By::text("name", "Name"), By::moment("created", "Since")];

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(super) struct Chosen {
    name: String,
    role: String,
    user: String,
    sort: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "people/list.html")]
struct List {
    shell: Shell,
    tabs: Vec<Tab>,
    page: Page<Person>,
    chosen: Chosen,
    by_role: Vec<(&'static str, bool)>,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
    may_change: bool,
    name: String,
    os_user: String,
    choices: Vec<Choice>,
    why: Option<Failure>,
}

pub(super) async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    listed(&visitor, &chosen, (String::new(), String::new(), Filled::default()), None).await
}

async fn listed(
    visitor: &Visitor,
    chosen: &Chosen,
    (name, os_user, filled): (String, String, Filled),
    why: Option<Failure>,
) -> Outcome<Response> {
    let by = [("name", chosen.name.as_str()), ("role", &chosen.role), ("user", &chosen.user)];
    let order = ("sort", chosen.sort.as_str());
    let asked = query(by.into_iter().chain([order, ("cursor", chosen.cursor.as_str())]));
    let (found, wrong) = visitor.chosen(&format!("/persons{asked}")).await?;
    let failed = why.is_some();
    let response = page(&List {
        shell: visitor.shell(Place::Settings, "People"),
        tabs: tabs(visitor, Section::People),
        page: found,
        chosen: chosen.clone(),
        by_role: ROLES.into_iter().map(role_name).map(|name| (name, name == chosen.role)).collect(),
        kept: query(by.into_iter().chain([order])),
        sorting: Sorting::new("/settings/people", ORDERS, (&chosen.sort, "name"), &by),
        wrong,
        may_change: visitor.may(Action::ChangePersons),
        name,
        os_user,
        choices: filled.choices(),
        why,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

/// The last value of a field.
pub(super) fn field(form: &[u8], wanted: &str) -> String {
    url::form_urlencoded::parse(form).filter(|(name, _)| name == wanted).last().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

pub(super) async fn add(visitor: Visitor, RawForm(form): RawForm) -> Outcome<Response> {
    let (filled, name, os_user) = (Filled::read(&form), field(&form, "name"), field(&form, "os_user"));
    let user = os_user.trim();
    let os_users = if user.is_empty() { Vec::new() } else { vec![OsUser { user: user.into(), computer: None }] };
    let body = NewPerson { name: name.trim().into(), roles: filled.roles.clone(), scopes: filled.scopes.clone(), os_users };
    match visitor.change::<_, Person>(Method::POST, "/persons", None, &body).await {
        Ok(Made::Now(person)) => Ok(Redirect::to(&format!("/settings/people/{}?said=created", part(person.id.as_str()))).into_response()),
        Ok(Made::Proposed(_)) => Ok(Redirect::to("/settings/people?said=proposed").into_response()),
        Err(why) => listed(&visitor, &Chosen::default(), (name, os_user, filled), Some(why.at_form()?)).await,
    }
}
