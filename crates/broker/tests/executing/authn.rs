use crate::rig::Rig;
use brevet_api::broker::{Prompt, PromptKind};
use brevet_api::frame;
use brevet_broker::authn;
use brevet_broker::spec::{Attempt, AttemptMode, SessionSpec, Verdict};
use brevet_broker::supervisor::client::StartError;
use brevet_sys::fdpass::{self, Kind};
use brevet_sys::process;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

const PASSWORD: &str = "correct horse 7";

/// A throw-away account and PAM service, gone when dropped.
pub struct Account {
    pub name: String,
    pub service: String,
}

impl Account {
    pub fn new(tag: &str) -> Self {
        assert_eq!(process::effective_uid(), 0, "this test makes a user and must run as root");
        let name = format!("bt{tag}{}", process::own_pid());
        let account = Self { service: format!("brevet-test-{name}"), name };
        run(Command::new("useradd").args(["-M", "-s", "/bin/sh", &account.name]));
        let mut child = Command::new("chpasswd").stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{}:{PASSWORD}\n", account.name).as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        std::fs::write(account.path(), "auth required pam_unix.so nodelay\naccount required pam_unix.so\n").unwrap();
        account
    }

    pub fn path(&self) -> String {
        format!("/etc/pam.d/{}", self.service)
    }

    fn attempt(&self, mode: AttemptMode) -> Attempt {
        Attempt {
            service: self.service.clone(),
            user: self.name.clone(),
            requester: self.name.clone(),
            terminal: Some("pts/99".to_owned()),
            mode,
            timeout_ms: 10_000,
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        drop(std::fs::remove_file(self.path()));
        drop(Command::new("userdel").arg(&self.name).status());
    }
}

/// Account tools lock the password file; another test may hold it for a moment.
fn run(command: &mut Command) {
    crate::rig::wait_until("an account tool ran", || command.status().unwrap().success());
}

/// Answers every question with this.
fn answering(stream: UnixStream, answer: Vec<u8>) -> std::thread::JoinHandle<Vec<Prompt>> {
    std::thread::spawn(move || {
        let mut stream = stream;
        let mut prompts = Vec::new();
        while let Ok(prompt) = frame::read_control::<Prompt>(&mut stream, 4096) {
            let asked = matches!(prompt.kind, PromptKind::Hidden | PromptKind::Visible);
            prompts.push(prompt);
            if asked && stream.write_all(&frame::encode(frame::TERMINAL, &answer).unwrap()).is_err() {
                break;
            }
        }
        prompts
    })
}

fn try_password(rig: &Rig, account: &Account, answer: &[u8]) -> (Verdict, Vec<Prompt>) {
    let (ours, theirs) = fdpass::pair(Kind::Stream).unwrap();
    let person = answering(ours.into(), answer.to_vec());
    let verdict = authn::attempt(&rig.launcher, &account.attempt(AttemptMode::Authenticate), Some(theirs));
    (verdict, person.join().unwrap())
}

#[test]
fn only_the_right_password_of_the_right_user_is_a_yes() {
    let rig = Rig::new();
    let account = Account::new("a");
    let (verdict, prompts) = try_password(&rig, &account, PASSWORD.as_bytes());
    assert_eq!(verdict, Verdict::Ok {});
    assert_eq!((prompts.len(), prompts[0].kind), (1, PromptKind::Hidden));
    for wrong in [&b"wrong"[..], b"", b"correct horse 7\0", &[b'x'; 1024], &[b'x'; 1025]] {
        let (verdict, _) = try_password(&rig, &account, wrong);
        assert!(matches!(verdict, Verdict::Failed { .. }), "{verdict:?}");
    }
}

#[test]
fn the_account_is_checked_on_every_path() {
    let rig = Rig::new();
    let account = Account::new("b");
    assert_eq!(authn::attempt(&rig.launcher, &account.attempt(AttemptMode::AccountOnly), None), Verdict::Ok {});
    run(Command::new("usermod").args(["-e", "2020-01-01", &account.name]));
    for (mode, answer) in [(AttemptMode::AccountOnly, None), (AttemptMode::Authenticate, Some(PASSWORD))] {
        let verdict = match answer {
            None => authn::attempt(&rig.launcher, &account.attempt(mode), None),
            Some(answer) => try_password(&rig, &account, answer.as_bytes()).0,
        };
        assert!(matches!(verdict, Verdict::AccountExpired { .. }), "{mode:?}: {verdict:?}");
    }
}

#[test]
fn a_person_who_does_not_answer_is_a_no_in_time() {
    let rig = Rig::new();
    let account = Account::new("c");
    let (ours, theirs) = fdpass::pair(Kind::Stream).unwrap();
    let attempt = Attempt { timeout_ms: 600, ..account.attempt(AttemptMode::Authenticate) };
    let begun = std::time::Instant::now();
    let verdict = authn::attempt(&rig.launcher, &attempt, Some(theirs));
    assert_ne!(verdict, Verdict::Ok {});
    assert!(begun.elapsed().as_secs() < 5);
    drop(ours);
}

#[test]
fn a_stack_that_authenticates_somebody_else_is_a_no() {
    let rig = Rig::new();
    let account = Account::new("d");
    // The module that lets everybody in, as the control.
    std::fs::write(account.path(), "auth required pam_permit.so\naccount required pam_permit.so\n").unwrap();
    assert_eq!(try_password(&rig, &account, b"").0, Verdict::Ok {});
    let attempt = Attempt { user: String::new(), ..account.attempt(AttemptMode::Authenticate) };
    let (ours, theirs) = fdpass::pair(Kind::Stream).unwrap();
    // The same module puts `nobody` in the place of an empty name.
    let person = answering(ours.into(), b"root".to_vec());
    let verdict = authn::attempt(&rig.launcher, &attempt, Some(theirs));
    assert!(matches!(&verdict, Verdict::Failed { reason } if reason.contains("another user")), "{verdict:?}");
    person.join().unwrap();
}

#[test]
fn session_modules_run_around_the_program() {
    let rig = Rig::new();
    let account = Account::new("e");
    let log = rig.directory.path().join("log");
    let hook = rig.directory.path().join("hook");
    std::fs::write(&hook, format!("#!/bin/sh\necho \"$PAM_TYPE $PAM_USER $PAM_RUSER\" >> {}\n", log.display())).unwrap();
    std::fs::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let modules = format!("auth required pam_permit.so\nsession required pam_exec.so {}\n", hook.display());
    std::fs::write(account.path(), modules).unwrap();
    let mut spec = rig.root(&["/bin/sh", "-c", &format!("echo program >> {}", log.display())]);
    spec.pam_service = Some(account.service.clone());
    spec.target.name = account.name.clone();
    rig.start(&spec).ended();
    let name = &account.name;
    let expected = format!("open_session {name} somebody\nprogram\nclose_session {name} somebody\n");
    assert_eq!(std::fs::read_to_string(&log).unwrap(), expected);
    // A module that refuses: nothing runs.
    std::fs::write(account.path(), "auth required pam_permit.so\nsession required pam_deny.so\n").unwrap();
    let mut spec = SessionSpec { session: rig.spec(&["/bin/true"]).session, ..spec };
    spec.state_directory = rig.directory.path().join(spec.session.as_str());
    let refused = rig.prepare(&spec).err().unwrap();
    assert!(matches!(refused, StartError::Failed { step, .. } if step == "open the PAM session"));
    assert_eq!(std::fs::read_to_string(&log).unwrap(), expected);
}
