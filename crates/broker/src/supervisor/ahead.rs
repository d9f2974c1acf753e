//! What a supervisor makes while it waits for its session, so that the session need not wait for it.
//!
//! Nothing here knows whose session it will be. What could not be made ahead is made for the session.

use super::pam_session::Loaded;
use super::state::StateDirectory;
use brevet_sys::clock;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Ahead {
    /// The PAM service's modules.
    pub(super) pam: Option<Loaded>,
    /// Which boot this is.
    boot: Option<String>,
    place: Option<(StateDirectory, UnixListener)>,
}

impl Ahead {
    /// For sessions whose modules are those of `service` and whose directories lie in `sessions`.
    pub(super) fn make(service: &str, sessions: &Path) -> Self {
        let place = StateDirectory::create_waiting(sessions).and_then(|state| match state.listen() {
            Ok(listener) => Ok((state, listener)),
            Err(error) => {
                drop(state.remove());
                Err(error)
            }
        });
        Self { pam: Loaded::load(service), boot: clock::boot_id().ok(), place: place.ok() }
    }

    /// Which boot this is.
    ///
    /// # Errors
    /// When `/proc` cannot be read.
    pub(super) fn boot(&mut self) -> brevet_sys::Result<String> {
        self.boot.take().map_or_else(clock::boot_id, Ok)
    }

    /// The session's state directory, with its socket.
    ///
    /// # Errors
    /// When it is there already, or as the file system says.
    pub(super) fn state_directory(&mut self, path: &Path) -> io::Result<(StateDirectory, UnixListener)> {
        if let Some((mut state, listener)) = self.place.take() {
            if state.is_beside(path) && state.rename(path).is_ok() {
                return Ok((state, listener));
            }
            drop(state.remove());
        }
        let state = StateDirectory::create(path)?;
        match state.listen() {
            Ok(listener) => Ok((state, listener)),
            Err(error) => {
                drop(state.remove());
                Err(error)
            }
        }
    }
}

/// What nobody came for is taken back.
impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some((state, _)) = self.place.take() {
            drop(state.remove());
        }
    }
}
