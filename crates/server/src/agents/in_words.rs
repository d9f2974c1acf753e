//! What records say, as one line for people. Text from users is quoted and escaped where it is shown, not here.

use brevet_core::document::{EndReason, Kind};
use brevet_core::record::{Body, BrokerStarted, ClockJumped, ComputerFacts, DocumentConfirmed, DocumentRefused, Outcome, ValidityStarted};

use crate::documents::sequence::kind_name;

fn count(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Whether what a record says is what the user did whom it concerns; everything else its computer did by itself.
pub(super) const fn is_of_user(body: &Body) -> bool {
    match body {
        Body::GrantEnded(it) => matches!(it.reason, EndReason::Finished),
        Body::SessionEnded(it) => matches!(it.outcome, Outcome::Exited { .. } | Outcome::Signalled { .. } | Outcome::Finished),
        other => matches!(
            other,
            Body::LaunchRefused(_)
                | Body::AuthenticationFailed(_)
                | Body::RequestCreated(_)
                | Body::RequestWithdrawn(_)
                | Body::GrantIssued(_)
                | Body::GrantActivated(_)
                | Body::SessionStarted(_)
        ),
    }
}

pub(super) fn started(it: &BrokerStarted) -> String {
    let after = if it.rebooted { "after a boot" } else { "again" };
    let sessions = match u32::try_from(it.sessions.len()) {
        Ok(0) | Err(_) => String::new(),
        Ok(some) => format!("; took up {}", count(some, "running session", "running sessions")),
    };
    format!("broker {} started {after}, on kernel {}{sessions}", it.version, it.kernel)
}

pub(super) fn facts(it: &ComputerFacts) -> String {
    let os = if it.os.name.is_empty() { "an unknown operating system" } else { &it.os.name };
    format!("{os}, kernel {} ({}), broker {}", it.kernel, it.architecture, it.version)
}

pub(super) fn confirmed(it: &DocumentConfirmed) -> String {
    let place = it.seq.map_or_else(String::new, |seq| format!(" {seq}"));
    let grant = it.grant.as_ref().map_or_else(|| "a grant".to_owned(), |id| format!("grant {id}"));
    match it.document {
        Kind::Manifest => format!("manifest{place} is in force"),
        Kind::Grant => format!("{grant} can be used"),
        Kind::Decline => match &it.request {
            Some(request) => format!("decline of request {request} took effect"),
            None => "a decline took effect".into(),
        },
        Kind::Revocation => {
            let ended = it.processes_ended.map_or_else(String::new, |n| format!(": {} ended", count(n, "process", "processes")));
            format!("revocation of {grant} took effect{ended}")
        }
        Kind::Trust | Kind::Policy | Kind::Autonomous | Kind::Settings | Kind::Heartbeat | Kind::Acknowledgement => {
            format!("{} document{place} took effect", kind_name(it.document))
        }
    }
}

pub(super) fn refused(it: &DocumentRefused) -> String {
    let document = Kind::of_payload_type(&it.document).map_or("an unknown", |kind| match kind {
        Kind::Autonomous => "an autonomous",
        Kind::Acknowledgement => "an acknowledgement",
        Kind::Trust => "a trust",
        Kind::Policy => "a policy",
        Kind::Settings => "a settings",
        Kind::Manifest => "a manifest",
        Kind::Grant => "a grant",
        Kind::Decline => "a decline",
        Kind::Revocation => "a revocation",
        Kind::Heartbeat => "a heartbeat",
    });
    format!("{document} document was refused: {}", it.reason)
}

pub(super) fn validity_started(it: &ValidityStarted) -> String {
    let whose = it.user.map_or_else(String::new, |uid| format!(", for the user with uid {uid}"));
    format!("a policy's time began{whose}")
}

pub(super) fn jumped(it: &ClockJumped) -> String {
    let by = it.found.millis().saturating_sub(it.expected.millis()) / 1000;
    format!("the clock jumped by {by} s: it showed {} instead of {}", it.found, it.expected)
}
