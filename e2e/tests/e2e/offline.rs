//! Without the server: what goes on, and what stops.

use std::time::Duration;

use brevet_e2e::wait;

use crate::stage::{Stage, automatic, on_request};

#[test]
fn a_rule_approves_without_the_server_and_the_server_learns_of_it() {
    let mut stage = Stage::new();
    stage.brevet.tool("report", "#!/bin/sh\necho \"$1 by $(id -u)\"\n").unwrap();
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/report\" }}]\n[[autonomous]]\nname = \"Rule\"\nusers = [\"ALICE\"]\ncomputers = \"all\"\napplications = [{{ file = \"TOOLS/report\" }}]\nmax_duration = \"15m\"\nper_user_per_day = 2\n",
        on_request("Ask")
    ));
    let run = |stage: &Stage, what: &str, length: &str| {
        stage.alice(&["run", "--no-wait", "--reason", "x", "--for", length, "--", &stage.tool("report"), what])
    };
    assert_eq!(run(&stage, "off", "5m").code(), 75, "the switch is off by default");
    stage.ctl(&["setting", "autonomous", "on"]);
    stage.brevet.wait_documents().unwrap();
    assert_eq!(run(&stage, "long", "20m").code(), 75, "longer than the rule allows goes to a person");
    stage.brevet.stop_part("brevet-server", "KILL").unwrap();
    assert_eq!(run(&stage, "a", "5m").stdout, "a by 0\n");
    assert_eq!(run(&stage, "b", "5m").stdout, "b by 0\n");
    assert_eq!(run(&stage, "c", "5m").code(), 75, "the day's budget is used up");
    stage.brevet.start_server().unwrap();
    wait::until("both approvals on the server", Duration::from_secs(40), || {
        Ok((stage.brevet.events("request.auto_approved")?.len() == 2).then_some(()))
    })
    .unwrap();
    let event = &stage.brevet.events("request.auto_approved").unwrap()[0];
    assert!(event.to_string().contains("per_user_per_day"), "{event}");
    stage.finish();
}

#[test]
fn a_rule_in_shadow_approves_nothing_and_says_what_it_would_have_done() {
    let stage = Stage::new();
    stage.brevet.tool("report", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/report\" }}]\n[[autonomous]]\nname = \"Rule\"\nshadow = true\nusers = [\"ALICE\"]\ncomputers = \"all\"\napplications = [{{ file = \"TOOLS/report\" }}]\nmax_duration = \"1h\"\n",
        on_request("Ask")
    ));
    stage.ctl(&["setting", "autonomous", "on"]);
    stage.brevet.wait_documents().unwrap();
    assert_eq!(stage.alice(&["run", "--no-wait", "--reason", "x", "--for", "5m", "--", &stage.tool("report")]).code(), 75);
    let event = stage.brevet.wait_event("autonomous.shadowed", |_| true).unwrap();
    assert!(event.to_string().contains("\"would_approve\":true"), "{event}");
    stage.finish();
}

#[test]
fn past_its_staleness_a_policy_gives_nothing_and_what_runs_ends() {
    let mut stage = Stage::new();
    let number = stage.tree_tool("tree");
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/tree\" }}]\nstaleness = \"6s\"\nelevation = {{ grace = \"1s\" }}\n",
        automatic("Short")
    ));
    let mut child = stage.brevet.brevet(&stage.alice, &["run", "--", &stage.tool("tree")]).spawn().unwrap();
    stage.wait_tree(number);
    stage.brevet.stop_part("brevet-server", "KILL").unwrap();
    stage.wait_no_tree(number, Duration::from_secs(15));
    child.wait().unwrap();
    let output = stage.alice(&["run", "--", &stage.tool("tree")]);
    assert_eq!(output.code(), 126);
    stage.brevet.start_server().unwrap();
    wait::until("the right to come back", Duration::from_secs(40), || {
        let mut child = stage.brevet.brevet(&stage.alice, &["run", "--", &stage.tool("tree")]).spawn()?;
        let runs = wait::until("a start", Duration::from_secs(1), || {
            Ok((!brevet_e2e::processes::with_argument(&number.to_string()).is_empty()).then_some(()))
        })
        .is_ok();
        brevet_e2e::program::system("kill", [&child.id().to_string()])?;
        child.wait()?;
        Ok(runs.then_some(()))
    })
    .unwrap();
    stage.finish();
}

#[test]
fn a_restarted_agent_and_a_restarted_server_lose_nothing() {
    let mut stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.allow("show");
    stage.brevet.stop_part("brevetd", "KILL").unwrap();
    assert_eq!(stage.alice(&["run", "--", &stage.tool("show"), "1"]).stdout, "0\n");
    stage.brevet.start_agent().unwrap();
    stage.brevet.wait_connected().unwrap();
    stage.brevet.stop_part("brevet-server", "KILL").unwrap();
    assert_eq!(stage.alice(&["run", "--", &stage.tool("show"), "2"]).stdout, "0\n");
    stage.brevet.start_server().unwrap();
    wait::until("both sessions on the server", Duration::from_secs(40), || {
        Ok((stage.brevet.events("session.ended")?.len() == 2).then_some(()))
    })
    .unwrap();
    stage.ctl(&["event", "verify"]);
    stage.finish();
}
