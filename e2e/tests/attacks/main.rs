//! Attacks on a running Brevet by somebody with an account on the computer, and by what they took over (`docs/attacks.md`).
//!
//! Each test is a property said as a sentence. Where the trick has a known victim, it is played on the victim first and must work there.

mod attacker;
mod descriptors;
mod document;
mod environment;
mod files;
mod identity;
mod messages;
mod processes;
mod races;
mod server;
#[path = "../e2e/stage.rs"]
mod stage;
mod terminals;
mod text;

/// In this test's process: nothing. In the keeper's: waits and undoes (see `brevet_e2e::keeper`).
#[test]
fn keeper_entry() {
    brevet_e2e::keeper::run_if_asked();
}
