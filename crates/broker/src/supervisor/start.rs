//! From a specification to a running program, in two steps: everything is made ready, then, once the broker's record is
//! on disk, the program is executed. Whatever fails takes back what was made and says which step it was.

use super::ahead::{Ahead, Place};
use super::init::Init;
use super::pam_session::{Loaded, PamSession};
use super::passed;
use super::state::StateDirectory;
use crate::spec::{Containment, Identity, Order, Report, SessionSpec, Started};
use brevet_api::frame::{self, FrameError};
use brevet_core::escape;
use brevet_core::text::OsText;
use brevet_sys::cgroup::Group;
use brevet_sys::exec::{self, Child, Gate, Namespaces, Program, Session, Step};
use brevet_sys::pty::{self, Pty, WindowSize};
use brevet_sys::{clock, mount, open, pidfd, process, signal};
use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::Duration;

/// How long the broker may take between `Prepared` and `Go`.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program never ran.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}")]
pub(super) struct Failure {
    step: String,
    #[source]
    source: io::Error,
}

impl Failure {
    pub(super) fn new(step: &str, source: io::Error) -> Self {
        Self { step: step.to_owned(), source }
    }

    /// The broker did not say that the record is on disk.
    fn not_told() -> Self {
        Self::because(Step::Gate.doing(), "the broker did not say so in time")
    }

    /// INVARIANT: `step` and `why` are shown to the person: what somebody else chose in them has been escaped (`escape::terminal`).
    pub(super) fn because(step: &str, why: &str) -> Self {
        Self::new(step, io::Error::other(why.to_owned()))
    }

    /// A directory that the session cannot enter by its path: which, why (the kernel's reason, 0 where it leads to another), and what
    /// to do.
    pub(super) fn unreachable_directory(directory: BorrowedFd<'_>, errno: i32) -> Self {
        let path = open::fd_path(directory).unwrap_or_default();
        let shown = escape::terminal(path.as_os_str().as_bytes());
        let why = match errno {
            0 => "its path leads to another directory there".to_owned(),
            errno => io::Error::from_raw_os_error(errno).to_string(),
        };
        let step = format!("enter the working directory \"{}\" in a session with namespaces of its own", shown.replace('"', "\\\""));
        Self::because(&step, &format!("{why}; change to another directory and run the command again"))
    }
}

impl From<brevet_sys::Error> for Failure {
    fn from(error: brevet_sys::Error) -> Self {
        Self::new(error.doing, error.source)
    }
}

impl From<Failure> for Report {
    fn from(failure: Failure) -> Self {
        let errno = failure.source.raw_os_error().unwrap_or(0);
        Self::Failed { step: failure.step, errno, reason: failure.source.to_string() }
    }
}

/// The descriptors of a specification, told apart.
struct Descriptors {
    executable: OwnedFd,
    directory: OwnedFd,
    client: OwnedFd,
    passed: Vec<OwnedFd>,
}

/// Ready, and nothing runs.
pub(super) struct Prepared {
    spec: SessionSpec,
    descriptors: Descriptors,
    arguments: Vec<CString>,
    environment: Vec<CString>,
    state: StateDirectory,
    listener: UnixListener,
    group: Group,
    /// Also one that this session has no use for.
    init: Option<Init>,
    pty: Option<Pty>,
    pam: Option<PamSession>,
    boot: String,
    /// Our own audit session.
    own_audit: Option<u32>,
}

/// The program runs.
pub(super) struct Running {
    pub(super) spec: SessionSpec,
    pub(super) state: StateDirectory,
    pub(super) listener: UnixListener,
    pub(super) group: Group,
    pub(super) client: UnixStream,
    pub(super) pty: Option<Pty>,
    /// It began in its terminal's background.
    pub(super) background: bool,
    pub(super) program: Child,
    /// Of its pid namespace, where it has one.
    pub(super) init: Option<Init>,
    pub(super) started: Started,
    pub(super) identity: Identity,
    pub(super) pam: Option<PamSession>,
}

/// Checks and makes everything; `ahead` is what was loaded while we waited.
pub(super) fn prepare(spec: SessionSpec, descriptors: Vec<OwnedFd>, mut ahead: Ahead) -> Result<Prepared, Failure> {
    let descriptors = tell_apart(&spec, descriptors)?;
    let arguments: Vec<CString> = spec.arguments.iter().map(|text| c_text(text.as_bytes())).collect::<Result<_, _>>()?;
    if arguments.is_empty() {
        return Err(Failure::because("read the arguments", "there is not even a name"));
    }
    let environment = environment(&spec.environment)?;
    let place = ahead.place(&spec)?;
    let pty = match terminal(&spec) {
        Ok(pty) => pty,
        Err(failure) => {
            place.remove();
            return Err(failure);
        }
    };
    let Place { state, listener, group, init, .. } = place;
    let mut prepared = Prepared {
        spec,
        descriptors,
        arguments,
        environment,
        state,
        listener,
        group,
        init,
        pty,
        pam: None,
        boot: String::new(),
        own_audit: None,
    };
    // Meanwhile the PAM session is opened.
    let mounts = match prepared.make_mounts() {
        Ok(mounts) => mounts,
        Err(failure) => {
            prepared.abandon();
            return Err(failure);
        }
    };
    // WHY here: what is elevated is the program, and its record is being written meanwhile. A session that comes to nothing is closed.
    match open_pam_session(&prepared.spec, ahead.pam.take()) {
        Ok(pam) => prepared.pam = pam,
        Err(failure) => {
            prepared.abandon();
            return Err(failure);
        }
    }
    if let Err(failure) = prepared.follow_mounts(mounts) {
        prepared.abandon();
        return Err(failure);
    }
    // After the PAM session, which may give us one.
    prepared.own_audit = process::audit_session(process::own_pid());
    match ahead.boot() {
        Ok(boot) => prepared.boot = boot,
        Err(error) => {
            prepared.abandon();
            return Err(error.into());
        }
    }
    Ok(prepared)
}

fn open_pam_session(spec: &SessionSpec, ahead: Option<Loaded>) -> Result<Option<PamSession>, Failure> {
    let Some(service) = &spec.pam_service else { return Ok(None) };
    let opened = PamSession::open(ahead, service, &spec.target.name, &spec.requester.name);
    opened.map(Some).map_err(|error| Failure::because("open the PAM session", &escape::terminal(error.to_string().as_bytes())))
}

/// The session's terminal, where it has one.
fn terminal(spec: &SessionSpec) -> Result<Option<Pty>, Failure> {
    let Some(terminal) = spec.terminal else { return Ok(None) };
    let pty = pty::open()?;
    let size = WindowSize { rows: terminal.window.rows, columns: terminal.window.columns, width: 0, height: 0 };
    pty::set_window_size(pty.master.as_fd(), size)?;
    pty::set_owner(pty.slave.as_fd(), spec.target.uid)?;
    Ok(Some(pty))
}

fn tell_apart(spec: &SessionSpec, descriptors: Vec<OwnedFd>) -> Result<Descriptors, Failure> {
    let wanted = spec.terminal.map_or(3, |terminal| terminal.on.iter().filter(|on| !**on).count());
    let mut all = descriptors.into_iter();
    let (Some(executable), Some(directory), Some(client)) = (all.next(), all.next(), all.next()) else {
        return Err(Failure::because("read the descriptors", "executable, directory or client is missing"));
    };
    let passed: Vec<OwnedFd> = all.collect();
    if passed.len() != wanted {
        return Err(Failure::because("read the descriptors", "not as many are passed through as are no terminal"));
    }
    let on = spec.terminal.map_or([false; 3], |terminal| terminal.on);
    let numbers = on.iter().enumerate().filter(|(_, on)| !**on).map(|(number, _)| number);
    for (number, descriptor) in numbers.zip(&passed) {
        passed::check_as(number, descriptor.as_fd()).map_err(|why| Failure::because("pass a descriptor through", &why.to_string()))?;
    }
    Ok(Descriptors { executable, directory, client, passed })
}

fn c_text(bytes: &[u8]) -> Result<CString, Failure> {
    CString::new(bytes).map_err(|_| Failure::because("read the arguments", "a NUL byte"))
}

/// `NAME=value`; each name once, so that no two readers can disagree.
fn environment(variables: &[(OsText, OsText)]) -> Result<Vec<CString>, Failure> {
    let mut names = HashSet::new();
    let mut list = Vec::with_capacity(variables.len());
    for (name, value) in variables {
        if name.as_bytes().is_empty() || name.as_bytes().contains(&b'=') || !names.insert(name.as_bytes()) {
            return Err(Failure::because("read the environment", "a name that is empty, contains '=' or stands twice"));
        }
        list.push(c_text(&[name.as_bytes(), b"=", value.as_bytes()].concat())?);
    }
    Ok(list)
}

/// What the broker must say before anything is executed. Anything else, silence or a broker that is gone means no.
pub(super) struct Go<'a> {
    broker: &'a UnixStream,
    word: Vec<u8>,
}

impl<'a> Go<'a> {
    pub(super) fn from(broker: &'a UnixStream) -> Result<Self, FrameError> {
        broker.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { broker, word: frame::encode_control(&Order::Go {})? })
    }
}

impl Prepared {
    pub(super) fn spec(&self) -> &SessionSpec {
        &self.spec
    }

    /// The init of the session's namespace, where it is to have one.
    fn namespace(&self) -> Option<&Init> {
        self.init.as_ref().filter(|_| self.spec.containment == Containment::PidNamespace)
    }

    /// Has init begin with the session's mounts, where it has its own; the namespace whose copy they are.
    fn make_mounts(&mut self) -> Result<Option<u64>, Failure> {
        let Some(init) = self.namespace() else { return Ok(None) };
        if init.make(self.descriptors.directory.as_fd()).is_err() {
            // Somebody killed it while it waited.
            self.fork_init()?;
            self.namespace().map(|init| init.make(self.descriptors.directory.as_fd())).transpose()?;
        }
        Ok(Some(mount::own_namespace()?))
    }

    /// Another init instead of the one that is there.
    fn fork_init(&mut self) -> Result<(), Failure> {
        if let Some(init) = self.init.take() {
            init.end();
        }
        self.init = Some(Init::fork(self.group.as_fd())?);
        Ok(())
    }

    /// A session module may have given us mounts of our own, as `pam_namespace` does: they are the session's, and those of an init that
    /// was there before are not.
    fn follow_mounts(&mut self, made_of: Option<u64>) -> Result<(), Failure> {
        if made_of.is_none() || made_of == Some(mount::own_namespace()?) {
            return Ok(());
        }
        self.fork_init()?;
        self.make_mounts().map(drop)
    }

    /// Takes back what was made.
    pub(super) fn abandon(mut self) {
        if let Some(init) = self.init.take() {
            init.end();
        }
        if let Some(pam) = &mut self.pam {
            drop(pam.close());
        }
        drop(self.group.remove());
        drop(self.state.remove());
    }

    /// Executes the program, with `go` once that was said. All but the last step is done before.
    pub(super) fn launch(self, go: Option<&Go<'_>>) -> Result<Running, Failure> {
        match self.execute(go) {
            Ok((program, started, identity)) => Ok(Running {
                background: self.begins_in_background(),
                // One that it has no use for ends here.
                init: self.init.filter(|_| self.spec.containment == Containment::PidNamespace),
                spec: self.spec,
                state: self.state,
                listener: self.listener,
                group: self.group,
                client: self.descriptors.client.into(),
                pty: self.pty,
                program,
                started,
                identity,
                pam: self.pam,
            }),
            Err(failure) => {
                // A child that failed before its exec is reaped.
                self.abandon();
                Err(failure)
            }
        }
    }

    fn execute(&self, go: Option<&Go<'_>>) -> Result<(Child, Started, Identity), Failure> {
        if clock::boottime_ms() >= self.spec.deadline_ms {
            return Err(Failure::because("start the program", "its time is over already"));
        }
        let target = exec::Identity { uid: self.spec.target.uid, gid: self.spec.target.gid, groups: self.spec.target.groups.clone() };
        let descriptors = self.standard_descriptors()?;
        let outer = self.descriptors.directory.as_fd();
        let inside =
            self.namespace().map(|init| Ok::<_, Failure>((init, init.made(outer)?, pidfd::open(process::own_pid())?))).transpose()?;
        if let Some(pty) = &self.pty {
            pty::make_controlling(pty.slave.as_fd())?;
        }
        let program = exec::spawn(&Program {
            executable: self.descriptors.executable.as_fd(),
            keep_executable: self.spec.script,
            arguments: &self.arguments,
            environment: &self.environment,
            descriptors: &descriptors,
            // The outer one belongs to the outer mounts: whoever stood in it could walk up and across to the outer /proc.
            directory: Some(inside.as_ref().map_or(outer, |(_, directory, _)| directory.as_fd())),
            identity: Some(&target),
            session: self.session(),
            umask: Some(self.spec.umask & 0o777),
            namespaces: inside.as_ref().map(|(init, _, own)| Namespaces { init: init.pidfd(), own: own.as_fd() }),
            cgroup: Some(self.group.as_fd()),
            login_uid: self.spec.login_uid,
            death_signal: Some(signal::KILL),
            gate: go.map(|go| Gate { socket: go.broker.as_fd(), word: &go.word, until_ms: self.spec.deadline_ms }),
        })
        .map_err(|error| match error.step {
            Step::Gate => Failure::not_told(),
            step => Failure::new(step.doing(), error.source),
        })?;
        let audit = process::audit_session(program.pid);
        let audit_session = audit.filter(|id| *id != process::NO_AUDIT_SESSION && self.own_audit != Some(*id));
        let identity = Identity {
            session: self.spec.session.clone(),
            grant: self.spec.grant.clone(),
            cgroup: self.group.path().to_owned(),
            boot: self.boot.clone(),
            supervisor: process::own_pid(),
            audit_session,
        };
        let started = Started { pid: program.pid, cgroup: self.group.path().to_owned(), audit_session };
        Ok((program, started, identity))
    }

    /// Whether the program begins in the background of its terminal, as with sudo: the person's own is taken only when the
    /// program reads from its terminal or changes it, because who writes its input or reads its output through a pipe may be
    /// using the person's (`ssh … |`, `| less`).
    fn begins_in_background(&self) -> bool {
        let Some(terminal) = self.spec.terminal else { return false };
        let piped = terminal.on.iter().take(2).filter(|on| !**on).count();
        self.descriptors.passed.iter().take(piped).any(|descriptor| passed::leads_elsewhere(descriptor.as_fd()))
    }

    fn session(&self) -> Session {
        let first_terminal = self.spec.terminal.and_then(|terminal| terminal.on.iter().position(|on| *on));
        match first_terminal.and_then(|place| i32::try_from(place).ok()) {
            Some(place) if !self.begins_in_background() => Session::Foreground(place),
            Some(_) | None => Session::Group,
        }
    }

    /// Descriptors 0, 1, 2: the terminal's end, or what is passed through, in order.
    fn standard_descriptors(&self) -> Result<Vec<BorrowedFd<'_>>, Failure> {
        let on = self.spec.terminal.map_or([false; 3], |terminal| terminal.on);
        let mut passed = self.descriptors.passed.iter();
        on.iter()
            .map(|on| if *on { self.pty.as_ref().map(|pty| pty.slave.as_fd()) } else { passed.next().map(AsFd::as_fd) })
            .map(|descriptor| descriptor.ok_or_else(|| Failure::because("read the descriptors", "one is missing")))
            .collect()
    }
}
