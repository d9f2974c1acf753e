//! One grant: what it gives, what became of it, whether its computer knows, and what stands beside it.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::event::Event;
use brevet_api::rest::grant::{DeliveryState, GrantItem, GrantOrigin, GrantState};
use brevet_api::rest::session::{SessionItem, SessionState};
use brevet_api::rest::{Code, Page};

use crate::access::Action;
use crate::console::{Place, Shell, Visitor, filters, page, part, query};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

/// What somebody filled in, and why it was not taken.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// Whether it was the form that extends, and not the one that ends.
    pub extends: bool,
    pub by: String,
    pub comment: String,
    pub now: bool,
    pub why: Option<Failure>,
}

impl Form {
    /// Why extending was not taken, or ending.
    fn of(&self, extends: bool) -> Option<&Failure> {
        self.why.as_ref().filter(|_| self.extends == extends)
    }

    fn at(&self, field: &str) -> Option<String> {
        let why = self.why.as_ref()?;
        if field == "by" && why.code == Code::LongerThanPolicy { Some(why.words()) } else { why.at(field).map(str::to_owned) }
    }
}

#[derive(Template)]
#[template(path = "grants/show.html")]
struct Show {
    shell: Shell,
    state: &'static str,
    origin: &'static str,
    may_extend: bool,
    may_revoke: bool,
    running: usize,
    sessions: Vec<SessionItem>,
    events: Vec<Event>,
    events_more: String,
    form: Form,
    it: GrantItem,
}

pub(super) async fn show(visitor: Visitor, Path(id): Path<String>) -> Outcome<Response> {
    shown(&visitor, &id, Form::default()).await
}

/// The page with what was filled in.
pub(super) async fn shown(visitor: &Visitor, id: &str, form: Form) -> Outcome<Response> {
    let (grant, sessions, events) = (
        format!("/grants/{}", part(id)),
        format!("/sessions{}", query([("grant", id), ("limit", "50")])),
        format!("/events{}", query([("grant", id), ("limit", "20")])),
    );
    let (it, sessions, events): (GrantItem, Page<SessionItem>, Page<Event>) =
        tokio::try_join!(visitor.read(&grant), visitor.read(&sessions), visitor.read(&events))?;
    let failed = form.why.is_some();
    let open = matches!(it.state, GrantState::Issued | GrantState::Active);
    let response = page(&Show {
        shell: visitor.shell(Place::Access, format!("Grant of {}", it.user)),
        state: state_name(it.state),
        origin: origin_words(it.origin),
        may_extend: open && it.origin == GrantOrigin::Approved && visitor.may(Action::Decide),
        may_revoke: open && visitor.may(Action::Revoke),
        running: sessions.items.iter().filter(|one| one.state == SessionState::Started).count(),
        sessions: sessions.items,
        events: events.items,
        events_more: format!("/events?grant={}", part(id)),
        form,
        it,
    })?;
    Ok(if failed { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

/// A state as the API writes it.
pub(crate) const fn state_name(state: GrantState) -> &'static str {
    match state {
        GrantState::Issued => "issued",
        GrantState::Active => "active",
        GrantState::Expired => "expired",
        GrantState::Revoked => "revoked",
        GrantState::Finished => "finished",
        GrantState::Unused => "unused",
    }
}

const fn origin_words(origin: GrantOrigin) -> &'static str {
    match origin {
        GrantOrigin::Approved => "a person approved it",
        GrantOrigin::Automatic => "its policy gives it at once",
        GrantOrigin::Justify => "its policy gives it at once, for a reason",
        GrantOrigin::Autonomous => "Autonomous Approval: a rule approved it",
    }
}

/// How far a document came, in words.
pub(crate) const fn delivery_words(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Sent => "sent: not heard of yet",
        DeliveryState::Delivered => "delivered: the computer holds it",
        DeliveryState::Confirmed => "confirmed: it took effect there",
    }
}
