//! Settings: what is set once for the whole installation, and the way to the pages of people, tokens, notification and retention.

mod general;
mod sign_in;

use axum::Router;
use axum::routing::{get, post};

use crate::access::Action;
use crate::app::App;
use crate::console::Visitor;

/// This feature's pages.
pub fn pages() -> Router<App> {
    Router::new()
        .route("/settings", get(general::general))
        .route("/settings/general/{name}", post(general::set))
        .route("/settings/sign-in", get(sign_in::sign_in))
}

/// Where within the settings a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    General,
    Autonomous,
    People,
    SignIn,
    Tokens,
    Notifications,
    Retention,
}

/// One link of the way through the settings.
pub(crate) struct Tab {
    pub to: &'static str,
    pub words: &'static str,
    pub here: bool,
}

/// The way through the settings, as far as somebody may go it.
pub(crate) fn tabs(visitor: &Visitor, here: Section) -> Vec<Tab> {
    let all = [
        ("/settings", "General", Section::General, Action::ReadSettings),
        ("/settings/autonomous", "Autonomous Approval", Section::Autonomous, Action::ReadPolicy),
        ("/settings/people", "People", Section::People, Action::ReadPersons),
        ("/settings/sign-in", "Sign-in", Section::SignIn, Action::ReadPersons),
        ("/settings/tokens", "API tokens", Section::Tokens, Action::OwnTokens),
        ("/settings/notifications", "Notification", Section::Notifications, Action::ReadNotifications),
        ("/settings/retention", "Retention and holds", Section::Retention, Action::ReadHolds),
    ];
    let tab = |(to, words, at, action)| visitor.may(action).then_some(Tab { to, words, here: at == here });
    all.into_iter().filter_map(tab).collect()
}
