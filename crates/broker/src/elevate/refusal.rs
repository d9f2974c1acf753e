//! Why nothing runs: what the caller is told, and what is recorded.

use brevet_api::broker::{Refused, Run};
use brevet_core::application::Facts;
use brevet_core::request::PolicyRef;
use brevet_core::space::Room;

use crate::connection::ConnectionError;
use crate::facts::FactsError;
use crate::journal::JournalError;
use crate::ledger::Ledger;
use crate::random::RandomError;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable.
    pub code: String,
    /// In words.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Exit status 127.
    pub not_found: bool,
    /// The policy that refused, where one did.
    pub policy: Option<Box<PolicyRef>>,
    /// What was found out about the application.
    pub facts: Option<Box<Facts>>,
}

impl Refusal {
    /// A refusal for this reason.
    #[must_use]
    pub fn new(code: &str, reason: impl Into<String>) -> Self {
        Self { code: code.to_owned(), reason: reason.into(), hint: None, not_found: false, policy: None, facts: None }
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// By this policy.
    #[must_use]
    pub fn under(mut self, policy: &PolicyRef) -> Self {
        self.policy = Some(Box::new(policy.clone()));
        self
    }

    /// Of this application.
    #[must_use]
    pub fn about(mut self, facts: &Facts) -> Self {
        self.facts = Some(Box::new(facts.clone()));
        self
    }

    /// What is said of anything that the caller cannot see: whether it exists must not be told (ATTACKS H06).
    #[must_use]
    pub fn hidden(run: &Run) -> Self {
        let name = run.command.first().map(ToString::to_string).unwrap_or_default();
        Self::new("no_policy", format!("no policy allows you to run \"{name}\""))
    }

    /// A command that could not be examined.
    #[must_use]
    pub fn facts(error: &FactsError) -> Self {
        match error {
            FactsError::Absent { visible: true, .. } => Self { not_found: true, ..Self::new("not_found", error.to_string()) },
            FactsError::Absent { name, visible: false } => Self::new("no_policy", format!("no policy allows you to run \"{name}\"")),
            FactsError::Unusable { .. } => Self::new("unusable", error.to_string()),
            FactsError::Directory(_) => Self::new("directory", error.to_string()).hint("change to another directory"),
        }
    }

    /// As the client is told.
    #[must_use]
    pub fn told(&self) -> Refused {
        Refused { code: self.code.clone(), reason: self.reason.clone(), hint: self.hint.clone(), not_found: self.not_found }
    }
}

impl From<ConnectionError> for Refusal {
    fn from(error: ConnectionError) -> Self {
        if error.is_gone() {
            return Self::new("given_up", "the user gave up before it was decided");
        }
        Self::new("protocol", crate::chain(&error))
    }
}

impl Ledger {
    /// Whether what is begun now can be recorded to its end.
    ///
    /// # Errors
    /// A refusal that says how little room there is.
    pub fn room_for_records(&self) -> Result<(), Refusal> {
        match self.little_room() {
            Some((Room::Full, why)) => {
                Err(Refusal::new("disk_full", format!("{why}: it could not be recorded, so it is not done")).hint("make room there"))
            }
            Some((Room::Little | Room::Enough, _)) | None => Ok(()),
        }
    }
}

impl From<JournalError> for Refusal {
    fn from(error: JournalError) -> Self {
        crate::say("broker", &crate::chain(&error));
        Self::new("journal", "it cannot be recorded, so it is not done").hint("tell an administrator of this computer")
    }
}

impl From<RandomError> for Refusal {
    fn from(error: RandomError) -> Self {
        Self::new("system", error.to_string())
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::new("system", error.to_string())
    }
}
