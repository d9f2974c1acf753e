//! What a supervisor makes while it waits for its session, so that the session need not wait for it.
//!
//! Nothing here knows whose session it will be. What could not be made ahead is made for the session.

use super::pam_session::Loaded;
use super::start::Failure;
use super::state::StateDirectory;
use crate::launcher;
use crate::spec::SessionSpec;
use brevet_sys::cgroup::Group;
use brevet_sys::clock;
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

/// Where a session is: its state directory with its socket, and its group. Both are empty, and go together.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    pub(super) state: StateDirectory,
    pub(super) listener: UnixListener,
    pub(super) group: Group,
}

impl Place {
    fn make(path: &Path, group: &Path) -> Result<Self, Failure> {
        let cannot = |error| Failure::new("make the state directory", error);
        let state = StateDirectory::create(path).map_err(cannot)?;
        let made = state.listen().map_err(cannot).and_then(|listener| Ok((listener, Group::create(group)?)));
        match made {
            Ok((listener, group)) => Ok(Self { path: path.to_owned(), state, listener, group }),
            Err(failure) => {
                drop(state.remove());
                Err(failure)
            }
        }
    }

    /// Takes it back.
    pub(super) fn remove(self) {
        drop(self.group.remove());
        drop(self.state.remove());
    }
}

impl Ahead {
    /// For a session of this id, whose modules and places are these.
    pub(super) fn make(ahead: launcher::Ahead<'_>, session: &str) -> Self {
        let place = Place::make(&ahead.sessions.join(session), &ahead.groups.join(session));
        Self { pam: Loaded::load(ahead.service), boot: clock::boot_id().ok(), place: place.ok() }
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
            Some(place) if place.path == spec.state_directory && place.group.path() == group => return Ok(place),
            Some(another) => another.remove(),
            None => {}
        }
        Place::make(&spec.state_directory, &group)
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
