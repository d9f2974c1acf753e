//! What stands around every page: the way through the console, who is signed in, and what was just done.

use super::assets::VERSION;
use super::visitor::Visitor;
use crate::access::{Action, role_name};

/// Where a page stands in the console.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Overview,
    Requests,
    Policies,
    Access,
    Applications,
    Computers,
    Events,
    Settings,
    Nowhere,
}

/// One link of the way.
pub(crate) struct Way {
    pub to: &'static str,
    pub words: &'static str,
    pub here: bool,
    /// Stands below the one before.
    pub below: bool,
}

/// What stands around a page.
pub(crate) struct Shell {
    pub title: String,
    pub name: String,
    pub roles: String,
    pub ways: Vec<Way>,
    pub theme: &'static str,
    /// What was just done.
    pub said: Option<&'static str>,
    pub version: &'static str,
    /// Whether to invite to set up what one signs in with.
    pub invited: bool,
    /// Where this page is, to come back to.
    pub path: String,
    /// Up to where it knows of what is new.
    pub news: String,
}

impl Shell {
    pub(super) fn new(visitor: &Visitor, place: Place, title: String) -> Self {
        let roles: Vec<&str> = visitor.actor.roles.iter().map(|role| role_name(*role)).collect();
        Self {
            title,
            name: visitor.actor.name.clone(),
            roles: roles.join(", "),
            ways: ways(visitor, place),
            theme: visitor.theme(),
            said: visitor.said(),
            version: &VERSION,
            invited: visitor.invited && visitor.path() != "/account",
            path: visitor.path().to_owned(),
            news: visitor.news().to_owned(),
        }
    }
}

fn ways(visitor: &Visitor, place: Place) -> Vec<Way> {
    let all = [
        ("/", "Overview", Place::Overview, Action::ReadInstance, false),
        ("/requests", "Just-in-Time Access", Place::Requests, Action::ReadRequests, false),
        ("/requests", "Requests", Place::Requests, Action::ReadRequests, true),
        ("/policies", "Policies", Place::Policies, Action::ReadPolicy, true),
        ("/access", "Active access", Place::Access, Action::ReadGrants, true),
        ("/applications", "Applications", Place::Applications, Action::ReadEvents, false),
        ("/computers", "Computers", Place::Computers, Action::ReadComputers, false),
        ("/events", "JIT Events Report", Place::Events, Action::ReadEvents, false),
        ("/settings", "Settings", Place::Settings, Action::ReadSettings, false),
    ];
    let group = [Place::Requests, Place::Policies, Place::Access];
    let way = |(to, words, at, action, below): (_, _, Place, Action, bool)| {
        let heads = words == "Just-in-Time Access" && group.contains(&place);
        let here = if words == "Just-in-Time Access" { heads } else { at == place };
        visitor.may(action).then_some(Way { to, words, here, below })
    };
    all.into_iter().filter_map(way).collect()
}
