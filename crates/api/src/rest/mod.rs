//! REST: bodies of `/api/v1`, each feature in a module of its own. What is here is read and written by `brevet-server`,
//! `brevetctl` and the console; nothing else defines a body.
//!
//! # Rules that hold for every route
//!
//! - `Authorization: Bearer brv_…`. 401 `unauthenticated`: not known; 403 `forbidden` (or a code that says more): known, may not;
//!   404 `not_found`: there is none, or you may not know.
//! - An error is `application/problem+json` (`error::Problem`): a stable `code`, a `request_id`, `errors` for each wrong field.
//! - A list is `{"items": [...], "next": CURSOR or absent}`; `?limit=` (1 to 500, default 50) and `?cursor=` (the `next` of the page
//!   before, opaque). A page with large items ends earlier, at about 2 MiB; only the absence of `next` says that it is the last. Unknown query parameters are refused. `?sort=NAME` orders it by one of the names that its description lists, `?sort=-NAME` the other way round; text in any case, and what is equal by id. Events stand in the order in which they were recorded, newest first, with `order=oldest` the other way round. A cursor belongs to its order: with another it is 400 `malformed`.
//! - `{ref}` in a path is an id or a name (percent-encoded). An id is tried first.
//! - What `apply` takes (policies, lists, groups, autonomous rules) has in JSON the fields that it has in TOML, beside
//!   `id`, `version`, `created` and `changed` (`policy::Stored`). A `PUT` or `POST` body is the TOML form alone, without those four.
//! - A single object that can be changed has an `ETag`: its version (`"3"`), or a digest of what can be changed in it. Changing it obeys
//!   `If-Match` (one tag, or `*`): 412 `version_mismatch`. Where a change of somebody else could be lost it must be sent: 428
//!   `precondition_required` (`PUT` and `DELETE` of policies, lists, groups and autonomous rules, `PUT` of roles). A single switch or value,
//!   an end that cannot be taken back (revoked, removed, released) and a decision, which names the request's `code`, do not need it.
//! - `POST` that creates obeys `Idempotency-Key` for 24 hours: the same key and body give the same answer and are done once; another body:
//!   422 `idempotency_mismatch`; at the same time: 409 `idempotency_running`; an answer with a secret is not repeated: 409 `already_done`.
//! - 429 `rate_limited` has `Retry-After`. Every answer has `X-Request-Id`.
//! - A role may be narrowed to computer groups (`person::Scopes`): lists show what lies within, a single object beyond is 404.
//!
//! # Routes
//!
//! | route | body → answer |
//! |---|---|
//! | `GET instance` · `GET me` | → `instance::Instance` · `instance::Me` |
//! | `GET policies?name&mode&enabled` · `POST policies` | → page of `policy::StoredPolicy` · `Policy` → 201 `StoredPolicy` |
//! | `GET, PUT, DELETE policies/{ref}` | `Policy` → `StoredPolicy` · 204 |
//! | `POST policies/{ref}/enable`, `…/disable`, `…/renew` | no body → `StoredPolicy`; renewing starts a fixed validity anew |
//! | `GET policies/{ref}/history` · `GET policies/{ref}/computers` | → page of `policy::Change` · page of `policy::OnComputer` |
//! | `GET, POST lists` · `GET, PUT, DELETE lists/{ref}` | `file::List` → `policy::StoredList`; 409 `in_use` names who uses it |
//! | `GET, POST groups` · `GET, PUT, DELETE groups/{ref}` | `file::Group` → `policy::StoredGroup` |
//! | `GET, POST autonomous` · `GET, PUT, DELETE autonomous/{ref}` | `AutonomousRule` → `policy::StoredAutonomous` |
//! | `POST autonomous/{ref}/enable`, `…/disable` · `POST autonomous/{ref}/shadow` | no body · `policy::Shadow` → `StoredAutonomous` |
//! | `POST apply` · `GET file` | `apply::Apply` → `apply::Applied` · → the whole `brevet_core::file::File` |
//! | `POST check` · `POST test` | `check::Check` → `Checked` · `check::Test` → `Tested`; neither changes anything |
//! | `GET policy-standing?policies` | → page of `check::PolicyStanding`: how many computers hold and refuse it |
//! | `POST replay` | `replay::Replay` → `Replayed`: what an autonomous rule would have done with the requests of the last days |
//! | `GET lists/{ref}/uses` · `GET groups/{ref}/uses` | → page of `policy::Use`: what names it |
//! | `GET applications?text&user&computer&seen` · `GET applications/{id}` | → page of `application::Application` · `Application`: what was run, asked for or refused, counted |
//! | `GET computers?state&lost&name&os&kernel&version` · `GET, DELETE computers/{ref}` | → page of `computer::Computer` · `Computer` · 204 (removed) |
//! | `POST computers/{ref}/quarantine` · `…/release` | `computer::Because` → `Computer`; release is an owner's |
//! | `GET computers/{ref}/journal?after&incarnation&limit` | → `computer::JournalPage`, oldest first, for verification elsewhere |
//! | `GET, POST enrolment-tokens` · `DELETE enrolment-tokens/{id}` | `computer::NewEnrolmentToken` → 201 `computer::EnrolmentTokenCreated` |
//! | `GET requests?state&computer&user&policy&order` · `GET requests/{id}` | → page of `request::RequestItem` · `RequestItem` |
//! | `POST requests/{id}/approve` · `…/decline` | `request::Approve` · `request::Decline` → `RequestItem` |
//! | `GET grants?state&open&computer&user&policy&origin` · `GET grants/{id}` | → page of `grant::GrantItem` · `GrantItem` |
//! | `POST grants/{id}/extend` · `…/revoke` | `grant::Extend` · `grant::Revoke` → `GrantItem`; revoking twice is no error |
//! | `POST grants/revoke` | `grant::RevokeAll` → `grant::RevokedAll`: all open grants of a user, a computer, a policy |
//! | `GET sessions?state&computer&user&policy&grant` · `GET sessions/{id}` | → page of `session::SessionItem` · `SessionItem` |
//! | `GET events?…` · `GET events/{id}` | `event::EventQuery` → page of `event::Event` · `Event` |
//! | `GET events/{id}/proof` | → `event_log::EventProof`: that the signed log has it |
//! | `GET event-log?from&limit` · `GET event-log/checkpoint` | → `event_log::LogPage`: the whole log for verification elsewhere, for who may see all of it · `LogCheckpoint` |
//! | `GET events/counts?kind&days` | `event::CountQuery` → `event::EventCounts`: how many of each kind on each day |
//! | `GET events/export?format=csv\|jsonl&…` | `event::EventQuery` → text, oldest first |
//! | `GET, POST event-views` · `GET, PUT, DELETE event-views/{id}` | `view::NewEventView` → page of `view::EventView` · `EventView`: one's own alone |
//! | `POST events/redact` | `event::Redact` → `event::Redacted`; an owner's, call again while `left` |
//! | `GET, POST holds` · `GET holds/{ref}` | `hold::HoldQuery`, `hold::NewHold` → page of `hold::Hold` · 201 `Hold` |
//! | `POST holds/{ref}/release` | `computer::Because` → `Hold` |
//! | `GET settings` · `GET, PUT settings/{name}` | → page of `setting::Setting` · `setting::SetValue` → `Setting` |
//! | `GET, POST persons` · `GET persons/{ref}` | → page of `person::Person` · `person::NewPerson` → 201 `Person` |
//! | `PUT persons/{ref}/roles` · `PUT persons/{ref}/enabled` | `person::Roles` · `person::Enabled` → `Person` |
//! | `POST persons/{ref}/os-users` · `DELETE persons/{ref}/os-users/{user}?computer=` | `person::OsUser` → `Person` |
//! | `PUT persons/{ref}/no-os-user` | `person::NoOsUser` → `Person`; another owner sets it |
//! | `POST persons/{ref}/sign-in` | no body → `person::SignIn`, a one-time link |
//! | `GET, DELETE me/sign-ins` · `DELETE me/sign-ins/{id}` · `GET me/credentials` | → page of `sign_in::SignedIn` · 204 · `sign_in::Credentials` |
//! | `GET, DELETE persons/{ref}/sign-ins` · `DELETE persons/{ref}/sign-ins/{id}` | → page of `sign_in::SignedIn` · 204 |
//! | `GET persons/{ref}/credentials` · `DELETE persons/{ref}/credentials/{which}` | → `sign_in::Credentials` · 204 |
//! | `PUT, DELETE persons/{ref}/identity` | `sign_in::NewIdentity` → `sign_in::Credentials` · 204 |
//! | `GET, POST tokens` · `DELETE tokens/{id}` | → page of `token::Token` · `token::NewToken` → 201 `token::TokenCreated` · 204 |
//! | `GET, POST notification-targets` · `GET, DELETE notification-targets/{ref}` | → page of `notification::Target` · `NewTarget` → 201 `TargetCreated` · 204 |
//! | `PUT notification-targets/{ref}/enabled` · `POST …/test`, `…/secret` | `TargetEnabled` → `Target` · no body → `Notification` · `TargetCreated` |
//! | `GET notifications?target&state&kind` · `POST notifications/{id}/retry` | → page of `notification::Notification`, newest first · `Notification` |
//! | `GET notification-templates` · `GET, PUT, DELETE notification-templates/{kind}` | `notification::NewTemplate` → `Template`; deleting brings the built-in one back |
//! | `GET proposals?state` · `GET proposals/{id}` | → page of `proposal::Proposal` · `Proposal` |
//! | `POST proposals/{id}/confirm` · `…/reject`, `…/withdraw` | `proposal::Close` → `Confirmed` · `Proposal` |
//! | `GET break-glass?state&reviewed` · `GET break-glass/{id}` | → page of `break_glass::BreakGlass` · `BreakGlass` |
//! | `POST break-glass` · `POST break-glass/{id}/end` · `…/review` | `OpenBreakGlass` → 201 · no body · `NewReview` → `BreakGlass` |
//!
//! # Behaviour worth knowing
//!
//! - Approving: `for` absent gives what was asked; longer than asked is 422 `longer_than_asked`, longer than the policy's maximum
//!   422 `longer_than_policy`. With `approvals = 2` the first approval leaves the request `pending` with one entry in `approvals`;
//!   the shortest `for` of all approvals counts, and any `command_only` narrows.
//! - An approval counts while its person may decide, at the moment of the last one. A change of the request (409 `wrong_state` without
//!   its `code`) or a new version of its policy takes approvals back: `request.approvals_reset`.
//! - `remind_after` and `escalate_after` are the server's to keep, once each: `request.reminded`, `request.escalated`. Then `escalate_to` may
//!   decide too, in the roles that may decide at all.
//! - With the setting `four_eyes` on, a call that changes policies, lists, groups, autonomous rules, persons, roles, settings or somebody
//!   else's sign-in answers 202 with a `proposal::Proposal`, and nothing has changed. A second person confirms it (403 `own_proposal`
//!   otherwise); 409 `stale_proposal` says that what it would change has changed since.
//! - Who decides: `own_request`, `not_an_approver`, `no_os_user_recorded`, `token_may_not_decide`, `already_decided` are the 403 and 409 codes to show.
//! - Any transition that came too late is 409 `wrong_state`, with the state found in `detail`.
//! - A request whose digest does not fit its content has `consistent: false` and can only be declined (409 `inconsistent`).
//! - Extending gives the same grant a higher version; the total of all its lengths never exceeds the policy's `max_duration` as it was
//!   when asked (422 `longer_than_policy`). It is a new decision: the same rules as approving. Only approved grants can be extended.
//! - Revoking sets the grant `revoked` at once; `deliveries` says whether the computer has heard of it (`sent`, `delivered`, `confirmed` with
//!   `processes_ended`). `now: true` kills without grace.
//! - A grant's `deliveries` and a session's end come from the computer's journal and are as late as it is.
//! - One end, one event: `grant.revoked` is the person's act; what the computer says of that end later is `grant.ended`. An end that the
//!   computer brought about is `grant.expired`, `grant.finished`, `grant.unused` or `grant.revoked` (by a policy's change), once.
//!   With a quorum, each approval but the last is `request.approval_recorded`.
//! - A change of a list or user group that a policy names gives the policy a new version (`policy.changed`, by the server), since a
//!   version never has two contents. Putting the same content again changes nothing and gives the version that is there.
//! - Names of computers in policies and groups need not exist yet; lists and groups that are named must (422 `invalid`, with the field).
//! - A cursor of `GET events` belongs to its conditions and order: with others it is 400 `malformed`. With `text` a page looks through so
//!   many events and no more: it may have fewer items than asked for, even none, and `next` all the same.
//! - Tokens: `decides: true` can be given only by a token or sign-in that may decide itself. Nobody unlinks their own OS user or records
//!   that they themself have none: another owner does.
pub mod application;
pub mod apply;
pub mod break_glass;
pub mod check;
pub mod computer;
pub mod error;
pub mod event;
pub mod event_log;
pub mod grant;
pub mod hold;
pub mod instance;
pub mod notification;
pub mod page;
pub mod person;
pub mod policy;
pub mod proposal;
pub mod replay;
pub mod request;
pub mod session;
pub mod setting;
pub mod sign_in;
pub mod status;
pub mod token;
pub mod view;
pub mod warning;

pub use error::{Code, Problem};
pub use page::Page;

/// What an API token's text starts with.
pub const TOKEN_PREFIX: &str = "brv_";
