//! A launcher, a cgroup and a state directory of a test's own, all gone when it ends.

use brevet_api::broker::{Ended as TellEnded, Reply, Tell, Window};
use brevet_api::frame::{self, Frame};
use brevet_broker::launcher;
use brevet_broker::spec::{Containment, EndReason, Ended, Report, Requester, SessionSpec, Started, Target, Terminal};
use brevet_broker::supervisor::client::{self, Descriptors, Prepared, Session, StartError};
use brevet_core::id::{GrantId, SessionId};
use brevet_core::text::OsText;
use brevet_sys::cgroup::{self, Group};
use brevet_sys::{clock, poll, process};
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// A uid that no account has.
pub const STRANGER: u32 = 61_234;

pub struct Rig {
    pub launcher: Arc<launcher::Client>,
    pub directory: tempfile::TempDir,
    pub group: PathBuf,
}

impl Rig {
    pub fn new() -> Self {
        static COUNT: AtomicU8 = AtomicU8::new(0);
        assert_eq!(process::effective_uid(), 0, "this test starts programs as other users and must run as root");
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let group = cgroup::own().unwrap().join(format!("brevet-test-{}-{count}", process::own_pid()));
        Group::create(&group).unwrap();
        let launcher = launcher::Client::start(Path::new(env!("CARGO_BIN_EXE_brevet-broker")), None).unwrap();
        Self { launcher: Arc::new(launcher), directory: tempfile::tempdir().unwrap(), group }
    }

    /// Runs as a stranger, five minutes, nothing on a terminal.
    pub fn spec(&self, arguments: &[&str]) -> SessionSpec {
        let random = || {
            let mut bytes = [0; 10];
            File::open("/dev/urandom").unwrap().read_exact(&mut bytes).unwrap();
            bytes
        };
        let session = SessionId::new(clock::realtime_ms(), random());
        SessionSpec {
            state_directory: self.directory.path().join(session.as_str()),
            session,
            grant: GrantId::new(clock::realtime_ms(), random()),
            target: Target { name: "stranger".to_owned(), uid: STRANGER, gid: STRANGER, groups: vec![STRANGER, STRANGER + 1] },
            requester: Requester { name: "somebody".to_owned(), uid: STRANGER + 7 },
            arguments: arguments.iter().map(|text| OsText::from(*text)).collect(),
            environment: vec![(OsText::from("PATH"), OsText::from("/usr/bin:/bin")), (OsText::from("TERM"), OsText::from("xterm"))],
            umask: 0o027,
            containment: Containment::Cgroup,
            terminal: None,
            deadline_ms: clock::boottime_ms() + 300_000,
            warn_at_ms: vec![],
            unheard: false,
            grace_ms: 0,
            cgroup_parent: self.group.clone(),
            login_uid: Some(STRANGER + 7),
            pam_service: None,
            script: false,
            go: false,
        }
    }

    pub fn root(&self, arguments: &[&str]) -> SessionSpec {
        let target = Target { name: "root".to_owned(), uid: 0, gid: 0, groups: vec![0] };
        SessionSpec { target, ..self.spec(arguments) }
    }

    /// On a terminal of its own, all three descriptors.
    pub fn on_terminal(&self, arguments: &[&str]) -> SessionSpec {
        let terminal = Terminal { on: [true; 3], window: Window { rows: 33, columns: 101 } };
        SessionSpec { terminal: Some(terminal), ..self.spec(arguments) }
    }

    pub fn prepare(&self, spec: &SessionSpec) -> Result<(Prepared, Person), StartError> {
        self.prepare_in(spec, &File::open("/tmp").unwrap())
    }

    pub fn prepare_in(&self, spec: &SessionSpec, directory: &File) -> Result<(Prepared, Person), StartError> {
        self.prepare_with(spec, directory, File::open("/dev/null").unwrap().as_fd())
    }

    fn prepare_with(&self, spec: &SessionSpec, directory: &File, input: BorrowedFd<'_>) -> Result<(Prepared, Person), StartError> {
        let program = std::str::from_utf8(spec.arguments[0].as_bytes()).unwrap();
        let executable = File::open(program).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        let (output, writer) = std::io::pipe().unwrap();
        let standard = [input, writer.as_fd(), writer.as_fd()];
        let on = spec.terminal.map_or([false; 3], |terminal| terminal.on);
        let passed: Vec<BorrowedFd<'_>> = standard.into_iter().zip(on).filter(|(_, on)| !on).map(|(fd, _)| fd).collect();
        let descriptors = Descriptors { executable: executable.as_fd(), directory: directory.as_fd(), client: theirs.as_fd(), passed };
        let prepared = client::prepare(self.launcher.supervisor()?, spec, &descriptors)?;
        Ok((prepared, Person { connection: ours, output: Some(output), seen: Vec::new() }))
    }

    pub fn start(&self, spec: &SessionSpec) -> Running {
        self.start_with(spec, File::open("/dev/null").unwrap().as_fd())
    }

    /// With this as standard input, where that is no terminal.
    pub fn start_with(&self, spec: &SessionSpec, input: BorrowedFd<'_>) -> Running {
        let (prepared, person) = self.prepare_with(spec, &File::open("/tmp").unwrap(), input).unwrap();
        let (session, started) = prepared.go().unwrap();
        Running { session, started, person }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        // Also when the test failed: nothing of it may live on.
        let Ok(group) = Group::open(&self.group) else { return };
        wait_until("the test's cgroup can be removed", || {
            drop(group.kill());
            group.remove().is_ok()
        });
    }
}

pub struct Running {
    pub session: Session,
    pub started: Started,
    pub person: Person,
}

impl Running {
    /// The next report of the supervisor's.
    pub fn report(&self) -> Report {
        self.session.next_report(Some(Duration::from_secs(20))).unwrap().expect("a report in time")
    }

    /// The outcome, acknowledged.
    pub fn ended(&self) -> Ended {
        loop {
            if let Report::Ended(ended) = self.report() {
                self.session.acknowledge().unwrap();
                return ended;
            }
        }
    }

    pub fn end(&self) -> Ended {
        self.session.end(EndReason::Finished, 0).unwrap();
        self.ended()
    }
}

/// The client's end.
pub struct Person {
    pub connection: UnixStream,
    pub output: Option<std::io::PipeReader>,
    pub seen: Vec<u8>,
}

impl Person {
    /// Everything that went to the passed-through descriptors, until all writers are gone.
    pub fn piped(&mut self) -> String {
        let mut text = String::new();
        self.output.take().unwrap().read_to_string(&mut text).unwrap();
        text
    }

    pub fn frame(&mut self) -> Frame {
        self.connection.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        frame::read(&mut self.connection, frame::MAX_CLIENT).unwrap()
    }

    /// The next message; terminal bytes on the way are kept in `seen`.
    pub fn tell(&mut self) -> Tell {
        loop {
            let frame = self.frame();
            if frame.kind == frame::CONTROL {
                return frame::control(&frame).unwrap();
            }
            self.seen.extend(frame.payload);
        }
    }

    pub fn ended(&mut self) -> TellEnded {
        loop {
            if let Tell::Ended(ended) = self.tell() {
                return ended;
            }
        }
    }

    /// Reads the terminal until this text was seen.
    pub fn expect(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.seen).contains(text) {
            let frame = self.frame();
            assert_eq!(frame.kind, frame::TERMINAL, "a message instead of {text:?}, after {:?}", String::from_utf8_lossy(&self.seen));
            self.seen.extend(frame.payload);
        }
    }

    pub fn press(&mut self, keys: &[u8]) {
        use std::io::Write;
        self.connection.write_all(&frame::encode(frame::TERMINAL, keys).unwrap()).unwrap();
    }

    pub fn reply(&mut self, reply: &Reply) {
        frame::write_control(&mut self.connection, reply).unwrap();
    }
}

/// Polls until it holds, for twenty seconds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < until, "not in time: {what}");
        poll::wait(&[], Some(10)).unwrap();
    }
}

/// Whether a process runs (zombies do not).
pub fn runs(pid: i32) -> bool {
    process::stat(pid).is_ok_and(|stat| !matches!(stat.state, b'Z' | b'X'))
}

/// The pid that a program wrote to a file.
pub fn pid_in(path: &Path) -> i32 {
    let mut found = None;
    wait_until("a pid was written", || {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        found = text.strip_suffix('\n').and_then(|line| line.trim().parse().ok());
        found.is_some()
    });
    found.unwrap()
}
