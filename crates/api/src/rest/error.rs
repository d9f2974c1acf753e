//! Errors: `application/problem+json` with a stable code.

use serde::{Deserialize, Serialize};

/// The body of every answer that is not a success (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// The server's address, `/problems/` and the code: a page that says more.
    #[serde(rename = "type")]
    pub kind: String,
    /// The code in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// Stable; see `Code`. A newer server may send one that this version does not know.
    pub code: String,
    /// What exactly, for people: user input quoted and escaped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Each field that is wrong, as written in TOML.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Names this answer in the server's log.
    pub request_id: String,
}

/// One wrong field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldError {
    /// Such as `policy[0].applications[2].hash`.
    pub field: String,
    /// Why.
    pub reason: String,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $text:literal, $status:literal, $title:literal;)*) => {
        /// Why a call did not succeed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// As in `Problem::code`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self {
                    $(Self::$variant => $status,)*
                }
            }

            /// In words.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$variant => $title,)*
                }
            }

            /// The code of a `Problem::code`, where this version knows it.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == text)
            }
        }
    };
}

codes! {
    /// No token, or one that is unknown, expired or revoked.
    Unauthenticated = "unauthenticated", 401, "not signed in";
    /// The role does not allow it.
    Forbidden = "forbidden", 403, "not allowed";
    /// The person is the requester.
    OwnRequest = "own_request", 403, "nobody decides on their own request";
    /// The policy names other approvers.
    NotAnApprover = "not_an_approver", 403, "not an approver of this request";
    /// Neither a linked OS user nor a recorded "has none".
    NoOsUserRecorded = "no_os_user_recorded", 403, "nobody recorded which OS user this person is";
    /// The token was not created to decide.
    TokenMayNotDecide = "token_may_not_decide", 403, "this token may not decide";
    /// A change is confirmed by a second person.
    OwnProposal = "own_proposal", 403, "a second person confirms or rejects";
    /// Who opened or used access without approval does not review it.
    OwnReview = "own_review", 403, "another person reviews it";
    /// There is none, or it may not be known.
    NotFound = "not_found", 404, "not found";
    /// The path exists, not with this method.
    MethodNotAllowed = "method_not_allowed", 405, "method not allowed";
    /// The body came too slowly.
    TooSlow = "too_slow", 408, "the body came too slowly";
    /// The state does not allow it any more.
    WrongState = "wrong_state", 409, "no longer possible";
    /// The person has approved already.
    AlreadyDecided = "already_decided", 409, "already decided by this person";
    /// The request's digest does not fit its content.
    Inconsistent = "inconsistent", 409, "the request's digest does not fit its content";
    /// What a proposal would change has changed since.
    StaleProposal = "stale_proposal", 409, "changed since it was proposed";
    /// The name is taken in its kind.
    NameTaken = "name_taken", 409, "the name is taken";
    /// Something else refers to it.
    InUse = "in_use", 409, "still in use";
    /// There may be only so many, and there are.
    TooMany = "too_many", 409, "there are too many already";
    /// The last owner would be gone.
    LastOwner = "last_owner", 409, "there must be an owner";
    /// The computer is quarantined or removed.
    ComputerUnavailable = "computer_unavailable", 409, "the computer takes no documents";
    /// A call with this idempotency key is still running.
    IdempotencyRunning = "idempotency_running", 409, "the same call is still running";
    /// The call with this idempotency key was done, and its answer was not kept.
    AlreadyDone = "already_done", 409, "already done; the answer was not kept";
    /// `If-Match` names another version.
    VersionMismatch = "version_mismatch", 412, "changed meanwhile";
    /// Larger than accepted.
    TooLarge = "too_large", 413, "too large";
    /// Not `application/json`.
    MediaType = "media_type", 415, "not JSON";
    /// `If-Match` is missing where a change of somebody else could be lost.
    PreconditionRequired = "precondition_required", 428, "say which version you saw";
    /// More calls than this token or address may make now.
    RateLimited = "rate_limited", 429, "too many calls";
    /// The body or query cannot be read.
    Malformed = "malformed", 400, "cannot be read";
    /// Readable, with errors: see `errors`.
    Invalid = "invalid", 422, "not valid";
    /// Longer than was asked for.
    LongerThanAsked = "longer_than_asked", 422, "longer than asked for";
    /// Longer than the policy allows.
    LongerThanPolicy = "longer_than_policy", 422, "longer than the policy allows";
    /// The idempotency key came with another body before.
    IdempotencyMismatch = "idempotency_mismatch", 422, "the idempotency key was used for something else";
    /// The database has another log than the one that this server signed before.
    LogBroken = "log_broken", 500, "the audit log is not the one that was signed before";
    /// A fault of the server; its log has the `request_id`.
    Internal = "internal", 500, "the server failed";
    /// Not ready, or stopping.
    Unavailable = "unavailable", 503, "not available";
}
