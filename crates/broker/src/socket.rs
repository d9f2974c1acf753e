//! The two sockets: bound once, in a directory that is root's; every connection counted by its uid before it is served.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brevet_api::broker::{Refused, Tell};
use brevet_api::config::Config;
use brevet_api::frame;
use brevet_sys::peer::Peer;

use crate::broker::Broker;
use crate::{connection, link, sessions};

/// Connections in all, and of one user: ours to keep, whatever is tried (ATTACKS G05).
const MOST: usize = 512;
const MOST_OF_ONE: usize = 48;
/// Root may still ask when everybody else has used everything up.
const KEPT_FOR_ROOT: usize = 16;

/// Why a socket could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path}")]
pub struct SocketError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// Both listening sockets.
#[derive(Debug)]
pub struct Sockets {
    /// For users.
    pub broker: UnixListener,
    /// For `brevetd`.
    pub agent: UnixListener,
}

impl Sockets {
    /// Makes the directory (root, 0755) and binds both; stale sockets are replaced. `agent` is the uid of `brevetd`.
    ///
    /// # Errors
    /// When a step fails, or the directory is somebody else's.
    pub fn bind(config: &Config, agent: Option<u32>) -> Result<Self, SocketError> {
        let directory = &config.runtime_directory;
        let failed = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| SocketError { doing, path, source }
        };
        fs::create_dir_all(directory).map_err(failed("make", directory))?;
        let metadata = fs::symlink_metadata(directory).map_err(failed("look at", directory))?;
        if !metadata.is_dir() || metadata.uid() != 0 {
            return Err(failed("use", directory)(io::Error::other("it is not a directory of root's")));
        }
        fs::set_permissions(directory, Permissions::from_mode(0o755)).map_err(failed("set the mode of", directory))?;
        let broker = bind(&config.broker_socket(), 0o666, None)?;
        let agent = bind(&config.agent_socket(), 0o600, agent)?;
        Ok(Self { broker, agent })
    }
}

fn bind(path: &Path, mode: u32, owner: Option<u32>) -> Result<UnixListener, SocketError> {
    let failed = |doing| {
        let path = path.to_owned();
        move |source| SocketError { doing, path, source }
    };
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed("replace")(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed("bind"))?;
    if owner.is_some() {
        chown(path, owner, None).map_err(failed("give away"))?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed("set the mode of"))?;
    Ok(listener)
}

/// Counts connections by uid.
#[derive(Debug, Default)]
pub struct Counted {
    by_uid: Mutex<HashMap<u32, usize>>,
}

impl Counted {
    fn counts(&self) -> MutexGuard<'_, HashMap<u32, usize>> {
        self.by_uid.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more connection of this user, if there is one.
    fn enter(self: &Arc<Self>, uid: u32) -> Option<Place> {
        let mut counts = self.counts();
        let all: usize = counts.values().sum();
        let most = if uid == 0 { MOST } else { MOST.saturating_sub(KEPT_FOR_ROOT) };
        let theirs = counts.entry(uid).or_insert(0);
        if all >= most || *theirs >= MOST_OF_ONE {
            return None;
        }
        *theirs = theirs.saturating_add(1);
        Some(Place { counted: Arc::clone(self), uid })
    }
}

/// One connection's place, free again when dropped.
#[derive(Debug)]
struct Place {
    counted: Arc<Counted>,
    uid: u32,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.counted.counts();
        if let Some(theirs) = counts.get_mut(&self.uid) {
            *theirs = theirs.saturating_sub(1);
            if *theirs == 0 {
                counts.remove(&self.uid);
            }
        }
    }
}

/// Serves a user's connection, and then the session that it began: who it is, and if there is a place.
pub fn serve_client(broker: &Broker, counted: &Arc<Counted>, stream: UnixStream) {
    // An error here is a refusal: nothing is served for a peer that cannot be told (ATTACKS G01).
    let Ok(peer) = Peer::of(stream.as_fd()) else { return };
    let Some(place) = counted.enter(peer.uid) else {
        busy(&stream);
        return;
    };
    let running = connection::serve(broker, stream, peer);
    // A session is no connection of its user's any more.
    drop(place);
    if let Some(running) = running {
        sessions::watch(broker, &running.id, &running.session);
    }
}

/// Says that there is no place for this connection.
pub fn busy(mut stream: &UnixStream) {
    let refused = Refused {
        code: "busy".to_owned(),
        reason: "too many connections of yours are open".to_owned(),
        hint: Some("try again when one of them has ended".to_owned()),
        not_found: false,
    };
    if stream.set_nonblocking(true).is_ok() {
        drop(frame::write_control(&mut stream, &Tell::Refused(refused)));
    }
}

/// Takes a connection of `brevetd`'s: only its user and root.
pub fn take_agent(broker: &Arc<Broker>, agent: Option<u32>, stream: UnixStream) {
    let Ok(peer) = Peer::of(stream.as_fd()) else { return };
    let same = peer.same_namespaces().is_ok_and(|same| same.user);
    if !same || (peer.uid != 0 && Some(peer.uid) != agent) {
        crate::say("broker", &format!("uid {} may not use brevetd's socket", peer.uid));
        return;
    }
    let broker = Arc::clone(broker);
    let serve = move || link::serve(&broker, stream);
    if let Err(error) = std::thread::Builder::new().name("brevetd".to_owned()).spawn(serve) {
        crate::say("broker", &format!("no thread for brevetd: {error}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_user_cannot_use_every_connection_up_and_root_always_has_one() {
        let counted = Arc::new(Counted::default());
        let places: Vec<_> = (0..MOST_OF_ONE).map(|_| counted.enter(1000).unwrap()).collect();
        assert!(counted.enter(1000).is_none());
        assert!(counted.enter(1001).is_some());
        drop(places);
        assert!(counted.enter(1000).is_some());
        let others: Vec<_> = (2000..3000).map_while(|uid| counted.enter(uid)).collect();
        assert!(others.len() < MOST && counted.enter(3000).is_none() && counted.enter(0).is_some());
    }
}
