//! The general settings: each with what it means and what changing it does.

use askama::Template;
use axum::Form;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Page;
use brevet_api::rest::person::Role;
use brevet_api::rest::setting::{SetValue, Setting};
use serde::Deserialize;

use super::{Section, Tab, tabs};
use crate::access::Action;
use crate::console::{Made, Place, Shell, Visitor, filters, page, part};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};
use crate::settings::is_owners;

/// What a setting is called and does, in words for people.
struct Words {
    name: &'static str,
    title: &'static str,
    means: &'static str,
    on: &'static str,
    off: &'static str,
}

const KNOWN: [Words; 3] = [
    Words {
        name: "autonomous",
        title: "Autonomous Approval",
        means: "Whether the rules of Autonomous Approval answer requests. Rules in shadow go on recording what they would do.",
        on: "Every enabled rule begins to approve what it fits, on each computer as soon as it hears of this.",
        off: "No rule approves anything from then on; every request waits for a person. Access that was approved stays.",
    },
    Words {
        name: "four_eyes",
        title: "Four eyes",
        means: "Whether changes of policies, people and settings are proposals that a second person confirms.",
        on: "From then on such a change is a proposal, and nothing changes until somebody else confirms it. It needs two owners.",
        off: "This is a proposal itself: a second person confirms it. After that one person's change takes effect at once.",
    },
    Words {
        name: "other_mount_namespaces",
        title: "Callers in other mount namespaces",
        means: "Whether computers serve users whose programs see another file tree than the computer itself, as in containers. \
                Paths are always those of the computer.",
        on: "Users in containers that share the socket may ask from then on. What they see at a path may not be what would run.",
        off: "Callers in another mount namespace are refused from then on. What runs goes on.",
    },
];

/// A setting as it is shown.
struct Shown {
    setting: Setting,
    title: &'static str,
    means: String,
    /// What switching it would do.
    would: &'static str,
    other: &'static str,
    owners: bool,
    may_change: bool,
}

#[derive(Template)]
#[template(path = "settings/general.html")]
struct General {
    shell: Shell,
    tabs: Vec<Tab>,
    settings: Vec<Shown>,
    /// Of which setting, and why it was not set.
    why: Option<(String, Failure)>,
}

pub(super) async fn general(visitor: Visitor) -> Outcome<Response> {
    shown(&visitor, None).await
}

async fn shown(visitor: &Visitor, why: Option<(String, Failure)>) -> Outcome<Response> {
    let all: Page<Setting> = visitor.read("/settings").await?;
    let may = visitor.may(Action::ChangeSettings);
    let shown = |setting: Setting| {
        let words = KNOWN.iter().find(|words| words.name == setting.id);
        let owners = is_owners(&setting.id);
        let on = setting.value == "on";
        Shown {
            title: words.map_or("", |words| words.title),
            means: words.map_or_else(|| setting.description.clone(), |words| words.means.into()),
            would: words.map_or("", |words| if on { words.off } else { words.on }),
            other: if on { "off" } else { "on" },
            owners,
            may_change: may && (!owners || visitor.actor.is(Role::Owner)),
            setting,
        }
    };
    // How long text is kept stands with what keeps it longer.
    let settings = all.items.into_iter().filter(|setting| setting.id != "retention").map(shown).collect();
    let failed = why.is_some();
    let response =
        page(&General { shell: visitor.shell(Place::Settings, "General settings"), tabs: tabs(visitor, Section::General), settings, why })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

#[derive(Deserialize)]
pub(super) struct Fields {
    value: String,
}

pub(super) async fn set(visitor: Visitor, Path(name): Path<String>, Form(fields): Form<Fields>) -> Outcome<Response> {
    let body = SetValue { value: fields.value };
    match visitor.change::<_, Setting>(Method::PUT, &format!("/settings/{}", part(&name)), None, &body).await {
        Ok(Made::Now(_)) => Ok(Redirect::to("/settings?said=changed").into_response()),
        Ok(Made::Proposed(_)) => Ok(Redirect::to("/settings?said=proposed").into_response()),
        Err(why) => shown(&visitor, Some((name, why.at_form()?))).await,
    }
}
