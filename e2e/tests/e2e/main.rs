//! The whole product, from outside. Each test has an installation of its own and says one sentence about it.

mod documents;
mod ends;
mod launches;
mod offline;
mod proof;
mod requests;
mod restore;
mod stage;
mod terminals;

/// In this test's process: nothing. In the keeper's: waits and undoes (see `brevet_e2e::keeper`).
#[test]
fn keeper_entry() {
    brevet_e2e::keeper::run_if_asked();
}
