//! Documents that are not what they say: the broker is handed them on its agent socket, as whoever took over `brevetd` would.

use std::os::unix::net::UnixStream;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_api::frame::{self, MAX_LINK};
use brevet_api::link::{Down, State, Up};
use brevet_core::document::{Envelope, Heartbeat, Key, SCHEMA, seal};
use brevet_core::time::Timestamp;
use brevet_e2e::program;

use crate::stage::{SOON, Stage};

/// Somebody in `brevetd`'s place.
struct Usurper {
    stream: UnixStream,
    state: State,
}

impl Usurper {
    fn take_over(stage: &mut Stage) -> Self {
        stage.brevet.stop_part("brevetd", "KILL").unwrap();
        let stream = UnixStream::connect(stage.brevet.socket.with_file_name("agent.sock")).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        Self { state: Self::hello(&stream), stream }
    }

    fn hello(mut stream: &UnixStream) -> State {
        frame::write_control(&mut stream, &Down::Hello { version: "usurper".into() }).unwrap();
        loop {
            if let Up::State(state) = frame::read_control(&mut stream, MAX_LINK).unwrap() {
                return state;
            }
        }
    }

    /// Hands a document over and waits until the broker has looked at it.
    fn hand(&mut self, envelope: &Envelope) {
        frame::write_control(&mut self.stream, &Down::Document(envelope.clone())).unwrap();
        Self::hello(&self.stream);
    }

    /// Leaves, and lets the real `brevetd` tell the server what the broker recorded.
    fn leave(self, stage: &mut Stage) {
        drop(self.stream);
        stage.brevet.start_agent().unwrap();
        stage.brevet.wait_connected().unwrap();
    }
}

/// Envelopes that the server signed for a computer, oldest first, straight from its database.
fn sent(stage: &Stage, computer: &str, kind: &str) -> Vec<Envelope> {
    let database = std::fs::read_dir(stage.brevet.data())
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.extension().is_some_and(|e| e == "db" || e == "sqlite"))
        .unwrap();
    let query = format!("select envelope from sequence where computer = '{computer}' and kind = '{kind}' order by epoch, seq");
    let rows = program::system("sqlite3", ["-readonly", "-noheader", "-list", &database.to_string_lossy(), &query]).unwrap().stdout;
    rows.lines().map(|row| serde_json::from_str(row).unwrap()).collect()
}

fn refused(stage: &Stage, code: &str) {
    stage.brevet.wait_event("document.refused", |e| e["body"]["code"] == code).unwrap();
}

#[test]
fn an_earlier_manifest_does_not_bring_back_what_was_taken_away() {
    let mut stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.allow("show");
    assert_eq!(stage.alice(&["run", "--", &stage.tool("show")]).stdout, "0\n");
    stage.ctl(&["policy", "disable", "Allowed", "--yes"]);
    stage.brevet.wait_documents().unwrap();
    let mut usurper = Usurper::take_over(&mut stage);
    for manifest in sent(&stage, usurper.state.computer.as_str(), "manifest") {
        usurper.hand(&manifest);
    }
    usurper.leave(&mut stage);
    refused(&stage, "replayed");
    assert_eq!(stage.alice(&["run", "--", &stage.tool("show")]).code(), 126);
    stage.finish();
}

#[test]
fn another_computers_document_is_refused() {
    let mut stage = Stage::new();
    let (other, _) = stage.brevet.enrol_another("second").unwrap();
    let mut usurper = Usurper::take_over(&mut stage);
    let theirs = sent(&stage, &other, "manifest");
    assert!(!theirs.is_empty());
    usurper.hand(&theirs[0]);
    usurper.leave(&mut stage);
    refused(&stage, "other_computer");
    stage.finish();
}

#[test]
fn a_document_that_nobody_trusted_signed_is_refused() {
    let mut stage = Stage::new();
    let mut usurper = Usurper::take_over(&mut stage);
    let genuine = sent(&stage, usurper.state.computer.as_str(), "manifest");
    let key = Key::from_seed(&[7; 32]);
    let heartbeat = Heartbeat {
        schema: SCHEMA,
        computer: usurper.state.computer.clone(),
        time: Timestamp::parse("2036-01-01T00:00:00Z").unwrap(),
        epoch: usurper.state.epoch,
        seq: usurper.state.seq,
        nonce: Some(usurper.state.nonce.clone()),
    };
    let mut forged = seal(&heartbeat, &[&key]).unwrap();
    usurper.hand(&forged);
    forged.signatures[0].keyid.clone_from(&genuine[0].signatures[0].keyid);
    usurper.hand(&forged);
    let mut changed = genuine.last().unwrap().clone();
    let payload = String::from_utf8(STANDARD.decode(&changed.payload).unwrap()).unwrap();
    let next = format!("\"seq\":{}", usurper.state.seq + 1);
    changed.payload = STANDARD.encode(payload.replace(&format!("\"seq\":{}", usurper.state.seq), &next));
    usurper.hand(&changed);
    usurper.leave(&mut stage);
    refused(&stage, "signature");
    brevet_e2e::wait::until("three refusals", SOON, || Ok((stage.brevet.events("document.refused")?.len() >= 3).then_some(()))).unwrap();
    stage.finish();
}

#[test]
fn a_revoked_grant_does_not_come_back_when_its_document_is_played_again() {
    let mut stage = Stage::new();
    stage.brevet.tool("report", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/report\" }}]\n", crate::stage::on_request("Ask")));
    let run = |stage: &Stage| stage.alice(&["run", "--no-wait", "--reason", "x", "--", &stage.tool("report")]);
    assert_eq!(run(&stage).code(), 75);
    stage.ctl(&["request", "approve", &stage.pending()]);
    stage.brevet.wait_documents().unwrap();
    assert_eq!(run(&stage).stdout, "0\n");
    let grant = stage.ctl_json(&["grant", "list"])["items"][0]["id"].as_str().unwrap().to_owned();
    stage.ctl(&["grant", "revoke", &grant, "--yes"]);
    stage.brevet.wait_documents().unwrap();
    let mut usurper = Usurper::take_over(&mut stage);
    for document in sent(&stage, usurper.state.computer.as_str(), "grant") {
        usurper.hand(&document);
    }
    usurper.leave(&mut stage);
    assert_eq!(run(&stage).code(), 75, "a revoked grant was used again");
    stage.finish();
}

#[test]
fn a_policy_for_another_computer_gives_nothing_here() {
    let stage = Stage::new();
    let (_, name) = stage.brevet.enrol_another("second").unwrap();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!(
        "[[policy]]\nname = \"There\"\nusers = [\"ALICE\"]\ncomputers = [\"{name}\"]\nmode = \"automatic\"\nauthentication = \"none\"\napplications = [{{ file = \"TOOLS/show\" }}]\n"
    ));
    assert_eq!(stage.alice(&["run", "--", &stage.tool("show")]).code(), 126);
    stage.finish();
}
