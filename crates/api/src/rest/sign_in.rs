//! How persons sign in to the console, and where they are signed in.
//!
//! Nothing here is a secret, and nothing sets one: passwords and passkeys are set up in the console alone, by whoever is signed in there.

use std::collections::BTreeMap;

use brevet_core::id::{PasskeyId, PersonId, SignInId};
use brevet_core::time::{Length, Timestamp};
use serde::{Deserialize, Serialize};

use super::person::Role;

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// By a one-time link.
    Link,
    /// By a passkey, which is two factors in one.
    Passkey,
    /// By name and password, and a code of an authenticator app.
    PasswordAndCode,
    /// By name and password, and a passkey.
    PasswordAndPasskey,
    /// By name and password, and a recovery code.
    PasswordAndRecoveryCode,
    /// At the provider that the server's configuration names.
    SingleSignOn,
}

impl Way {
    /// Every way.
    pub const ALL: [Self; 6] =
        [Self::Link, Self::Passkey, Self::PasswordAndCode, Self::PasswordAndPasskey, Self::PasswordAndRecoveryCode, Self::SingleSignOn];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Passkey => "passkey",
            Self::PasswordAndCode => "password_and_code",
            Self::PasswordAndPasskey => "password_and_passkey",
            Self::PasswordAndRecoveryCode => "password_and_recovery_code",
            Self::SingleSignOn => "single_sign_on",
        }
    }

    /// In words, after "signed in".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Link => "by a link",
            Self::Passkey => "by a passkey",
            Self::PasswordAndCode => "by password and code",
            Self::PasswordAndPasskey => "by password and passkey",
            Self::PasswordAndRecoveryCode => "by password and recovery code",
            Self::SingleSignOn => "by single sign-on",
        }
    }
}

/// One browser in which a person is signed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignedIn {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: SignInId,
    /// How.
    pub way: Way,
    /// Since when.
    pub since: Timestamp,
    /// When a page was last asked for, to the minute.
    pub seen: Timestamp,
    /// When it ends at the latest.
    pub ends: Timestamp,
    /// From which address of the network.
    pub address: String,
    /// What the browser says of itself; anybody can say anything.
    pub browser: String,
    /// Who else could have signed in there: whoever was shown the link, or set up what it was done with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_by: Option<PersonId>,
}

/// What a person can sign in with. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credentials {
    /// Their password; of no use without a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Credential>,
    /// Their authenticator app, a second factor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<Credential>,
    /// How many recovery codes are left, each a second factor once.
    pub recovery_codes: u64,
    /// Their passkeys, each enough alone.
    pub passkeys: Vec<Passkey>,
    /// Who they are at the single sign-on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

impl Credentials {
    /// Whether they can sign in without a link.
    #[must_use]
    pub const fn suffice(&self) -> bool {
        !self.passkeys.is_empty() || (self.password.is_some() && self.app.is_some()) || self.identity.is_some()
    }
}

/// That something is set up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credential {
    /// Since when.
    pub since: Timestamp,
    /// Who else could have set it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_by: Option<PersonId>,
}

/// A passkey.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Passkey {
    /// Its id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub id: PasskeyId,
    /// As the person named it.
    pub name: String,
    /// Since when.
    pub since: Timestamp,
    /// When it last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Timestamp>,
    /// Who else could have set it up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_by: Option<PersonId>,
}

/// Who somebody is at a provider of single sign-on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// Its name for them, which never changes.
    pub subject: String,
    /// Since when.
    pub since: Timestamp,
}

/// Body of `PUT persons/{ref}/identity`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewIdentity {
    /// The `sub` that the configured provider has for them.
    pub subject: String,
}

/// How people sign in at this server, as its configuration has it. Never a secret, nor where one is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SignInRules {
    /// Every way in that is open here.
    pub ways: Vec<Way>,
    /// The provider at which people may sign in instead; absent where the configuration names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub single_sign_on: Option<SingleSignOn>,
    /// The way back from a provider, to be registered there.
    pub back: String,
    /// After so long without a page that somebody asked for, they are signed out.
    pub idle: Length,
    /// And after so long in any case.
    pub longest: Length,
    /// Wrong passwords or codes at once, for each name; 0 is no limit.
    pub account_attempts: u32,
    /// Then one more each time this has passed.
    pub account_every: Length,
    /// At once, for each address; 0 is no limit.
    pub address_attempts: u32,
    /// Then one more each time this has passed.
    pub address_every: Length,
}

/// The provider of single sign-on (OpenID Connect), as the configuration has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SingleSignOn {
    /// As the button names it.
    pub name: String,
    /// The provider, as it names itself.
    pub issuer: String,
    /// What it calls this server.
    pub client_id: String,
    /// What it is asked for, beside `openid`.
    pub scopes: Vec<String>,
    /// How somebody is found who signs in there for the first time.
    #[serde(rename = "match")]
    pub matched_by: MatchedBy,
    /// The claim with the groups that somebody is in.
    pub groups_claim: String,
    /// The roles that each group gives; where there are any, roles are what the groups give, anew at each sign-in.
    pub groups: BTreeMap<String, Vec<Role>>,
}

/// How somebody is found at first; from then on it is by the provider's own name for them, which never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum MatchedBy {
    /// Not at all: an owner records the provider's name for each person.
    #[default]
    Subject,
    /// The person's name here is the e-mail address there, which the provider has verified.
    Email,
    /// The person's name here is the preferred name there: only where nobody chooses it for themself.
    PreferredUsername,
}
