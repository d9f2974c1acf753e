//! The supervisor role: starts, contains and ends one session, and outlives the broker.
//!
//! One process a session, single-threaded. It decides nothing: what runs, as whom and until when comes from the broker,
//! and the broker's record is on disk before anything is executed. It holds the deadline by itself: a broker that is gone
//! changes nothing. It never touches the caller's own terminal.
//!
//! `ahead` is made before there is a session, `template` copies itself into those that wait · `start` prepares and executes · `pam_session` runs the session modules · `passed` says which descriptors may be the program's · `session` is the loop ·
//! `tree` ends processes · `relay` moves the terminal's bytes · `init` is pid 1 of a session with its own pid namespace ·
//! `state` is what a restarted broker finds · `link` frames without blocking · `client` is the broker's side.

mod ahead;
pub mod client;
mod init;
mod link;
mod pam_session;
pub mod passed;
mod relay;
mod session;
mod start;
pub mod state;
mod template;
mod tree;

use crate::launcher;
use crate::spec::{self, Report, SessionSpec};
use ahead::Ahead;
use brevet_api::frame::FrameError;
use brevet_sys::process::{self, Scheduling};
use brevet_sys::{fdpass, poll, signal};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

/// The most descriptors that come with a specification: executable, directory, client, and three passed through.
const MOST_DESCRIPTORS: usize = 6;

/// For so long a session that may be on its way is waited for awake.
const AWAKE: Duration = Duration::from_millis(1);

/// Every way in which the role ends badly.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    System(#[from] brevet_sys::Error),
    #[error("cannot talk to the broker")]
    Frame(#[from] FrameError),
}

/// The role's whole life. With `awaited` it makes ready what it can while it waits.
#[must_use]
pub fn run(awaited: Option<launcher::Awaited<'_>>) -> ExitCode {
    match serve(awaited) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::failed("supervisor", &error),
    }
}

/// The life of a template, which copies itself into supervisors that wait.
#[must_use]
pub fn run_template(ahead: launcher::Ahead<'_>) -> ExitCode {
    match template::serve(ahead) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => crate::failed("supervisor", &error),
    }
}

fn serve(awaited: Option<launcher::Awaited<'_>>) -> Result<(), Error> {
    process::forbid_dumping()?;
    process::default_limits()?;
    let broker = UnixStream::from(fdpass::inherited(launcher::CONTROL)?);
    // WHY: this process waits for its session, which then need not wait for the loader.
    meet(broker, || awaited.map_or_else(Ahead::default, Ahead::make))
}

/// From a process that is ready to be a supervisor to the end of its session.
fn meet(broker: UnixStream, ahead: impl FnOnce() -> Ahead) -> Result<(), Error> {
    process::become_subreaper()?;
    // Read in the loop; blocked from here on, so that the terminal's hang-up or a background write cannot hurt us.
    let signals = signal::SignalFd::new(&[
        signal::CHILD,
        signal::TERMINATE,
        signal::INTERRUPT,
        signal::QUIT,
        signal::HANG_UP,
        signal::CONTINUE,
        signal::BACKGROUND_INPUT,
        signal::BACKGROUND_OUTPUT,
        signal::TERMINAL_STOP,
    ])?;
    let ahead = ahead();
    wait_for_session(&broker)?;
    let (spec, descriptors): (SessionSpec, _) = match spec::receive_with(&broker, MOST_DESCRIPTORS) {
        Ok(received) => received,
        // Waited for a session that never came.
        Err(FrameError::Closed) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let prepared = match start::prepare(spec, descriptors, ahead) {
        Ok(prepared) => prepared,
        Err(failure) => return Ok(spec::send_with(&broker, &Report::from(failure), &[])?),
    };
    let go = match go_ahead(&broker, prepared.spec()) {
        Ok(go) => go,
        Err(error) => {
            prepared.abandon();
            return Err(error);
        }
    };
    match prepared.launch(go.as_ref()) {
        Ok(running) => {
            broker.set_read_timeout(None).map_err(FrameError::Io)?;
            session::Session::new(running, signals, broker)?.run()
        }
        Err(failure) => Ok(spec::send_with(&broker, &Report::from(failure), &[])?),
    }
}

/// Waits until something is said besides that a session may be on its way; after that word it waits awake for a moment.
fn wait_for_session(broker: &UnixStream) -> Result<(), Error> {
    loop {
        let words = fdpass::leading(broker.as_fd(), launcher::EXPECT).map_err(FrameError::Io)?;
        if words == 0 {
            return Ok(());
        }
        poll::look(broker.as_fd(), AWAKE);
    }
}

/// Tells the broker that everything is ready; what it must say before the program is executed.
fn go_ahead<'a>(broker: &'a UnixStream, spec: &SessionSpec) -> Result<Option<start::Go<'a>>, Error> {
    let go = if spec.go {
        None
    } else {
        spec::send_with(broker, &Report::Prepared {}, &[])?;
        Some(start::Go::from(broker)?)
    };
    // INVARIANT: the program competes as every other; where that cannot be, nothing runs.
    process::schedule(0, Scheduling::Normal)?;
    Ok(go)
}
