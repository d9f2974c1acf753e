//! Each example is one of its type, read strictly.

use brevet_api::rest::application::Application;
use brevet_api::rest::apply::{Applied, Apply};
use brevet_api::rest::break_glass::{BreakGlass, NewReview, OpenBreakGlass};
use brevet_api::rest::check::{Check, Checked, PolicyStanding, Test, Tested};
use brevet_api::rest::computer::{Because, Computer, EnrolmentToken, EnrolmentTokenCreated, JournalPage, NewEnrolmentToken};
use brevet_api::rest::event::{Event, Redact, Redacted};
use brevet_api::rest::grant::{Extend, GrantItem, Revoke, RevokeAll, RevokedAll};
use brevet_api::rest::hold::{Hold, NewHold};
use brevet_api::rest::instance::{Instance, Me};
use brevet_api::rest::notification::{NewTarget, NewTemplate, Notification, Target, TargetCreated, TargetEnabled, Template};
use brevet_api::rest::person::{Enabled, NewPerson, NoOsUser, OsUser, Person, Roles, SignIn};
use brevet_api::rest::policy::{Change, OnComputer, Shadow, StoredAutonomous, StoredGroup, StoredList, StoredPolicy, Use};
use brevet_api::rest::proposal::{Close, Confirmed, Proposal};
use brevet_api::rest::replay::{Replay, Replayed};
use brevet_api::rest::request::{Approve, Decline, RequestItem};
use brevet_api::rest::session::SessionItem;
use brevet_api::rest::setting::{SetValue, Setting};
use brevet_api::rest::status::Status;
use brevet_api::rest::token::{NewToken, Token, TokenCreated};
use brevet_api::rest::view::{EventView, NewEventView};
use brevet_core::autonomous::AutonomousRule;
use brevet_core::file::{File, Group, List};
use brevet_core::policy::Policy;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads it, and finds again what was written.
fn is<T: DeserializeOwned + Serialize>(examples: &Map<String, Value>, name: &str) {
    let example = &examples[name];
    let read: T = serde_json::from_value(example.clone()).unwrap_or_else(|error| panic!("the example of {name}: {error}"));
    let again = serde_json::to_value(&read).unwrap();
    let (Some(written), Some(again)) = (example.as_object(), again.as_object()) else { panic!("{name} is no object") };
    for (field, value) in written {
        assert_eq!(again.get(field), Some(value), "{field} in the example of {name}");
    }
}

macro_rules! each_is {
    ($examples:ident: $($name:ident)*) => { $(is::<$name>(&$examples, stringify!($name));)* };
}

#[test]
fn each_example_is_one_of_its_type() {
    let examples: Map<String, Value> = serde_json::from_str(super::EXAMPLES).unwrap();
    each_is!(examples: Check Checked Test Tested PolicyStanding Replay Replayed Use Application);
    each_is!(examples: Policy StoredPolicy List StoredList Group StoredGroup AutonomousRule StoredAutonomous Shadow File Apply Applied);
    each_is!(examples: Change OnComputer Computer Because JournalPage NewEnrolmentToken EnrolmentToken EnrolmentTokenCreated);
    each_is!(examples: RequestItem Approve Decline GrantItem Extend Revoke RevokeAll RevokedAll SessionItem Event Redact Redacted EventView NewEventView Hold NewHold Instance Me Setting SetValue);
    each_is!(examples: Status);
    each_is!(examples: Person NewPerson Roles Enabled OsUser NoOsUser SignIn NewToken Token TokenCreated);
    each_is!(examples: Proposal Close Confirmed BreakGlass OpenBreakGlass NewReview);
    each_is!(examples: Target NewTarget TargetCreated TargetEnabled Notification Template NewTemplate);
}
