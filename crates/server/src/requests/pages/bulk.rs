//! Several requests decided at once: each by a call of its own, so that one that comes too late holds up no other, and each with a
//! result of its own.

use askama::Template;
use axum::Form as Posted;
use axum::http::Method;
use axum::response::{Redirect, Response};
use brevet_api::rest::request::{Approve, Decision, Decline, RequestItem};
use brevet_core::request::RequestState;

use super::list::{Bulk, Chosen, listed};
use super::show::decisions;
use crate::console::{Made, Place, Shell, Visitor, filters, page, part};
use crate::http::extract::Query;
use crate::http::failure::{Failure, Outcome};

/// More than a page of the list has.
const MOST: usize = 500;

/// What became of one.
struct Done {
    id: String,
    code: String,
    made: bool,
    words: String,
    /// As it stands now, where they may know it.
    now: Option<RequestItem>,
}

impl Done {
    fn decisions(&self) -> Vec<(&'static str, Decision)> {
        self.now.as_ref().map(decisions).unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "requests/decided.html")]
struct Decided {
    shell: Shell,
    all: Vec<Done>,
    made: usize,
}

/// What the form says: an id and the code beside it for each that was chosen.
struct Fields {
    chosen: Vec<(String, String)>,
    comment: String,
    declines: bool,
}

fn read(pairs: Vec<(String, String)>) -> Fields {
    let mut fields = Fields { chosen: Vec::new(), comment: String::new(), declines: false };
    for (name, value) in pairs {
        match name.as_str() {
            "request" => {
                let (id, code) = value.split_once(' ').unwrap_or((&value, ""));
                fields.chosen.push((id.to_owned(), code.to_owned()));
            }
            "comment" => fields.comment = value,
            "decision" => fields.declines = value == "decline",
            _ => {}
        }
    }
    fields
}

pub(super) async fn decide(
    visitor: Visitor,
    Query(filter): Query<Chosen>,
    Posted(pairs): Posted<Vec<(String, String)>>,
) -> Outcome<Response> {
    let fields = read(pairs);
    let wrong = if fields.chosen.is_empty() {
        Some(("choose one or more requests first", false))
    } else if fields.chosen.len() > MOST {
        Some(("choose fewer requests", false))
    } else if fields.declines && fields.comment.trim().is_empty() {
        Some(("say why, for the users", true))
    } else {
        None
    };
    if wrong.is_some() {
        let chosen = fields.chosen.into_iter().map(|(id, _)| id).collect();
        return listed(&visitor, filter, Bulk { chosen, comment: fields.comment, why: wrong }).await;
    }
    let mut all = Vec::with_capacity(fields.chosen.len());
    for (id, code) in &fields.chosen {
        all.push(one(&visitor, id, code, &fields).await?);
    }
    let made = all.iter().filter(|done| done.made).count();
    page(&Decided { shell: visitor.shell(Place::Requests, "What became of them"), all, made })
}

async fn one(visitor: &Visitor, id: &str, code: &str, fields: &Fields) -> Outcome<Done> {
    let comment = fields.comment.clone();
    let path = |what: &str| format!("/requests/{}/{what}", part(id));
    let made: Outcome<Made<RequestItem>> = if fields.declines {
        visitor.change(Method::POST, &path("decline"), None, &Decline { comment }).await
    } else {
        let body = Approve { duration: None, comment, command_only: false, code: Some(code.to_owned()) };
        visitor.change(Method::POST, &path("approve"), None, &body).await
    };
    let (made, words, now) = match made {
        Ok(Made::Now(it)) => {
            let words = match it.state {
                RequestState::Pending => "your approval is recorded; more are needed",
                RequestState::Declined => "declined",
                _ => "approved",
            };
            (true, words.to_owned(), Some(it))
        }
        Ok(Made::Proposed(_)) => return Err(Failure::internal("a decision became a proposal")),
        // Why one is not decided is told beside it; each other one is still decided.
        Err(why) => (false, why.words(), visitor.find(&format!("/requests/{}", part(id))).await?),
    };
    Ok(Done { id: id.to_owned(), code: code.to_owned(), made, words, now })
}

/// Its result is shown once: whoever loads it anew comes to what waits.
pub(super) async fn again() -> Redirect {
    Redirect::to("/requests")
}
