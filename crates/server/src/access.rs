//! Who may do what: one table (DESIGN section 9). Every route names its action, and nothing reaches a handler without passing here.
//!
//! What depends on the object (own request, the policy's approvers) is decided where the object is, in `requests::decide`.

pub mod reach;

pub use reach::{Reach, Scopes};

use brevet_api::rest::person::Role;
use brevet_core::id::{PersonId, TokenId};

/// Something that a route does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Action {
    ReadInstance,
    ReadPolicy,
    ChangePolicy,
    ReadComputers,
    ChangeComputers,
    ReleaseComputer,
    ReadJournal,
    ReadEnrolment,
    ChangeEnrolment,
    ReadRequests,
    Decide,
    ReadGrants,
    Revoke,
    ReadSessions,
    ReadEvents,
    ExportEvents,
    Redact,
    ReadHolds,
    ChangeHolds,
    ReadSettings,
    ChangeSettings,
    ReadPersons,
    ChangePersons,
    OwnTokens,
    OwnSignIn,
    ReadNotifications,
    OperateNotifications,
    ChangeNotifications,
    ReadProposals,
    DecideProposals,
    ReadBreakGlass,
    ReviewBreakGlass,
    BreakGlass,
}

impl Action {
    /// Every action, for the table that the tests print.
    pub const ALL: [Self; 33] = [
        Self::ReadInstance,
        Self::ReadPolicy,
        Self::ChangePolicy,
        Self::ReadComputers,
        Self::ChangeComputers,
        Self::ReleaseComputer,
        Self::ReadJournal,
        Self::ReadEnrolment,
        Self::ChangeEnrolment,
        Self::ReadRequests,
        Self::Decide,
        Self::ReadGrants,
        Self::Revoke,
        Self::ReadSessions,
        Self::ReadEvents,
        Self::ExportEvents,
        Self::Redact,
        Self::ReadHolds,
        Self::ChangeHolds,
        Self::ReadSettings,
        Self::ChangeSettings,
        Self::ReadPersons,
        Self::ChangePersons,
        Self::OwnTokens,
        Self::OwnSignIn,
        Self::ReadNotifications,
        Self::OperateNotifications,
        Self::ChangeNotifications,
        Self::ReadProposals,
        Self::DecideProposals,
        Self::ReadBreakGlass,
        Self::ReviewBreakGlass,
        Self::BreakGlass,
    ];

    /// What it is about; a role that is narrowed to computer groups does nothing that is about more than computers.
    #[must_use]
    pub const fn about(self) -> About {
        match self {
            Self::ReadInstance | Self::ReadSettings | Self::OwnTokens | Self::OwnSignIn => About::Nobody,
            Self::ReadPolicy
            | Self::ChangePolicy
            | Self::ReadComputers
            | Self::ChangeComputers
            | Self::ReleaseComputer
            | Self::ReadJournal
            | Self::ReadEnrolment
            | Self::ChangeEnrolment
            | Self::ReadRequests
            | Self::Decide
            | Self::ReadGrants
            | Self::Revoke
            | Self::ReadSessions
            | Self::ReadEvents
            | Self::ExportEvents
            | Self::ReadProposals
            | Self::DecideProposals
            | Self::ReadBreakGlass
            | Self::ReviewBreakGlass => About::Computers,
            Self::ChangeSettings
            | Self::ReadPersons
            | Self::ChangePersons
            | Self::ReadNotifications
            | Self::OperateNotifications
            | Self::ChangeNotifications
            | Self::Redact
            | Self::ReadHolds
            | Self::ChangeHolds
            | Self::BreakGlass => About::Everything,
        }
    }

    /// Whether a role may do this.
    #[must_use]
    pub const fn allowed_to(self, role: Role) -> bool {
        use Role::{Administrator, Approver, Auditor, Owner};
        match self {
            Self::ReadInstance
            | Self::ReadPolicy
            | Self::ReadComputers
            | Self::ReadRequests
            | Self::ReadGrants
            | Self::ReadSessions
            | Self::ReadEvents
            | Self::ReadSettings
            | Self::OwnTokens
            | Self::OwnSignIn
            | Self::ReadBreakGlass => true,
            Self::ChangePolicy
            | Self::ChangeComputers
            | Self::ReadEnrolment
            | Self::ChangeEnrolment
            | Self::ChangeSettings
            | Self::OperateNotifications
            | Self::DecideProposals => {
                matches!(role, Owner | Administrator)
            }
            Self::ReadJournal | Self::ExportEvents => matches!(role, Owner | Administrator | Auditor),
            Self::ReadPersons | Self::ReadNotifications | Self::ReadHolds | Self::ReadProposals => {
                matches!(role, Owner | Administrator | Auditor)
            }
            Self::ReviewBreakGlass => matches!(role, Owner | Approver | Auditor),
            Self::Decide => matches!(role, Approver),
            Self::Revoke => matches!(role, Administrator | Approver),
            Self::ReleaseComputer
            | Self::ChangePersons
            | Self::ChangeNotifications
            | Self::Redact
            | Self::ChangeHolds
            | Self::BreakGlass => matches!(role, Owner),
        }
    }
}

/// What an action is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum About {
    /// The caller's own, or what everybody may know.
    Nobody,
    /// Computers: the handler asks `Actor::reach` which.
    Computers,
    /// The whole installation.
    Everything,
}

/// Who is calling, once known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person.
    pub person: PersonId,
    /// Their name.
    pub name: String,
    /// Their roles, as far as the token or sign-in has them.
    pub roles: Vec<Role>,
    /// Which of these are narrowed to computer groups.
    pub scopes: Scopes,
    /// The API token, where one was used.
    pub token: Option<TokenId>,
    /// Whether this token or sign-in may approve, decline and extend.
    pub decides: bool,
    /// Who else knows the token, or the link that signed them in: where two persons are needed, that one is not the second.
    pub known_by: Option<PersonId>,
}

impl Actor {
    /// Whether any of their roles may do this.
    #[must_use]
    pub fn may(&self, action: Action) -> bool {
        let wholly = action.about() == About::Everything;
        self.roles.iter().any(|role| action.allowed_to(*role) && (!wholly || self.scopes.of(*role).is_none()))
    }

    /// Whether they have a role.
    #[must_use]
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}

/// Roles as a column holds them.
#[must_use]
pub fn roles_to_text(roles: &[Role]) -> String {
    let mut names: Vec<&str> = roles.iter().map(|role| role_name(*role)).collect();
    names.sort_unstable();
    names.dedup();
    names.join(",")
}

/// And back; a name that this version does not know gives nothing.
#[must_use]
pub fn roles_from_text(text: &str) -> Vec<Role> {
    text.split(',').filter_map(role_named).collect()
}

/// A role's name.
#[must_use]
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Owner => "owner",
        Role::Administrator => "administrator",
        Role::Approver => "approver",
        Role::Auditor => "auditor",
    }
}

/// The role of a name.
#[must_use]
pub fn role_named(name: &str) -> Option<Role> {
    [Role::Owner, Role::Administrator, Role::Approver, Role::Auditor].into_iter().find(|role| role_name(*role) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A change of rights is a readable difference here.
    #[test]
    fn the_table_is_this() {
        let mut table = String::new();
        for action in Action::ALL {
            let who = ["owner", "administrator", "approver", "auditor"]
                .map(|name| if action.allowed_to(role_named(name).unwrap()) { name } else { "-" });
            table.push_str(&format!("{action:?}: {}\n", who.join(" ")));
        }
        assert_eq!(
            table,
            "ReadInstance: owner administrator approver auditor\n\
             ReadPolicy: owner administrator approver auditor\n\
             ChangePolicy: owner administrator - -\n\
             ReadComputers: owner administrator approver auditor\n\
             ChangeComputers: owner administrator - -\n\
             ReleaseComputer: owner - - -\n\
             ReadJournal: owner administrator - auditor\n\
             ReadEnrolment: owner administrator - -\n\
             ChangeEnrolment: owner administrator - -\n\
             ReadRequests: owner administrator approver auditor\n\
             Decide: - - approver -\n\
             ReadGrants: owner administrator approver auditor\n\
             Revoke: - administrator approver -\n\
             ReadSessions: owner administrator approver auditor\n\
             ReadEvents: owner administrator approver auditor\n\
             ExportEvents: owner administrator - auditor\n\
             Redact: owner - - -\n\
             ReadHolds: owner administrator - auditor\n\
             ChangeHolds: owner - - -\n\
             ReadSettings: owner administrator approver auditor\n\
             ChangeSettings: owner administrator - -\n\
             ReadPersons: owner administrator - auditor\n\
             ChangePersons: owner - - -\n\
             OwnTokens: owner administrator approver auditor\n\
             OwnSignIn: owner administrator approver auditor\n\
             ReadNotifications: owner administrator - auditor\n\
             OperateNotifications: owner administrator - -\n\
             ChangeNotifications: owner - - -\n\
             ReadProposals: owner administrator - auditor\n\
             DecideProposals: owner administrator - -\n\
             ReadBreakGlass: owner administrator approver auditor\n\
             ReviewBreakGlass: owner - approver auditor\n\
             BreakGlass: owner - - -\n"
        );
    }

    #[test]
    fn roles_read_back() {
        let roles = [Role::Approver, Role::Owner];
        assert_eq!(roles_to_text(&roles), "approver,owner");
        assert_eq!(roles_from_text("approver,owner,king"), roles);
    }
}
