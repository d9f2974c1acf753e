//! What a supervisor makes while it waits for its session, so that the session need not wait for it.
//!
//! Nothing here knows whose session it will be. What could not be made ahead is made for the session.

use super::init::Init;
use super::pam_session::Loaded;
use super::start::Failure;
use super::state::StateDirectory;
use crate::launcher;
use crate::spec::{Containment, SessionSpec};
use brevet_sys::cgroup::Group;
use brevet_sys::clock;
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The PAM service's modules.
    pub(super) pam: Option<Loaded>,
    /// Which boot this is.
    boot: Option<String>,
    place: Option<Place>,
}

/// Where a session is: its state directory with its socket, and its group with the init of its namespace, where it has one. They go together.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    pub(super) state: StateDirectory,
    pub(super) listener: UnixListener,
    pub(super) group: Group,
    /// Also where it was made for a session that has no use for it.
    pub(super) init: Option<Init>,
}

impl Place {
    fn make(path: &Path, group: &Path, containment: Containment) -> Result<Self, Failure> {
        let cannot = |error| Failure::new("make the state directory", error);
        let state = StateDirectory::create(path).map_err(cannot)?;
        let made = state.listen().map_err(cannot).and_then(|listener| Ok((listener, Group::create(group)?)));
        let (listener, group) = match made {
            Ok(made) => made,
            Err(failure) => {
                drop(state.remove());
                return Err(failure);
            }
        };
        let place = Self { path: path.to_owned(), state, listener, group, init: None };
        match containment {
            Containment::Cgroup => Ok(place),
            Containment::PidNamespace => place.with_init(),
        }
    }

    /// With the init of a pid namespace.
    fn with_init(self) -> Result<Self, Failure> {
        if self.init.is_some() {
            return Ok(self);
        }
        match Init::fork(self.group.as_fd()) {
            Ok(init) => Ok(Self { init: Some(init), ..self }),
            Err(failure) => {
                self.remove();
                Err(failure)
            }
        }
    }

    /// Takes it back.
    pub(super) fn remove(self) {
        // A group with a process in it cannot be removed.
        if let Some(init) = self.init {
            init.end();
        }
        drop(self.group.remove());
        drop(self.state.remove());
    }
}

impl Ahead {
    /// For the session that is awaited.
    pub(super) fn make(awaited: launcher::Awaited<'_>) -> Self {
        // WHY first: what is loaded after init was forked is nobody else's, and need not be copied when it is written.
        let mut made = Self::with(None, awaited);
        made.pam = Loaded::load(awaited.ahead.service);
        made
    }

    /// The same with what was loaded before.
    pub(super) fn with(pam: Option<Loaded>, awaited: launcher::Awaited<'_>) -> Self {
        let launcher::Awaited { ahead, session, containment } = awaited;
        let place = Place::make(&ahead.sessions.join(session), &ahead.groups.join(session), containment);
        Self { pam, boot: clock::boot_id().ok(), place: place.ok() }
    }

    /// Which boot this is.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(super) fn boot(&mut self) -> brevet_sys::Result<String> {
        self.boot.take().map_or_else(clock::boot_id, Ok)
    }

    /// The session's place.
    ///
    /// # Errors
    /// When it is there already, or as the file system says.
    pub(super) fn place(&mut self, spec: &SessionSpec) -> Result<Place, Failure> {
        let group = spec.cgroup_parent.join(spec.session.as_str());
        match self.place.take() {
            Some(place) if place.path == spec.state_directory && place.group.path() == group => {
                return if spec.containment == Containment::PidNamespace { place.with_init() } else { Ok(place) };
            }
            Some(another) => another.remove(),
            None => {}
        }
        Place::make(&spec.state_directory, &group, spec.containment)
    }
}

/// What nobody came for is taken back.
impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            place.remove();
        }
    }
}
