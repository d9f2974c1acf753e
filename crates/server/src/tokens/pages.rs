//! API tokens: one's own, an owner's everybody's; made with their text shown once, and revoked.

use askama::Template;
use axum::Router;
use axum::extract::RawForm;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use brevet_api::rest::Page;
use brevet_api::rest::person::Role;
use brevet_api::rest::token::{NewToken, Token, TokenCreated};
use brevet_core::time::{Length, Timestamp};
use serde::Deserialize;

use crate::access::{role_name, role_named};
use crate::app::App;
use crate::console::{By, Made, Place, Shell, Sorting, Visitor, filters, page, part, query};
use crate::http::extract::{Path, Query};
use crate::http::failure::{Failure, Outcome};
use crate::settings::pages::{Section, Tab, tabs};

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new().route("/settings/tokens", get(list).post(make)).route("/settings/tokens/{id}/revoke", post(revoke))
}

/// What the list can be ordered by.
const ORDERS: &[By] = &[
    By::moment("created", "Made"),
    By::text("name", "Name"),
    By::text("person", "Whose"),
    By::moment("last_used", "Last used"),
    By::moment("expires", "Ends"),
];

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
struct Chosen {
    name: String,
    person: String,
    active: String,
    sort: String,
    cursor: String,
}

/// The form as it was filled in.
struct Filled {
    name: String,
    person: String,
    lives: String,
    decides: bool,
    /// Each role that there is, and whether it is chosen.
    roles: Vec<(&'static str, bool)>,
}

impl Filled {
    fn read(form: &[u8], visitor: &Visitor) -> Self {
        let mut out = Self::empty(visitor);
        let mut chosen = Vec::new();
        for (name, value) in url::form_urlencoded::parse(form) {
            match name.as_ref() {
                "name" => out.name = value.into_owned(),
                "person" => out.person = value.into_owned(),
                "expires_in" => out.lives = value.into_owned(),
                "decides" => out.decides = true,
                "role" => chosen.push(value.into_owned()),
                _ => {}
            }
        }
        out.roles.iter_mut().for_each(|(name, on)| *on = chosen.iter().any(|one| one == name));
        out
    }

    /// All of their own roles: as the API does where nothing is said.
    fn empty(visitor: &Visitor) -> Self {
        let all = [Role::Owner, Role::Administrator, Role::Approver, Role::Auditor];
        // An owner makes tokens for others, who have roles that they have not.
        let offered = all.into_iter().filter(|role| visitor.actor.is(Role::Owner) || visitor.actor.is(*role));
        let roles = offered.map(|role| (role_name(role), visitor.actor.is(role))).collect();
        Self { name: String::new(), person: String::new(), lives: "90d".into(), decides: false, roles }
    }

    fn body(&self) -> Outcome<NewToken> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let lives = text(&self.lives).map(|length| length.parse::<Length>()).transpose();
        Ok(NewToken {
            name: self.name.trim().to_owned(),
            person: text(&self.person),
            roles: Some(self.roles.iter().filter(|(_, on)| *on).filter_map(|(name, _)| role_named(name)).collect()),
            scopes: brevet_api::rest::person::Scopes::default(),
            decides: self.decides,
            expires_in: lives.map_err(|why| Failure::field("expires_in", why.to_string()))?,
        })
    }
}

#[derive(Template)]
#[template(path = "tokens/list.html")]
struct List {
    shell: Shell,
    tabs: Vec<Tab>,
    page: Page<Token>,
    chosen: Chosen,
    kept: String,
    sorting: Sorting,
    wrong: Option<String>,
    now: Timestamp,
    owner: bool,
    may_decide: bool,
    form: Filled,
    why: Option<Failure>,
}

async fn list(visitor: Visitor, Query(chosen): Query<Chosen>) -> Outcome<Response> {
    let form = Filled::empty(&visitor);
    listed(&visitor, &chosen, form, None).await
}

async fn listed(visitor: &Visitor, chosen: &Chosen, form: Filled, why: Option<Failure>) -> Outcome<Response> {
    let by = [("name", chosen.name.as_str()), ("person", &chosen.person), ("active", &chosen.active)];
    let order = ("sort", chosen.sort.as_str());
    let asked = query(by.into_iter().chain([order, ("cursor", chosen.cursor.as_str())]));
    let (found, wrong) = visitor.chosen(&format!("/tokens{asked}")).await?;
    let failed = why.is_some();
    let response = page(&List {
        shell: visitor.shell(Place::Settings, "API tokens"),
        tabs: tabs(visitor, Section::Tokens),
        page: found,
        chosen: chosen.clone(),
        kept: query(by.into_iter().chain([order])),
        sorting: Sorting::new("/settings/tokens", ORDERS, (&chosen.sort, "-created"), &by),
        wrong,
        now: visitor.app.clock.now(),
        owner: visitor.actor.is(Role::Owner),
        may_decide: visitor.actor.decides,
        form,
        why,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

#[derive(Template)]
#[template(path = "tokens/made.html")]
struct Shown {
    shell: Shell,
    tabs: Vec<Tab>,
    it: TokenCreated,
}

/// Its text is shown this once, and kept by no browser.
async fn make(visitor: Visitor, RawForm(form): RawForm) -> Outcome<Response> {
    let filled = Filled::read(&form, &visitor);
    let made = match filled.body() {
        Ok(body) => visitor.change::<_, TokenCreated>(Method::POST, "/tokens", None, &body).await,
        Err(why) => Err(why),
    };
    match made {
        Ok(Made::Now(it)) => {
            let shell = visitor.shell(Place::Settings, "A new API token");
            let mut response = page(&Shown { shell, tabs: tabs(&visitor, Section::Tokens), it })?;
            response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        Ok(Made::Proposed(_)) => Ok(Redirect::to("/settings/tokens?said=proposed").into_response()),
        Err(why) => listed(&visitor, &Chosen::default(), filled, Some(why.at_form()?)).await,
    }
}

async fn revoke(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    match visitor.act::<()>(Method::DELETE, &format!("/tokens/{}", part(&id)), None).await? {
        Made::Now(()) => Ok(Redirect::to("/settings/tokens?said=ended").into_response()),
        Made::Proposed(_) => Ok(Redirect::to("/settings/tokens?said=proposed").into_response()),
    }
}
