//! Playing an attacker: perl as a user, with a client that says what it likes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use brevet_e2e::program::{self, Output};
use brevet_e2e::{OsUser, processes, wait};

use crate::stage::{SOON, Stage};

/// Longer than anything an attacker does takes.
pub const LONG: Duration = Duration::from_secs(50);

impl Stage {
    /// Perl as a user, with `Attacker` loaded and the program's arguments.
    pub fn perl(&self, user: &OsUser, script: &str, arguments: &[&str]) -> Command {
        let module = self.brevet.tools.join("Attacker.pm");
        if !module.exists() {
            std::fs::write(&module, include_str!("Attacker.pm")).unwrap();
        }
        let mut command = user.command(Path::new("/usr/bin/env"));
        command.arg(format!("BREVET_SOCKET={}", self.brevet.socket.display()));
        command.args(["/usr/bin/perl", "-I"]).arg(&self.brevet.tools).args(["-MAttacker", "-e", script, "--"]).args(arguments);
        command
    }

    /// The same as alice, to its end.
    pub fn attack(&self, script: &str, arguments: &[&str]) -> Output {
        program::run(&mut self.perl(&self.alice, script, arguments), LONG).unwrap()
    }

    /// The broker's own process, not its launcher or supervisors.
    pub fn broker_pid(&self) -> u32 {
        let broker = self.brevet.bin.join("brevet-broker");
        let config = self.brevet.config.to_string_lossy().into_owned();
        let running = processes::with_argument(&config);
        let is_it = |pid: &u32| std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == broker);
        running.into_iter().find(is_it).expect("the broker runs")
    }

    /// How many descriptors the broker has open.
    pub fn broker_descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.broker_pid())).unwrap().count()
    }

    /// The grant that is in use, once the server knows.
    pub fn active_grant(&self) -> String {
        wait::until("an active grant on the server", SOON, || {
            Ok(self.ctl_json(&["grant", "list", "--state", "active"])["items"][0]["id"].as_str().map(str::to_owned))
        })
        .unwrap()
    }

    /// The folder that is alice's.
    pub fn home(&self) -> std::path::PathBuf {
        self.brevet.state.join("homes").join(&self.alice.name)
    }

    /// Wants the broker to serve alice as always.
    pub fn wants_service(&self) {
        assert_eq!(self.alice(&["list"]).code(), 0, "the broker does not answer any more: {}", self.brevet.last_words("brevet-broker"));
    }
}
