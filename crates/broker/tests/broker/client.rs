//! A client of another user: this test program again, under that user's id, speaking frames.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use brevet_api::broker::{Answer, Ask, Prompt, Reply, Run, Tell};
use brevet_api::frame;
use brevet_core::text::OsText;

use crate::computer::{Computer, PATIENCE};
use crate::user::TestUser;

pub fn run(command: &[&str]) -> Run {
    Run {
        command: command.iter().map(|text| OsText::from(*text)).collect(),
        environment: vec![("LD_PRELOAD".into(), "/tmp/evil.so".into()), ("TERM".into(), "xterm".into())],
        target_user: None,
        reason: None,
        duration: None,
        ticket: None,
        no_wait: false,
        interactive: false,
        window: None,
    }
}

pub struct Client {
    child: Child,
    said: mpsc::Receiver<String>,
    /// It was told already that its request waits.
    waits: std::cell::Cell<bool>,
}

impl Client {
    pub fn start(computer: &Computer, user: &TestUser, run: Run) -> Self {
        Self::ask(computer, user, &Ask::Run(Box::new(run)), &[])
    }

    /// `before` is put before the program, as `unshare --user`.
    pub fn ask(computer: &Computer, user: &TestUser, ask: &Ask, before: &[&str]) -> Self {
        Self::ask_from("/", computer, user, ask, before)
    }

    /// From that working directory.
    pub fn ask_from(directory: &str, computer: &Computer, user: &TestUser, ask: &Ask, before: &[&str]) -> Self {
        let program = std::env::current_exe().unwrap();
        let mut words: Vec<String> = before.iter().map(|word| (*word).to_owned()).collect();
        words.push(program.to_str().unwrap().to_owned());
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["--exact", "client::client_process", "--nocapture"]);
        if !before.contains(&"--mount") {
            command.uid(user.uid).gid(user.gid);
        }
        command
            .env("BREVET_TEST_SOCKET", computer.socket())
            .env("BREVET_TEST_ASK", serde_json::to_string(ask).unwrap())
            .env("BREVET_TEST_DIRECTORY", directory)
            .env("BREVET_TEST_OUT", computer.directory.path().join("out"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .current_dir("/");
        let mut child = command.spawn().unwrap();
        let (sender, said) = mpsc::channel();
        let stdout = child.stdout.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(json) = line.split_once("FRAME ").map(|(_, json)| json.to_owned()) {
                    drop(sender.send(json));
                }
            }
        });
        Self { child, said, waits: std::cell::Cell::new(false) }
    }

    /// The next message; that the server has a request by now may come at any time and is passed over.
    pub fn next(&self) -> Tell {
        loop {
            match self.any() {
                Tell::Pending(_) if self.waits.get() => {}
                other => return other,
            }
        }
    }

    fn any(&self) -> Tell {
        let json = self.said.recv_timeout(PATIENCE).expect("the broker said nothing more");
        eprintln!("client: {json}");
        serde_json::from_str(&json).unwrap()
    }

    pub fn answer(&self) -> Answer {
        let json = self.said.recv_timeout(PATIENCE).expect("the broker said nothing");
        serde_json::from_str(&json).unwrap()
    }

    pub fn reply(&mut self, reply: &Reply) {
        let stdin = self.child.stdin.as_mut().unwrap();
        writeln!(stdin, "{}", serde_json::to_string(reply).unwrap()).unwrap();
    }

    /// The password for the next prompt.
    pub fn password(&mut self, password: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "PASSWORD {password}").unwrap();
    }

    /// Goes away, as Ctrl-C would.
    pub fn leave(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn expect_refused(&self) -> brevet_api::broker::Refused {
        match self.next() {
            Tell::Refused(refused) => refused,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    pub fn expect_started(&self) -> brevet_api::broker::Started {
        match self.next() {
            Tell::Started(started) => started,
            other => panic!("expected a start, got {other:?}"),
        }
    }

    pub fn expect_ended(&self) -> brevet_api::broker::Ended {
        loop {
            match self.next() {
                Tell::Ended(ended) => return ended,
                Tell::Notice { .. } => {}
                other => panic!("expected an end, got {other:?}"),
            }
        }
    }

    /// The server has the request.
    pub fn expect_delivered(&self) -> Box<brevet_api::broker::Pending> {
        match self.any() {
            Tell::Pending(pending) if pending.delivered => pending,
            other => panic!("expected that the server has it, got {other:?}"),
        }
    }

    pub fn expect_pending(&self) -> Box<brevet_api::broker::Pending> {
        match self.next() {
            Tell::Pending(pending) => {
                self.waits.set(true);
                pending
            }
            other => panic!("expected a pending request, got {other:?}"),
        }
    }

    /// Started, ended with status 0.
    pub fn expect_success(&self) {
        self.expect_started();
        let ended = self.expect_ended();
        assert_eq!(ended.status, Some(0), "{ended:?}");
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn ask(computer: &Computer, user: &TestUser, ask: &Ask) -> Answer {
    Client::ask(computer, user, ask, &[]).answer()
}

/// The client itself, when this program was started as one.
#[test]
fn client_process() {
    let Some(socket) = std::env::var_os("BREVET_TEST_SOCKET") else { return };
    let ask = std::env::var("BREVET_TEST_ASK").unwrap();
    let stream = UnixStream::connect(socket).unwrap();
    let null = std::fs::File::options().read(true).write(true).open("/dev/null").unwrap();
    // Only as a place: that needs no right to enter it.
    let place = std::env::var("BREVET_TEST_DIRECTORY").unwrap_or_else(|_| "/".to_owned());
    let directory = brevet_sys::open::openat2(None, place.as_ref(), brevet_sys::open::DIRECTORY, brevet_sys::open::NO_SYMLINKS).unwrap();
    let bytes = frame::encode(frame::CONTROL, ask.as_bytes()).unwrap();
    let descriptors = [null.as_fd(), null.as_fd(), null.as_fd(), directory.as_fd()];
    let sent = brevet_sys::fdpass::send(stream.as_fd(), &bytes, &descriptors).unwrap();
    (&stream).write_all(&bytes[sent..]).unwrap();
    let mut input = std::io::stdin().lines();
    loop {
        let Ok((message, descriptors)) = brevet_broker::spec::receive_with::<serde_json::Value>(&stream, 1) else { return };
        println!("\nFRAME {message}");
        let tell: Option<Tell> = serde_json::from_value(message).ok();
        match tell {
            Some(Tell::NeedReason(_)) => {
                let line = input.next().unwrap().unwrap();
                (&stream).write_all(&frame::encode(frame::CONTROL, line.as_bytes()).unwrap()).unwrap();
            }
            Some(Tell::Authenticate { .. }) => {
                let conversation = UnixStream::from(descriptors.into_iter().next().unwrap());
                let mut from = &conversation;
                while let Ok(prompt) = frame::read_control::<Prompt>(&mut from, frame::MAX_CLIENT) {
                    if matches!(prompt.kind, brevet_api::broker::PromptKind::Hidden | brevet_api::broker::PromptKind::Visible) {
                        let line = input.next().unwrap().unwrap();
                        let password = line.strip_prefix("PASSWORD ").unwrap();
                        (&conversation).write_all(&frame::encode(frame::TERMINAL, password.as_bytes()).unwrap()).unwrap();
                    }
                }
            }
            _ => {}
        }
    }
}
