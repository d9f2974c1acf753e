//! A broker that says what a test wants, and the command on pipes or on a terminal of its own.

use brevet_api::broker::{Answer, Ask, Pending, Refused, Reply, Started, Tell, WouldRun};
use brevet_api::frame::{self, Frame, MAX_CLIENT, TERMINAL};
use brevet_core::application::{Fact, Facts, Package};
use brevet_core::digest::Digest;
use brevet_core::id::{GrantId, RequestId, SessionId};
use brevet_core::text::OsText;
use brevet_core::time::{Length, Timestamp};
use brevet_sys::poll::{self, Interest};
use brevet_sys::pty::{Mode, Pty};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Nothing here takes this long unless it hangs.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// Looks again and again until it holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "did not come true: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub struct Broker {
    pub directory: tempfile::TempDir,
    pub listener: UnixListener,
}

impl Broker {
    pub fn start() -> Self {
        assert_eq!(brevet_sys::process::effective_uid(), 0, "these tests need root");
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join("broker.sock")).unwrap();
        Self { directory, listener }
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("broker.sock")
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.args(arguments).env("BREVET_SOCKET", self.socket()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// The command without a controlling terminal, whatever runs the tests.
    pub fn away_from_terminal(&self, arguments: &[&str]) -> Run {
        let mut command = Command::new("setsid");
        command.arg("-w").arg(program()).args(arguments).env("BREVET_SOCKET", self.socket());
        Run(Some(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()))
    }

    pub fn accept(&self) -> Talk {
        let ready = poll::wait(&[(self.listener.as_fd(), Interest::READ)], Some(20_000)).unwrap();
        assert!(ready[0].readable(), "nobody connected");
        let (stream, _) = self.listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Talk { stream }
    }

    /// Accepts, and takes the first message.
    pub fn asked(&self) -> (Talk, Ask, Vec<OwnedFd>) {
        let talk = self.accept();
        let (ask, descriptors) = talk.ask();
        (talk, ask, descriptors)
    }

    /// Accepts a `Run` and drops its descriptors.
    pub fn run(&self) -> (Talk, brevet_api::broker::Run) {
        match self.asked() {
            (talk, Ask::Run(run), _) => (talk, *run),
            (_, other, _) => panic!("{other:?}"),
        }
    }
}

pub fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_brevet"))
}

/// The broker's end of a connection.
pub struct Talk {
    pub stream: UnixStream,
}

impl Talk {
    fn ask(&self) -> (Ask, Vec<OwnedFd>) {
        let mut bytes = vec![0u8; 1 << 18];
        let (length, descriptors) = brevet_sys::fdpass::receive(self.stream.as_fd(), &mut bytes, 4).unwrap();
        let mut rest = (&bytes[..length]).chain(&self.stream);
        (frame::read_control(&mut rest, MAX_CLIENT).unwrap(), descriptors)
    }

    pub fn tell(&mut self, tell: &Tell) {
        frame::write_control(&mut self.stream, tell).unwrap();
    }

    pub fn answer(&mut self, answer: &Answer) {
        frame::write_control(&mut self.stream, answer).unwrap();
    }

    pub fn tell_with(&mut self, tell: &Tell, descriptor: BorrowedFd<'_>) {
        let bytes = frame::encode_control(tell).unwrap();
        assert_eq!(brevet_sys::fdpass::send(self.stream.as_fd(), &bytes, &[descriptor]).unwrap(), bytes.len());
    }

    pub fn output(&mut self, bytes: &[u8]) {
        self.stream.write_all(&frame::encode(TERMINAL, bytes).unwrap()).unwrap();
    }

    pub fn frame(&mut self) -> Frame {
        frame::read(&mut self.stream, MAX_CLIENT).unwrap()
    }

    pub fn reply(&mut self) -> Reply {
        frame::control(&self.frame()).unwrap()
    }

    /// The next reply that is not about the window's size.
    pub fn reply_but_window(&mut self) -> Reply {
        loop {
            match self.reply() {
                Reply::Window(_) => {}
                other => return other,
            }
        }
    }

    /// Bytes from the keyboard until these have come.
    pub fn typed(&mut self, wanted: &[u8]) {
        let mut all = Vec::new();
        while all != wanted {
            let frame = self.frame();
            assert_eq!(frame.kind, TERMINAL, "{}", String::from_utf8_lossy(&frame.payload));
            all.extend(frame.payload);
            assert!(all.len() <= wanted.len(), "{all:?}");
        }
    }

    /// Whether the command has closed.
    pub fn is_over(&mut self) -> bool {
        matches!(frame::read(&mut self.stream, MAX_CLIENT), Err(frame::FrameError::Closed))
    }
}

/// The command on pipes, ended with the test.
pub struct Run(pub Option<Child>);

impl Run {
    pub fn spawn(command: &mut Command) -> Self {
        Self(Some(command.spawn().unwrap()))
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.0.as_ref().unwrap().id()).unwrap()
    }

    /// Exit status and both outputs, which must fit into a pipe.
    pub fn finish(mut self) -> (i32, String, String) {
        until("the command ends", || self.0.as_mut().unwrap().try_wait().unwrap().is_some());
        let Output { status, stdout, stderr } = self.0.take().unwrap().wait_with_output().unwrap();
        (status.code().unwrap_or(-1), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// A command as the leader of a session on a terminal of its own.
pub struct OnTerminal {
    pub pty: Pty,
    child: Child,
    pub seen: String,
    from: usize,
}

impl OnTerminal {
    /// `brevet` with these arguments.
    pub fn brevet(broker: &Broker, arguments: &[&str]) -> Self {
        Self::start(broker, Command::new("setsid").arg("-c").arg("-w").arg(program()).args(arguments))
    }

    /// A script of bash, in which `$BREVET` is the command.
    pub fn script(broker: &Broker, script: &str) -> Self {
        Self::start(broker, Command::new("setsid").args(["-c", "-w", "bash", "--norc", "-c", script]))
    }

    fn start(broker: &Broker, command: &mut Command) -> Self {
        let pty = brevet_sys::pty::open().unwrap();
        brevet_sys::pty::set_window_size(pty.master.as_fd(), brevet_sys::pty::WindowSize { rows: 40, columns: 132, width: 0, height: 0 })
            .unwrap();
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        let child = command
            .env("BREVET_SOCKET", broker.socket())
            .env("BREVET", program())
            .current_dir(broker.directory.path())
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap();
        Self { pty, child, seen: String::new(), from: 0 }
    }

    /// Waits until this is on the screen, after what was expected before.
    pub fn expect(&mut self, wanted: &str) {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(at) = self.seen[self.from..].find(wanted) {
                self.from += at + wanted.len();
                return;
            }
            assert!(Instant::now() < end, "{wanted:?} is not shown; seen:\n{}", self.seen);
            self.read(100);
        }
    }

    fn read(&mut self, patience: u64) {
        let ready = poll::wait(&[(self.pty.master.as_fd(), Interest::READ)], Some(patience)).unwrap();
        let mut buffer = [0u8; 4096];
        if ready[0].readable()
            && let Ok(length) = File::from(self.pty.master.try_clone().unwrap()).read(&mut buffer)
        {
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }

    pub fn type_keys(&self, keys: &str) {
        File::from(self.pty.master.try_clone().unwrap()).write_all(keys.as_bytes()).unwrap();
    }

    /// Whether whole lines are read and echoed, as a shell leaves it.
    pub fn is_usual(&self) -> bool {
        Mode::of(self.pty.slave.as_fd()).unwrap().is_line_by_line()
    }

    /// The pid of the command itself, below `setsid`.
    pub fn pid(&self) -> i32 {
        let own = i32::try_from(self.child.id()).unwrap();
        let is_ours = |pid: &i32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == program());
        let mut found = None;
        until("the command runs", || {
            found = [own].into_iter().chain(brevet_sys::process::descendants(own).unwrap()).find(is_ours);
            found.is_some()
        });
        found.unwrap()
    }

    /// The exit status, with everything that was shown in `seen`.
    pub fn finish(&mut self) -> i32 {
        let mut status = None;
        let end = Instant::now() + DEADLINE;
        while status.is_none() {
            assert!(Instant::now() < end, "does not end; seen:\n{}", self.seen);
            self.read(10);
            status = self.child.try_wait().unwrap();
        }
        self.read(0);
        status.unwrap().code().unwrap_or(-1)
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        let own = i32::try_from(self.child.id()).unwrap();
        for pid in brevet_sys::process::descendants(own).unwrap_or_default() {
            let _ = brevet_sys::process::signal_if(pid, libc::SIGKILL, |_| true);
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn request() -> RequestId {
    RequestId::new(1_700_000_000_000, [1; 10])
}

pub fn grant() -> GrantId {
    GrantId::new(1_700_000_000_000, [2; 10])
}

pub fn session() -> SessionId {
    SessionId::new(1_700_000_000_000, [3; 10])
}

pub fn would_run(arguments: &[&[u8]]) -> WouldRun {
    WouldRun {
        arguments: arguments.iter().map(|bytes| OsText::new(*bytes).unwrap()).collect(),
        application: Facts {
            path: OsText::from("/usr/bin/tool"),
            names: vec![OsText::from("/usr/bin/tool")],
            chain: Fact::Known(true),
            writable_by: None,
            sha256: Digest::of(b"tool"),
            size: 4,
            owner: Fact::Known("root".to_owned()),
            mode: 0o755,
            package: Fact::Known(Some(Package {
                name: "tools".to_owned(),
                version: "1.2-3".to_owned(),
                vendor: Some("Example Team".to_owned()),
                unchanged: Fact::Known(true),
            })),
            interpreter: None,
            parent: Fact::Unknown("not looked for".to_owned()),
            store: Fact::Known(None),
        },
        directory: OsText::from("/home/alice"),
        target_user: "root".to_owned(),
    }
}

pub fn pending() -> Tell {
    Tell::Pending(Box::new(Pending {
        request: request(),
        digest: Digest::of(b"request"),
        code: "7K3M-Q9ZT".to_owned(),
        would_run: would_run(&[b"tool", b"a b"]),
        reason: "because\x1b[2J".to_owned(),
        duration: Length::from_minutes(30),
        approvers: vec!["role:approver".to_owned()],
        lapses: Timestamp::parse("2026-12-01T20:00:00Z").unwrap(),
        waited_millis: 0,
        max_duration: Length::from_hours(1),
        lapses_in_millis: 3_600_000,
        message: "Questions: #web-ops".to_owned(),
        delivered: true,
    }))
}

pub fn refused(reason: &str) -> Refused {
    Refused { code: "no_policy".to_owned(), reason: reason.to_owned(), hint: Some("ask carol".to_owned()), not_found: false }
}

pub fn started(terminal: [bool; 3]) -> Tell {
    Tell::Started(Started {
        session: session(),
        grant: grant(),
        terminal,
        ends: Timestamp::parse("2026-12-01T20:00:00Z").unwrap(),
        ends_in_millis: 60_000,
    })
}

pub fn exited(status: u8) -> Tell {
    Tell::Ended(brevet_api::broker::Ended { status: Some(status), signal: None, because: None })
}
