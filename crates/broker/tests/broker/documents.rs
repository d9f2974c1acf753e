//! Documents that are not to be believed, and what follows from those that are missing.

use brevet_core::application::Rule;
use brevet_core::document::{Envelope, Key, Kind, Manifest, PolicyDocument, Signature, open, seal};
use brevet_core::id::ComputerId;
use brevet_core::record::Body;
use brevet_core::time::Length;

use crate::agent::Agent;
use crate::client::{Client, run};
use crate::computer::{Computer, id, now, unique};
use crate::user::TestUser;

const TRUE: &str = "mode = \"automatic\"\nauthentication = \"none\"\napplications = [{ file = \"/usr/bin/true\" }]";

#[test]
fn forged_replayed_rolled_back_foreign_and_skipping_documents_change_nothing() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let settings = computer.settings(false);
    agent.enforce(&[]);
    let policy = id();
    let document = computer.policy(&policy, 1, TRUE);
    agent.send(&document);
    let named = [(policy, &document)];

    let manifest = computer.manifest(&named, &[], &settings);
    let stranger = Key::from_seed(&[9; 32]);
    agent.send(&seal(&manifest, &[&stranger]).unwrap());
    agent.wait_refused_document("signature");
    agent.send(&seal(&manifest, &[&computer.policy_key]).unwrap());

    let mut foreign = manifest.clone();
    foreign.computer = ComputerId::new(now().millis(), unique());
    agent.issue(&foreign);
    agent.wait_refused_document("other_computer");

    let mut replayed = manifest.clone();
    replayed.seq = 1;
    agent.issue(&replayed);
    agent.wait_refused_document("replayed");

    let mut skipping = manifest.clone();
    skipping.seq = 3;
    agent.issue(&skipping);
    agent.wait_refused_document("gap");

    let mut older = manifest.clone();
    older.epoch = 0;
    agent.issue(&older);
    agent.wait_refused_document("rolled_back");

    assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "no_policy");
    agent.issue(&manifest);
    agent.send(&computer.heartbeat(None));
    agent.wait_state("the real manifest", |state| state.seq == 2);
    Client::start(&computer, &user, run(&["true"])).expect_success();
}

#[test]
fn ten_thousand_policies_come_one_by_one_and_are_in_force_together_also_after_a_restart() {
    const MANY: usize = 10_000;
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let documents: Vec<_> = (0..MANY)
        .map(|n| {
            let policy = id();
            let text = match n {
                5_000 => TRUE.to_owned(),
                _ => format!("mode = \"automatic\"\napplications = [{{ file = \"/opt/tool-{n}\" }}]"),
            };
            let document = computer.policy(&policy, 1, &text);
            (policy, document)
        })
        .collect();
    {
        let agent = Agent::connect(&computer);
        let settings = computer.settings(false);
        let named: Vec<_> = documents.iter().map(|(policy, document)| (policy.clone(), document)).collect();
        agent.issue(&computer.manifest(&named, &[], &settings));
        agent.send(&computer.heartbeat(None));
        let state = agent.wait_state("what is missing", |state| state.seq == 1);
        assert_eq!(state.missing.len(), MANY + 1);
        assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "unreadable_policy", "a deny may be among them");
        for (sent, some) in documents.chunks(1_000).enumerate() {
            some.iter().for_each(|(_, document)| agent.send(document));
            // brevetd hears of every 256th.
            let most = MANY + 1 - (sent + 1) * 1_000 + 256;
            agent.wait_state("a thousand more", |state| state.missing.len() <= most);
        }
        agent.send(&settings);
        agent.wait_long_for_state("all of them", |state| state.missing.is_empty() && state.held.len() == MANY + 1);
        Client::start(&computer, &user, run(&["true"])).expect_success();
    }
    computer.stop();
    computer.start();
    Client::start(&computer, &user, run(&["true"])).expect_success();
}

#[test]
fn a_trust_document_is_believed_from_the_root_alone_and_never_an_older_one() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let current = computer.trust(3, 1);
    agent.send(&current);
    agent.wait_state("the new trust", |state| state.trust_version == 3);
    agent.send(&computer.trust(2, 1));
    agent.wait_refused_document("rolled_back");
    let mut forged = current;
    forged.signatures[0] =
        seal(&computer.manifest(&[], &[], &computer.settings(false)), &[&computer.issuer]).unwrap().signatures[0].clone();
    agent.send(&forged);
    agent.wait_refused_document("signature");
    // Another epoch begins its sequence anew.
    agent.send(&computer.trust(4, 2));
    agent.wait_state("the new epoch", |state| (state.trust_version, state.epoch, state.seq) == (4, 2, 0));
}

#[test]
fn without_a_heartbeat_or_with_one_that_finds_a_gap_nothing_may_be_used() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let (policy, settings) = (id(), computer.settings(false));
    let document = computer.policy(&policy, 1, TRUE);
    agent.send(&settings);
    agent.send(&document);
    agent.issue(&computer.manifest(&[(policy, &document)], &[], &settings));
    agent.wait_state("the manifest", |state| state.seq == 1);
    assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "stale");
    let withheld = computer.next_seq();
    agent.send(&computer.heartbeat(None));
    agent.send(&computer.heartbeat(None));
    assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "stale");
    computer.seq.store(withheld - 1, std::sync::atomic::Ordering::Relaxed);
    agent.send(&computer.heartbeat(None));
    let replayed = computer.heartbeat(None);
    agent.send(&replayed);
    agent.send(&replayed);
    agent.wait_refused_document("replayed");
    Client::start(&computer, &user, run(&["true"])).expect_success();
}

#[test]
fn a_session_ends_with_the_staleness_and_lives_on_with_a_heartbeat() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let program = computer.program("tool", "#!/bin/sh\nexec sleep 300\n");
    let policy = id();
    let toml = format!(
        "mode = \"automatic\"\nauthentication = \"none\"\nstaleness = \"3s\"\napplications = [{{ file = \"{program}\" }}]\n[policy.elevation]\ngrace = \"0s\""
    );
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    let begun = std::time::Instant::now();
    let client = Client::start(&computer, &user, run(&[&program]));
    client.expect_started();
    // Heartbeats keep it alive beyond three seconds; when they stop, it ends.
    while begun.elapsed() < std::time::Duration::from_secs(5) {
        agent.send(&computer.heartbeat(None));
        drop(brevet_sys::poll::wait(&[], Some(500)));
    }
    let stopped = std::time::Instant::now();
    client.expect_ended();
    assert!(begun.elapsed() > std::time::Duration::from_secs(5), "it ended although heartbeats came");
    assert!(stopped.elapsed() < std::time::Duration::from_secs(6), "it went on without heartbeats");
}

#[test]
fn a_policy_that_cannot_be_enforced_is_refused_alone_and_an_unreadable_deny_refuses_everything() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let (fine, confined) = (id(), id());
    let toml = "mode = \"automatic\"\nauthentication = \"none\"\napplications = [{ file = \"/usr/bin/id\" }]\n[policy.elevation]\ncontainment = \"confined\"";
    agent.enforce(&[(fine.clone(), computer.policy(&fine, 1, TRUE)), (confined.clone(), computer.policy(&confined, 1, toml))]);
    let field = agent.wait_record("policy.refused", |body| match body {
        Body::PolicyRefused(refused) => Some(refused.field.clone()),
        _ => None,
    });
    assert!(field.contains("containment"), "{field}");
    Client::start(&computer, &user, run(&["true"])).expect_success();
    assert_eq!(Client::start(&computer, &user, run(&["id"])).expect_refused().code, "no_policy");

    // A list that no server of ours would take is no ground for anything.
    let (unsound, named) = (id(), "mode = \"automatic\"\nauthentication = \"none\"\napplications = [{ list = \"everything\" }]");
    let sound = computer.policy(&unsound, 1, named);
    let mut document: PolicyDocument = open(&sound, &[computer.policy_key.public()]).unwrap();
    document.lists.insert("everything".into(), vec![Rule::default()]);
    let sealed = seal(&document, &[&computer.policy_key]).unwrap();
    agent.enforce(&[(fine.clone(), computer.policy(&fine, 1, TRUE)), (unsound.clone(), sealed)]);
    agent.wait_record("the list's field", |body| match body {
        Body::PolicyRefused(refused) if refused.field.starts_with("list \"everything\".rules[0]") => Some(()),
        _ => None,
    });
    assert_eq!(Client::start(&computer, &user, run(&["id"])).expect_refused().code, "no_policy");

    let deny = id();
    let denies = "mode = \"deny\"\napplications = [{ file = \"/usr/bin/id\", component = \"org.example.thing\" }]";
    agent.enforce(&[(fine.clone(), computer.policy(&fine, 1, TRUE)), (deny.clone(), computer.policy(&deny, 1, denies))]);
    let code = Client::start(&computer, &user, run(&["true"])).expect_refused().code;
    assert_eq!(code, "unreadable_policy");
}

#[test]
fn a_manifest_that_names_a_policy_twice_is_refused_and_the_one_before_stays_in_force() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let policy = id();
    let (allows, denies) = (computer.policy(&policy, 1, TRUE), computer.policy(&policy, 2, "mode = \"deny\"\napplications = \"all\""));
    agent.enforce(&[(policy.clone(), allows.clone())]);
    agent.send(&denies);
    let named = [(policy.clone(), &allows), (policy.clone(), &denies)];
    let twice = computer.manifest(&named, &[], &computer.settings(false));
    agent.send(&carelessly_signed(&twice, &computer.issuer));
    agent.wait_refused_document("unreadable");
    Client::start(&computer, &user, run(&["true"])).expect_success();
    // It took no place: the next manifest has it.
    computer.seq.store(twice.seq - 1, std::sync::atomic::Ordering::Relaxed);
    agent.enforce(&[(policy, denies)]);
    assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "denied");
}

/// Properly signed, although no server of ours would.
fn carelessly_signed(manifest: &Manifest, key: &Key) -> Envelope {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let (payload, kind) = (serde_json::to_vec(manifest).unwrap(), Kind::Manifest.payload_type());
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(&payload);
    let signature = Signature { keyid: key.public().id(), sig: STANDARD.encode(key.sign(&message)) };
    Envelope { payload_type: kind.into(), payload: STANDARD.encode(payload), signatures: vec![signature] }
}

#[test]
fn a_policy_that_the_manifest_names_and_nobody_sent_refuses_everything() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let (policy, withheld, settings) = (id(), id(), computer.settings(false));
    let (document, secret) = (computer.policy(&policy, 1, TRUE), computer.policy(&withheld, 1, "mode = \"deny\"\napplications = \"all\""));
    agent.send(&settings);
    agent.send(&document);
    agent.issue(&computer.manifest(&[(policy, &document), (withheld, &secret)], &[], &settings));
    agent.send(&computer.heartbeat(None));
    agent.wait_state("the manifest", |state| state.missing == vec![secret.digest().unwrap()]);
    let refused = Client::start(&computer, &user, run(&["true"])).expect_refused();
    assert!(refused.code == "unreadable_policy" && refused.reason.contains("has not arrived yet"), "{refused:?}");
    // Who asks just before it comes is answered by what it says.
    let client = Client::start(&computer, &user, run(&["true"]));
    agent.send(&secret);
    assert_eq!(client.expect_refused().code, "denied");
    agent.wait_state("the missing one", |state| state.seq == 1 && state.missing.is_empty());
    assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "denied");
}

#[test]
fn a_fixed_validity_from_first_use_is_counted_once_for_each_user() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let (user, other) = (TestUser::create(), TestUser::create());
    let policy = id();
    let toml = format!("{TRUE}\nvalidity = {{ kind = \"fixed\", duration = \"{}\", from = \"first_use\" }}", Length::from_seconds(2));
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 1, &toml))]);
    Client::start(&computer, &user, run(&["true"])).expect_success();
    agent.wait_kind("policy.validity_started");
    crate::computer::eventually("the validity is over", || {
        let client = Client::start(&computer, &user, run(&["true"]));
        matches!(client.next(), brevet_api::broker::Tell::Refused(refused) if refused.code == "expired")
    });
    // An edit does not restart it; another user has their own.
    agent.enforce(&[(policy.clone(), computer.policy(&policy, 2, &format!("description = \"edited\"\n{toml}")))]);
    assert_eq!(Client::start(&computer, &user, run(&["true"])).expect_refused().code, "expired");
    Client::start(&computer, &other, run(&["true"])).expect_success();
}
