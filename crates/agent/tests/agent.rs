//! brevetd as a process, between a server and a broker that are the test's. Needs root: brevetd changes to another user.

mod fake;

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use brevet_api::agent::{JournalAnswer, Processes};
use brevet_api::config::{Identity, Server as ServerFile};
use brevet_api::link::{Counted, Down, Up};
use brevet_core::digest::Digest;
use brevet_core::document::{Envelope, Kind, MOST_NAMED, Manifest, ManifestEntry, seal};
use brevet_core::id::{Incarnation, PolicyId, SessionId};
use brevet_core::time::Timestamp;
use fake::{Broker, Daemon, Place, Server, batch, document, key, state, wait_for};

fn started() -> (Server, Place, Broker, Daemon) {
    let server = Server::start(&key(1));
    let place = Place::new();
    place.pretend_enrolled(&server.url, &server.pem);
    let broker = Broker::listen(&place.config);
    let daemon = Daemon::start(&place.file);
    (server, place, broker, daemon)
}

fn has_stream(server: &Server, count: usize) {
    wait_for("the stream of documents", || server.seen(|seen| (seen.positions.len() >= count).then_some(())));
}

#[test]
fn documents_reach_the_broker_in_order_and_the_stream_resumes_where_the_broker_stands() {
    let (server, _place, broker, daemon) = started();
    let mut connection = broker.accept();
    connection.write(&Up::State(state(5, vec![])));
    daemon.line(&format!("brevetd: connected to {}", server.url));
    assert_eq!(connection.read(), Down::Connected { connected: true });
    for version in 1..=20 {
        server.push(&document(version));
    }
    for version in 1..=20 {
        assert_eq!(connection.read(), Down::Document(document(version)));
    }
    connection.write(&Up::State(state(25, vec![])));
    let digest = document(99).digest().unwrap();
    connection.write(&Up::State(state(26, vec![digest])));
    wait_for("the new state to be read", || server.seen(|seen| (!seen.asked.is_empty()).then_some(())));
    server.end_streams();
    assert_eq!(connection.read(), Down::Connected { connected: false });
    has_stream(&server, 2);
    assert_eq!(connection.read(), Down::Connected { connected: true });
    let positions = server.seen(|seen| seen.positions.clone());
    assert_eq!((positions[0].seq, positions[0].nonce.as_str()), (5, "broker-5"));
    assert_eq!((positions[1].seq, positions[1].nonce.as_str()), (26, "broker-26"));
}

#[test]
fn a_broker_that_restarts_is_found_again_and_says_anew_where_it_stands() {
    let (server, place, broker, _daemon) = started();
    let mut connection = broker.accept();
    connection.write(&Up::State(state(5, vec![])));
    has_stream(&server, 1);
    drop(connection);
    drop(broker);
    let broker = Broker::listen(&place.config);
    let mut connection = broker.accept();
    connection.write(&Up::State(state(7, vec![])));
    has_stream(&server, 2);
    assert_eq!(server.seen(|seen| seen.positions[1].seq), 7);
    assert_eq!(connection.read(), Down::Connected { connected: true });
}

#[test]
fn what_a_manifest_names_and_the_broker_lacks_is_fetched() {
    let (server, _place, broker, _daemon) = started();
    let shared: Vec<Envelope> = (1..=40).map(document).collect();
    let digests: Vec<Digest> = shared.iter().map(|d| d.digest().unwrap()).collect();
    server.seen(|seen| seen.shared = shared);
    let mut connection = broker.accept();
    connection.write(&Up::State(state(1, digests.clone())));
    let mut found = Vec::new();
    while found.len() < digests.len() {
        if let Down::Document(envelope) = connection.read() {
            found.push(envelope.digest().unwrap());
        }
    }
    found.sort();
    let mut expected = digests;
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_batch_is_delivered_and_its_acknowledgement_comes_down_and_expected_rewinds() {
    let (server, _place, broker, _daemon) = started();
    let known = Incarnation::new(2, [2; 10]);
    server.seen(|seen| seen.answers.push(JournalAnswer::Expected { incarnation: known.clone(), seq: 3 }));
    let mut connection = broker.accept();
    connection.write(&Up::Journal(batch()));
    assert_eq!(connection.read(), Down::Rewind { incarnation: known, seq: 3 });
    connection.write(&Up::Journal(batch()));
    match connection.read() {
        Down::Document(envelope) => assert_eq!(envelope.kind(), Some(Kind::Acknowledgement)),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.seen(|seen| seen.batches.clone()), vec![batch(), batch()]);
}

#[test]
fn the_newest_counts_of_processes_are_told_and_a_server_that_does_not_know_them_is_left_in_peace() {
    let (server, _place, broker, _daemon) = started();
    let mut connection = broker.accept();
    let counted = |processes| Processes { sessions: vec![Counted { session: SessionId::new(1, [1; 10]), processes }] };
    connection.write(&Up::Processes(counted(2)));
    wait_for("the counts", || server.seen(|seen| (seen.counted == [counted(2)]).then_some(())));
    server.seen(|seen| seen.early = true);
    connection.write(&Up::Processes(counted(3)));
    wait_for("the counts", || server.seen(|seen| (seen.counted.len() == 2).then_some(())));
    connection.write(&Up::Processes(counted(4)));
    // The journal goes on, after which these would have been told.
    connection.deliver();
    connection.deliver();
    assert_eq!(server.seen(|seen| seen.counted.clone()), [counted(2), counted(3)]);
}

#[test]
fn a_busy_computer_goes_on_with_one_token_and_gets_another_when_the_server_was_started_anew() {
    let (server, _place, broker, _daemon) = started();
    let mut connection = broker.accept();
    connection.write(&Up::State(state(1, vec![])));
    has_stream(&server, 1);
    (0..300).for_each(|_| connection.deliver());
    let made = server.seen(|seen| seen.made);
    assert!(made <= 2, "{made} tokens for 300 batches: the server counts those that are alive");
    server.forget_nonces();
    connection.deliver();
    assert_eq!(server.seen(|seen| (seen.made - made, seen.batches.len())), (1, 301));
}

#[test]
fn a_manifest_of_as_many_as_a_computer_may_have_reaches_the_broker() {
    let (server, _place, broker, _daemon) = started();
    let mut connection = broker.accept();
    connection.write(&Up::State(state(1, vec![])));
    has_stream(&server, 1);
    assert_eq!(connection.read(), Down::Connected { connected: true });
    let entry = |n: usize| ManifestEntry { id: PolicyId::new(i64::try_from(n).unwrap(), [7; 10]), digest: Digest::of(&n.to_be_bytes()) };
    let manifest = Manifest {
        schema: 1,
        computer: fake::computer(),
        name: "web-1".into(),
        epoch: 1,
        seq: 2,
        time: Timestamp::from_millis(0),
        trust_version: 1,
        policies: (0..MOST_NAMED).map(entry).collect(),
        autonomous: vec![],
        settings: Digest::of(b""),
    };
    let envelope = seal(&manifest, &[&key(1)]).unwrap();
    server.push(&envelope);
    assert_eq!(connection.read(), Down::Document(envelope));
}

#[test]
fn it_runs_as_the_agents_user_in_little_memory_and_stops_when_told() {
    let (_server, _place, broker, mut daemon) = started();
    let mut connection = broker.accept();
    connection.write(&Up::State(state(1, vec![])));
    assert_eq!(connection.read(), Down::Connected { connected: true });
    let pid = daemon.child.id();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let nobody = Command::new("id").args(["-u", "nobody"]).output().unwrap();
    let uid = String::from_utf8(nobody.stdout).unwrap().trim().to_owned();
    assert!(field("Uid:").split_whitespace().all(|id| id == uid), "{}", field("Uid:"));
    assert!(!field("Gid:").split_whitespace().any(|id| id == "0"));
    assert_eq!(field("Groups:"), "");
    let kilobytes: u64 = field("RssAnon:").split_whitespace().next().unwrap().parse().unwrap();
    assert!(kilobytes < 20_000, "{kilobytes} kB");
    Command::new("kill").arg(pid.to_string()).status().unwrap();
    assert!(daemon.child.wait().unwrap().success());
}

#[test]
fn a_server_with_another_certificate_gets_nothing() {
    let server = Server::start(&key(1));
    let other = Server::start(&key(1));
    let place = Place::new();
    place.pretend_enrolled(&server.url, &other.pem);
    let broker = Broker::listen(&place.config);
    let daemon = Daemon::start(&place.file);
    let mut connection = broker.accept();
    connection.write(&Up::State(state(5, vec![])));
    let line = daemon.line("cannot reach the server");
    assert!(line.contains("certificate"), "{line}");
    assert_eq!(connection.read(), Down::Connected { connected: false });
    assert!(server.seen(|seen| seen.positions.is_empty()));
}

#[test]
fn a_server_with_an_authority_of_its_own_is_reached_also_when_the_clock_is_wrong() {
    for years in [2000..2001, 2000..2100, 2098..2099] {
        let server = Server::start_with_authority(years.clone());
        let place = Place::new();
        let token = server.token(Some(Digest::of(&server.certificate)), key(1).public().fingerprint());
        let output = place.enrol(&token, &[]);
        assert!(output.status.success(), "{years:?}: {}", String::from_utf8_lossy(&output.stderr));
        let listening = Broker::listen(&place.config);
        let daemon = Daemon::start(&place.file);
        listening.accept().write(&Up::State(state(1, vec![])));
        daemon.line("brevetd: connected to");
    }
}

#[test]
fn enrolment_leaves_each_part_its_own_files_with_owner_and_mode() {
    let server = Server::start(&key(1));
    let place = Place::new();
    let token = server.token(Some(Digest::of(&server.certificate)), key(1).public().fingerprint());
    let output = place.enrol(&token, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (broker, agent) = (place.config.broker_directory(), place.config.agent_directory());
    let nobody = brevet_sys::nss::user_by_name(b"nobody").unwrap().unwrap();
    for (path, uid, mode) in [
        (broker.clone(), 0, 0o700),
        (broker.join("identity.json"), 0, 0o600),
        (broker.join("journal.key"), 0, 0o600),
        (broker.join("documents/trust.json"), 0, 0o600),
        (agent.clone(), nobody.uid, 0o700),
        (agent.join("server.json"), nobody.uid, 0o600),
        (agent.join("transport.key"), nobody.uid, 0o600),
    ] {
        let facts = std::fs::metadata(&path).unwrap();
        assert_eq!((facts.uid(), facts.mode() & 0o7777), (uid, mode), "{}", path.display());
    }
    let identity: Identity = serde_json::from_slice(&std::fs::read(broker.join("identity.json")).unwrap()).unwrap();
    assert_eq!(identity.root, key(1).public());
    let kept: ServerFile = serde_json::from_slice(&std::fs::read(agent.join("server.json")).unwrap()).unwrap();
    assert_eq!(kept.ca.unwrap().replace(['\n', '\r'], ""), server.pem.replace(['\n', '\r'], ""));
    assert_eq!(server.seen(|seen| seen.enrolments[0].incarnation.clone()), identity.incarnation);
    let left: Vec<_> = std::fs::read_dir(&place.config.state_directory).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    // What it left works: the daemon connects with the certificate and the key that enrolment kept.
    let listening = Broker::listen(&place.config);
    let daemon = Daemon::start(&place.file);
    listening.accept().write(&Up::State(state(1, vec![])));
    daemon.line("brevetd: connected to");
}

#[test]
fn an_enrolled_computer_is_enrolled_again_only_when_told_and_keeps_its_old_journal() {
    let server = Server::start(&key(1));
    let place = Place::new();
    let token = server.token(Some(Digest::of(&server.certificate)), key(1).public().fingerprint());
    assert!(place.enrol(&token, &[]).status.success());
    let broker = place.config.broker_directory();
    let before = std::fs::read(broker.join("identity.json")).unwrap();
    let refused = place.enrol(&token, &[]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--replace"));
    assert_eq!(std::fs::read(broker.join("identity.json")).unwrap(), before);
    let output = place.enrol(&token, &["--replace"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_ne!(std::fs::read(broker.join("identity.json")).unwrap(), before);
    let kept = place.config.state_directory.join("broker.replaced-1/identity.json");
    assert_eq!(std::fs::read(kept).unwrap(), before);
}

#[test]
fn enrolment_refuses_what_does_not_agree_with_its_token_and_keeps_nothing() {
    let server = Server::start(&key(2));
    let right = Digest::of(&server.certificate);
    let place = Place::new();
    let fails = |token: &str, part: &str| {
        let output = place.enrol(token, &[]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && text.contains(part), "{text}");
        let left = std::fs::read_dir(&place.config.state_directory).unwrap().count();
        assert_eq!(left, 0, "{text}");
        text
    };
    fails(&server.token(Some(Digest::of(b"another")), key(2).public().fingerprint()), "its certificate is not the one");
    fails(&server.token(None, key(2).public().fingerprint()), "its certificate is not the one");
    fails(&server.token(Some(right), key(1).public().fingerprint()), "the server's root key is");
    // The server claims root key 2, and its trust document is signed by key 1.
    fails(&server.token(Some(right), key(2).public().fingerprint()), "does not verify under its root key");
    server.seen(|seen| seen.refuse_enrolment = true);
    let text = fails(&server.token(Some(right), key(2).public().fingerprint()), "brevetctl enrolment-token create");
    assert!(text.contains("the token was used \\u{1b}[2J"), "{text}");
    drop(server);
}

#[test]
fn an_interrupted_enrolment_leaves_a_computer_that_can_be_enrolled() {
    let server = Server::start(&key(1));
    let place = Place::new();
    let state = &place.config.state_directory;
    for directory in ["broker.new/documents", "agent.new", "agent", "broker/journal"] {
        std::fs::create_dir_all(state.join(directory)).unwrap();
    }
    std::fs::write(state.join("agent/server.json"), "{}").unwrap();
    std::fs::write(state.join("broker.new/identity.json"), "{}").unwrap();
    let token = server.token(Some(Digest::of(&server.certificate)), key(1).public().fingerprint());
    let output = place.enrol(&token, &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(state.join("broker.replaced-1/journal").exists());
    assert!(state.join("broker/identity.json").exists() && !state.join("broker.new").exists());
}

#[test]
fn a_computer_that_is_not_enrolled_and_a_user_that_does_not_exist_are_said_so() {
    let place = Place::new();
    std::fs::create_dir_all(&place.config.state_directory).unwrap();
    let daemon = Daemon::start(&place.file);
    daemon.line("not enrolled");
    let text = std::fs::read_to_string(&place.file).unwrap().replace("nobody", "no-such-user-here");
    std::fs::write(&place.file, text).unwrap();
    let output = place.enrol("brevet-enrol-1.x", &[]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("useradd --system"));
}
