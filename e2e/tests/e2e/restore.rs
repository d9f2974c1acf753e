//! The server is put back to a backup that knows less than its computers.

use std::path::Path;
use std::time::Duration;

use brevet_e2e::{program, wait};

use crate::stage::{Stage, automatic};

const PATIENCE: Duration = Duration::from_secs(40);

fn server(stage: &Stage, verb: &str, option: &str, file: &Path, more: &[&str]) -> String {
    let mut command = stage.brevet.server_command();
    command.args([verb, "--data"]).arg(stage.brevet.data()).arg(option).arg(file).args(more);
    program::run(&mut command, PATIENCE).unwrap().ok().unwrap().stdout
}

#[test]
fn a_computer_that_had_seen_more_obeys_the_restored_server_and_gives_back_its_records() {
    let mut stage = Stage::new();
    stage.brevet.tool("before", "#!/bin/sh\nid -u\n").unwrap();
    stage.brevet.tool("after", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/before\" }}]\n", automatic("Before")));
    let file = stage.brevet.data().join("monday");
    let said = server(&stage, "backup", "--to", &file, &[]);
    assert!(said.contains("keys/issuer.key") && said.contains("root key"), "{said}");

    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/after\" }}]\n", automatic("After")));
    assert_eq!(stage.alice(&["run", "--", &stage.tool("after")]).stdout, "0\n");
    wait::until("the session on the server", PATIENCE, || Ok((stage.brevet.events("session.ended")?.len() == 1).then_some(()))).unwrap();

    stage.brevet.stop_part("brevet-server", "TERM").unwrap();
    let said = server(&stage, "restore", "--from", &file, &["--replace"]);
    assert!(said.contains("epoch") && said.contains("before-epoch"), "{said}");
    stage.brevet.start_server().unwrap();
    // Until the new epoch has reached the computer it goes by what it has; each such run is a session too.
    let mut sessions = 1;
    wait::until("the later policy to be gone", PATIENCE, || {
        let gone = stage.alice(&["run", "--", &stage.tool("after")]).code() == 126;
        sessions += usize::from(!gone);
        Ok(gone.then_some(()))
    })
    .unwrap();
    assert_eq!(stage.alice(&["run", "--", &stage.tool("before")]).stdout, "0\n");
    sessions += 1;
    // Each once, also the one that only the computer knew.
    wait::until("its records", PATIENCE, || Ok((stage.brevet.events("session.ended")?.len() == sessions).then_some(()))).unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/after\" }}]\n", automatic("Anew")));
    assert_eq!(stage.alice(&["run", "--", &stage.tool("after")]).stdout, "0\n");
    assert_eq!(stage.brevet.events("server.restored").unwrap().len(), 1);
    assert!(stage.brevet.events("journal.rolled_back").unwrap().is_empty() && stage.brevet.events("journal.forked").unwrap().is_empty());
    stage.brevet.ctl(&["event", "verify"]).unwrap().ok().unwrap();
    stage.finish();
}
