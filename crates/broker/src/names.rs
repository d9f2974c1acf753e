//! The names role: look-ups of users and groups through NSS, in a process that may hang and be killed.
//!
//! A look-up that gave no answer is *unknown*, never "absent": what follows from it is for the decision to say.

use crate::launcher::{self, Role, Started};
use crate::spec::{self, Found, NamedGroup, NamedUser, Question};
use brevet_api::frame::FrameError;
use brevet_core::text::OsText;
use brevet_sys::{clock, fdpass, nss, pidfd, process, signal};
use std::collections::HashMap;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a positive answer is kept (DESIGN section 2).
const KEPT_MS: u64 = 60_000;
/// The most answers kept.
const MOST_KEPT: usize = 1024;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Answer<T> {
    /// This.
    Known(T),
    /// There is none.
    Absent,
    /// The directory did not say, and why.
    Unknown(String),
}

/// The broker's way to the names role; any thread may ask, one is answered at a time.
#[derive(Debug)]
pub struct Client {
    launcher: Arc<launcher::Client>,
    patience: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    worker: Option<Started>,
    kept: HashMap<Question, (u64, Found)>,
}

impl Client {
    /// Asks through this launcher and waits so long for an answer. The worker starts with the first question.
    #[must_use]
    pub fn new(launcher: Arc<launcher::Client>, patience: Duration) -> Self {
        Self { launcher, patience, state: Mutex::default() }
    }

    /// The user of this name.
    pub fn user_by_name(&self, name: &str) -> Answer<NamedUser> {
        self.user(Question::UserByName { name: name.to_owned() })
    }

    /// The user of this id.
    pub fn user_by_uid(&self, uid: u32) -> Answer<NamedUser> {
        self.user(Question::UserByUid { uid })
    }

    fn user(&self, question: Question) -> Answer<NamedUser> {
        match self.ask(question) {
            Found::User(user) => Answer::Known(user),
            other => not_that(other),
        }
    }

    /// Every group of a user, the primary one included.
    pub fn groups_of(&self, name: &str, gid: u32) -> Answer<Vec<NamedGroup>> {
        match self.ask(Question::GroupsOf { name: name.to_owned(), gid }) {
            Found::Groups { groups } => Answer::Known(groups),
            other => not_that(other),
        }
    }

    /// The group of this name.
    pub fn group_by_name(&self, name: &str) -> Answer<NamedGroup> {
        match self.ask(Question::GroupByName { name: name.to_owned() }) {
            Found::Group(group) => Answer::Known(group),
            other => not_that(other),
        }
    }

    /// Drops every kept answer.
    pub fn forget(&self) {
        if let Ok(mut state) = self.state.lock() {
            state.kept.clear();
        }
    }

    fn ask(&self, question: Question) -> Found {
        let Ok(mut state) = self.state.lock() else {
            return Found::Unknown { reason: "an earlier look-up failed badly".to_owned() };
        };
        let now = clock::boottime_ms();
        if let Some((until, found)) = state.kept.get(&question)
            && now < *until
        {
            return found.clone();
        }
        let found = match self.ask_worker(&mut state, &question) {
            Ok(found) => found,
            Err(reason) => {
                if let Some(worker) = state.worker.take() {
                    drop(pidfd::send_signal(worker.pidfd.as_fd(), signal::KILL));
                }
                return Found::Unknown { reason };
            }
        };
        if matches!(found, Found::User(_) | Found::Group(_) | Found::Groups { .. }) {
            if state.kept.len() >= MOST_KEPT {
                state.kept.clear();
            }
            state.kept.insert(question, (now.saturating_add(KEPT_MS), found.clone()));
        }
        found
    }

    fn ask_worker(&self, state: &mut State, question: &Question) -> Result<Found, String> {
        let gone = |started: &Started| !pidfd::is_alive(started.pidfd.as_fd());
        if state.worker.as_ref().is_none_or(gone) {
            state.worker = Some(self.launcher.start_role(Role::Names).map_err(|error| crate::chain(&error))?);
        }
        let worker = state.worker.as_ref().ok_or("no names worker")?;
        let talk = || -> Result<Found, FrameError> {
            worker.control.set_read_timeout(Some(self.patience))?;
            worker.control.set_write_timeout(Some(self.patience))?;
            spec::send_with(&worker.control, question, &[])?;
            spec::receive_with(&worker.control, 0).map(|(found, _)| found)
        };
        talk().map_err(|error| format!("the user directory did not answer in time: {}", crate::chain(&error)))
    }
}

fn not_that<T>(found: Found) -> Answer<T> {
    match found {
        Found::Absent {} => Answer::Absent,
        Found::Unknown { reason } => Answer::Unknown(reason),
        Found::User(_) | Found::Group(_) | Found::Groups { .. } => Answer::Unknown("an answer to another question".to_owned()),
    }
}

/// The role's whole life: one question after the other until the broker closes.
#[must_use]
pub fn run() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::failed("names", &error),
    }
}

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    System(#[from] brevet_sys::Error),
    #[error("cannot talk to the broker")]
    Frame(#[from] FrameError),
}

fn serve() -> Result<(), Error> {
    process::forbid_dumping()?;
    let control = UnixStream::from(fdpass::inherited(launcher::CONTROL)?);
    loop {
        let question = match spec::receive_with::<Question>(&control, 0) {
            Ok((question, _)) => question,
            Err(FrameError::Closed) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        let found = answer(&question).unwrap_or_else(|error| Found::Unknown { reason: crate::chain(&error) });
        spec::send_with(&control, &found, &[])?;
    }
}

fn answer(question: &Question) -> Result<Found, nss::LookupError> {
    Ok(match question {
        Question::UserByName { name } => nss::user_by_name(name.as_bytes())?.map_or(Found::Absent {}, user),
        Question::UserByUid { uid } => nss::user_by_uid(*uid)?.map_or(Found::Absent {}, user),
        Question::GroupByName { name } => nss::group_by_name(name.as_bytes())?.map_or(Found::Absent {}, |found| Found::Group(group(found))),
        Question::GroupsOf { name, gid } => {
            let mut groups = Vec::new();
            for gid in nss::groups_of(name.as_bytes(), *gid)? {
                // An id without a name is a group all the same; a directory that fails makes the whole answer unknown.
                groups.push(nss::group_by_gid(gid)?.map_or(NamedGroup { gid, name: None }, group));
            }
            Found::Groups { groups }
        }
    })
}

fn user(user: nss::User) -> Found {
    let unreadable = || Found::Unknown { reason: "the account's entry is not readable text".to_owned() };
    let (Ok(name), Ok(home), Ok(shell)) = (String::from_utf8(user.name), OsText::new(user.home), OsText::new(user.shell)) else {
        return unreadable();
    };
    if user.uid == u32::MAX || user.gid == u32::MAX {
        return Found::Unknown { reason: "the account has an id that means none".to_owned() };
    }
    Found::User(NamedUser { name, uid: user.uid, gid: user.gid, home, shell })
}

fn group(group: nss::Group) -> NamedGroup {
    NamedGroup { gid: group.gid, name: String::from_utf8(group.name).ok() }
}
