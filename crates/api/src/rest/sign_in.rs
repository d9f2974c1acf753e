//! How persons sign in to the console, and where they are signed in.
//!
//! Nothing here is a secret, and nothing sets one: passwords and passkeys are set up in the console alone, by whoever is signed in there.

use brevet_core::id::{PasskeyId, PersonId, SignInId};
use brevet_core::time::Timestamp;
use serde::{Deserialize, Serialize};

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
