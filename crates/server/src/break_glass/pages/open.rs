//! The form that opens access without approval.

use askama::Template;
use axum::Form as Posted;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::Code;
use brevet_api::rest::break_glass::{BreakGlass, OpenBreakGlass};
use brevet_core::application::Rule;
use brevet_core::time::Length;
use serde::Deserialize;

use crate::access::Action;
use crate::console::{Made, Place, Shell, Visitor, filters, page, part};
use crate::http::failure::{Failure, Outcome};

/// What an application may be named by: the rule's key, and its words.
const BY: [(&str, &str); 5] = [
    ("file", "file: its absolute path"),
    ("product", "product: a package's name"),
    ("folder", "folder: everything in it, with subfolders"),
    ("hash", "hash: the content's SHA-256"),
    ("vendor", "vendor, as packages name it"),
];

/// What the form says.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    computer: String,
    user: String,
    by: String,
    application: String,
    #[serde(rename = "for")]
    duration: String,
    reason: String,
    without_password: bool,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            computer: String::new(),
            user: String::new(),
            by: "file".into(),
            application: String::new(),
            duration: "1h".into(),
            reason: String::new(),
            without_password: false,
        }
    }
}

#[derive(Template)]
#[template(path = "break_glass/open.html")]
struct Form {
    shell: Shell,
    by: Vec<(&'static str, &'static str, bool)>,
    fields: Fields,
    why: Option<Failure>,
}

impl Form {
    /// What is wrong with a field; a rule is one field here, whatever part of it is wrong.
    fn wrong(&self, field: &str) -> Option<&str> {
        let why = self.why.as_ref()?;
        if field != "application" {
            return why.at(field);
        }
        let parts = BY.iter().map(|(key, _)| format!("application.{key}"));
        std::iter::once("application".to_owned()).chain(parts).find_map(|field| why.at(&field))
    }
}

pub(super) async fn form(visitor: Visitor) -> Outcome<Response> {
    if !visitor.may(Action::BreakGlass) {
        return Err(Failure::new(Code::Forbidden).because("an owner opens access without approval"));
    }
    shown(&visitor, Fields::default(), None)
}

fn shown(visitor: &Visitor, fields: Fields, why: Option<Failure>) -> Outcome<Response> {
    let failed = why.is_some();
    let by = BY.into_iter().map(|(key, words)| (key, words, key == fields.by)).collect();
    let response = page(&Form { shell: visitor.shell(Place::Access, "Open access without approval"), by, fields, why })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

pub(super) async fn open(visitor: Visitor, Posted(fields): Posted<Fields>) -> Outcome<Response> {
    match send(&visitor, &fields).await {
        Ok(Made::Now(it)) => Ok(Redirect::to(&format!("/break-glass/{}?said=opened", part(it.id.as_str()))).into_response()),
        Ok(Made::Proposed(_)) => Ok(Redirect::to("/break-glass?said=proposed").into_response()),
        Err(why) => shown(&visitor, fields, Some(why.at_form()?)),
    }
}

async fn send(visitor: &Visitor, fields: &Fields) -> Outcome<Made<BreakGlass>> {
    let duration: Length = fields.duration.trim().parse().map_err(|why| Failure::field("for", format!("{why}")))?;
    let body = OpenBreakGlass {
        computer: fields.computer.trim().to_owned(),
        user: fields.user.trim().to_owned(),
        application: rule(&fields.by, fields.application.trim())?,
        duration,
        reason: fields.reason.clone(),
        password: !fields.without_password,
    };
    visitor.change(Method::POST, "/break-glass", None, &body).await
}

fn rule(by: &str, text: &str) -> Outcome<Rule> {
    if text.is_empty() {
        return Err(Failure::field("application", "say which application"));
    }
    let said = Some(text.to_owned());
    let rule = Rule::default();
    Ok(match by {
        "product" => Rule { product: said, ..rule },
        "folder" => Rule { folder: said, subfolders: true, ..rule },
        "vendor" => Rule { vendor: said, ..rule },
        "hash" => {
            let digest = serde_json::from_value(serde_json::Value::String(text.to_owned()));
            let digest = digest.map_err(|_| Failure::field("application", "is no SHA-256: write sha256: and 64 hexadecimal digits"))?;
            Rule { hash: Some(digest), ..rule }
        }
        _ => Rule { file: said, ..rule },
    })
}
