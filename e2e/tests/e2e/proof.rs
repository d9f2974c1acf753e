//! The journal: verified, and what happens when somebody touches it.

use std::fs;
use std::os::unix::fs::FileExt as _;

use crate::stage::Stage;

#[test]
fn the_journal_on_the_server_verifies_and_a_changed_copy_does_not() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.allow("show");
    stage.alice(&["run", "--", &stage.tool("show")]).ok().unwrap();
    stage.brevet.wait_event("session.ended", |_| true).unwrap();
    let verified = stage.ctl(&["event", "verify"]).stdout;
    assert!(verified.contains(&stage.brevet.computer), "{verified}");
    assert!(verified.contains("the server's log: ") && verified.contains(" events verified"), "{verified}");
    // One event, proved to whoever has nothing but the file and the key.
    let listed: serde_json::Value =
        serde_json::from_str(&stage.ctl(&["event", "list", "--kind", "session.ended", "--json"]).stdout).unwrap();
    let event = listed["items"][0]["id"].as_str().unwrap();
    let file = stage.brevet.state.join("proof.json");
    let file = file.to_str().unwrap();
    stage.ctl(&["event", "proof", event, "-o", file]);
    let pins = stage.brevet.state.join("pins");
    let pins = pins.to_str().unwrap();
    stage.ctl(&["event", "verify", "--write-pins", pins]);
    assert_eq!(stage.brevet.ctl(&["event", "verify", "--proof", file]).unwrap().code(), 2, "whose key?");
    let proved = stage.ctl(&["event", "verify", "--proof", file, "--pins", pins]).stdout;
    assert!(proved.contains(event) && proved.contains("is verified"), "{proved}");
    let text = fs::read_to_string(file).unwrap();
    fs::write(file, text.replace("session.ended", "session.begun")).unwrap();
    assert_ne!(stage.brevet.ctl(&["event", "verify", "--proof", file, "--pins", pins]).unwrap().code(), 0);
    stage.finish();
}

#[test]
fn a_broker_whose_journal_was_tampered_with_does_not_start() {
    let mut stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.allow("show");
    for _ in 0..3 {
        stage.alice(&["run", "--", &stage.tool("show")]).ok().unwrap();
    }
    stage.brevet.stop_part("brevet-broker", "TERM").unwrap();
    let folder = stage.brevet.broker_state().join("journal");
    let mut segments: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    segments.sort();
    let content = fs::read(&segments[0]).unwrap();
    let at = content.windows(15).position(|w| w == b"session.started").unwrap();
    fs::File::options().write(true).open(&segments[0]).unwrap().write_all_at(b"SESSION", at as u64).unwrap();
    let error = stage.brevet.start_broker().unwrap_err().to_string();
    assert!(error.contains("journal"), "{error}");
    stage.finish();
}

#[test]
fn a_torn_last_record_is_cut_off_and_recorded() {
    let mut stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.allow("show");
    stage.alice(&["run", "--", &stage.tool("show")]).ok().unwrap();
    stage.brevet.wait_event("session.ended", |_| true).unwrap();
    stage.brevet.stop_part("brevet-broker", "KILL").unwrap();
    let folder = stage.brevet.broker_state().join("journal");
    let mut segments: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    segments.sort();
    let last = segments.last().unwrap();
    let content = fs::read(last).unwrap();
    fs::File::options().append(true).open(last).unwrap().write_at(&content[..100], content.len() as u64).unwrap();
    stage.brevet.start_broker().unwrap();
    stage.brevet.wait_event("journal.repaired", |_| true).unwrap();
    assert_eq!(stage.alice(&["run", "--", &stage.tool("show")]).stdout, "0\n");
    stage.ctl(&["event", "verify"]);
    stage.finish();
}
