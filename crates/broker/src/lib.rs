//! `brevet-broker`: the privileged half of the agent, five roles in one binary.
//!
//! - *broker* decides, keeps documents and journal, and owns the sockets; confined to unix sockets.
//! - *launcher* starts the other roles, so that nothing inherits the broker's filter.
//! - *supervisor* starts, contains and ends one session.
//! - *authn* runs Linux-PAM for one attempt.
//! - *names* answers questions about users and groups through NSS.
//!
//! It links no TLS, HTTP, DNS or SQL, and its broker role opens no network socket.

pub mod authn;
pub mod launcher;
pub mod names;
pub mod spec;
pub mod supervisor;
