//! The launcher role: starts the other roles for the broker, which has confined itself and cannot.
//!
//! Single-threaded; started before the broker installs its filter, so that nothing inherits it. It starts
//! programs of this very binary and nothing else, reads no file that a user can name, and ends when the broker
//! goes away; supervisors live on.
//!
//! # What the broker role calls
//!
//! ```text
//! // once, before seccomp; program: normally Path::new("/proc/self/exe")
//! launcher::Client::start(program: &Path) -> Result<launcher::Client, launcher::Error>     // Send + Sync; share by Arc
//! client.start_role(Role::Supervisor | Role::Authn | Role::Names) -> Result<launcher::Started, launcher::Error>
//!     // Started { pid: i32, pidfd: OwnedFd, control: UnixStream }; used by the three below
//!
//! // sessions (module supervisor::client)
//! let prepared = supervisor::client::prepare(&client, &spec, Descriptors { executable, directory, client, passed })?;
//!     // spec: spec::SessionSpec; everything is checked and ready, nothing runs; dropping it ends the supervisor
//! // ... write the journal record session.started durably, then:
//! let (orders, reports, started) = prepared.go()?;       // started: spec::Started { pid, cgroup, audit_session }
//!     // Err(StartError::Exec { step, errno }): the program never ran; StartError::Broken: end with 125
//! let (orders, reports, status) = supervisor::client::reconnect(state_directory)?;  // after a broker restart
//!     // Err(ReconnectError::Ended(spec::Ended)): it ended meanwhile, take it from ended.json, then forget(dir)
//!     // Err(ReconnectError::Lost(spec::Identity)): supervisor killed or computer rebooted; supervisor::client::sweep(&identity) kills its cgroup
//! orders.reschedule(deadline_boottime_ms, warn_at) -> Result<(), Error>   // extend or shorten
//! orders.end(spec::EndReason::Expired | Revoked | Finished, grace_ms) -> Result<(), Error>
//! orders.query() -> Result<(), Error>                    // answered by Report::Status
//! orders.acknowledge() -> Result<(), Error>              // after session.ended is durable: removes the state directory
//! reports.next(timeout: Option<Duration>) -> Result<Option<spec::Report>, Error>
//!     // Report::Exited { status } (main process) · Ended(Ended { reason, status, processes_ended, at }) · Status(..)
//!     // Err(Error::Gone): the supervisor went away without Ended: treat as lost
//!
//! // authentication, a fresh process an attempt
//! authn::attempt(&client, &authn::Attempt { service, user, requester, terminal, mode: Authenticate | AccountOnly, timeout_ms }, conversation: Option<OwnedFd>)
//!     -> Result<authn::Verdict, authn::Error>
//!     // conversation: one end of a socketpair whose other end goes to the client; prompts are frames of brevet_api::broker
//!
//! // names, one worker with a deadline
//! let names = names::Client::new(Arc<launcher::Client>, Duration::from_secs(2));
//! names.user_by_name("alice") / user_by_uid(1000) -> names::Answer<names::User>  // Known(User{name,uid,gid,home,shell}) | Absent | Unknown(reason)
//! names.groups_of(&User) -> Answer<Vec<names::Group{gid,name}>>    // all groups of the user, primary included
//! names.group_by_name("webteam") -> Answer<Group>
//! names.forget()                                          // drop cached answers
//! ```
