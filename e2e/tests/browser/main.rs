//! The console in a real browser. Each script below `e2e/browser/specs` has a Brevet of its own, with an agent and a user; what it checks
//! is said by its own tests, whose report is this one's output.

use std::path::{Path, PathBuf};
use std::time::Duration;

use brevet_e2e::{Installation, Options, OsUser, browser, processes};

const PASSWORD: &str = "correct horse 7";
/// Below the four minutes that a test has.
const LIMIT: Duration = Duration::from_secs(230);

/// The folder with the programs of this build.
fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_path_buf()
}

fn run(spec: &str) {
    assert_eq!(processes::uid(std::process::id()), Some(0), "the browser tests need root: they start a whole Brevet");
    browser::prepared().unwrap();
    let options = Options { programs: programs(), directory: None, heartbeat_seconds: Some(1) };
    let mut brevet = Installation::start(options, &mut |_| ()).unwrap();
    let homes = brevet.state.join("homes");
    let user = OsUser::person(&brevet.record, &format!("alice-{}", brevet.tag), &homes, PASSWORD).unwrap();
    let outcome = browser::run(&mut brevet, &user, &[&format!("specs/{spec}.js")], LIMIT);
    if outcome.is_err() {
        println!("brevet-server said last:\n{}", brevet.last_words("brevet-server"));
    }
    brevet.finish().unwrap();
    outcome.unwrap();
}

/// In this test's process: nothing. In the keeper's: waits and undoes (see `brevet_e2e::keeper`).
#[test]
fn keeper_entry() {
    brevet_e2e::keeper::run_if_asked();
}

#[test]
fn whoever_signs_in_sees_what_waits_and_axe_finds_nothing() {
    run("first");
}

#[test]
fn an_approvers_day_on_the_pages() {
    run("access");
}

#[test]
fn an_owner_sets_up_passkey_password_and_app_and_signs_in_by_each() {
    run("sign_in");
}

#[test]
fn a_real_provider_of_single_sign_on_signs_in_whom_somebody_here_is() {
    run("single_sign_on");
}

#[test]
fn a_policy_and_an_autonomous_rule_by_form_hold_on_the_computer() {
    run("policies");
}

#[test]
fn the_report_shows_and_exports_what_the_api_gives() {
    run("report");
}

#[test]
fn each_role_sees_and_may_do_only_its_own() {
    run("roles");
}

#[test]
fn on_no_page_of_access_is_a_text_taken_for_markup_and_axe_finds_nothing() {
    run("everywhere_access");
}

#[test]
fn on_no_page_of_policies_is_a_text_taken_for_markup_and_axe_finds_nothing() {
    run("everywhere_policies");
}

#[test]
fn on_no_page_of_records_and_settings_is_a_text_taken_for_markup_and_axe_finds_nothing() {
    run("everywhere_records");
}

#[test]
fn other_sites_and_other_scopes_get_nothing() {
    run("abuse");
}

#[test]
fn a_restart_and_a_lost_connection_are_said_and_got_over() {
    run("lost");
}

#[test]
fn a_page_that_is_open_keeps_what_somebody_does_there() {
    run("open_pages");
}

/// A script of `specs` that no test runs would be forgotten.
#[test]
fn every_script_is_run() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = std::fs::read_to_string(here.join("tests/browser/main.rs")).unwrap();
    for entry in std::fs::read_dir(here.join("browser/specs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let spec = name.strip_suffix(".js").unwrap();
        assert!(tests.contains(&format!("run(\"{spec}\")")), "no test runs {name}");
    }
}
