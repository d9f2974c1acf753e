//! An installation with a user, and what the tests do on it again and again.

use std::path::{Path, PathBuf};
use std::time::Duration;

use brevet_e2e::program::Output;
use brevet_e2e::{Installation, Options, OsUser, processes, wait};
use serde_json::Value;

pub const PASSWORD: &str = "correct horse 7";
pub const SOON: Duration = Duration::from_secs(10);

pub struct Stage {
    pub brevet: Installation,
    pub alice: OsUser,
}

/// The folder with the programs of this build.
pub fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().and_then(Path::parent).unwrap().to_path_buf()
}

impl Stage {
    pub fn new() -> Self {
        assert_eq!(processes::uid(std::process::id()), Some(0), "the end-to-end tests need root: they give it out");
        let options = Options { programs: programs(), directory: None, heartbeat_seconds: Some(1) };
        let brevet = Installation::start(options, &mut |_| ()).unwrap();
        let alice = person(&brevet, "alice");
        Self { brevet, alice }
    }

    /// Applies TOML in which ALICE and TOOLS stand for the user's name and the folder of tools, and waits until the computer holds it.
    pub fn apply(&self, toml: &str) {
        let text = toml.replace("ALICE", &self.alice.name).replace("TOOLS", &self.brevet.tools.to_string_lossy());
        self.brevet.apply(&text).unwrap();
        self.brevet.wait_documents().unwrap();
    }

    /// An automatic policy without password for one tool.
    pub fn allow(&self, tool: &str) {
        self.apply(&format!("{}applications = [{{ file = \"TOOLS/{tool}\" }}]\n", automatic("Allowed")));
    }

    /// `brevet` as alice, without a terminal.
    pub fn alice(&self, arguments: &[&str]) -> Output {
        self.brevet.run_as(&self.alice, arguments).unwrap()
    }

    /// The full path of a tool, as text.
    pub fn tool(&self, name: &str) -> String {
        self.brevet.tools.join(name).to_string_lossy().into_owned()
    }

    /// A tool that leaves a tree of processes behind, each with the number among its arguments.
    pub fn tree_tool(&self, name: &str) -> u64 {
        let number = 200_000_000 + u64::from(std::process::id()) * 100 + u64::from(name.len() as u32);
        let text = format!("#!/bin/sh\necho started\nsetsid sleep {number} &\n(sleep {number} & sleep {number}) &\nexec sleep {number}\n");
        self.brevet.tool(name, &text).unwrap();
        number
    }

    pub fn wait_tree(&self, number: u64) -> Vec<u32> {
        let number = number.to_string();
        wait::until("the tree", SOON, || Ok(Some(processes::with_argument(&number)).filter(|p| p.len() >= 4))).unwrap()
    }

    pub fn wait_no_tree(&self, number: u64, limit: Duration) {
        let number = number.to_string();
        wait::until("the tree to be gone", limit, || Ok(processes::with_argument(&number).is_empty().then_some(()))).unwrap();
    }

    /// Waits for a pending request on the server and gives its id.
    pub fn pending(&self) -> String {
        wait::until("a pending request", SOON, || {
            let page = self.ctl_json(&["request", "list", "--state", "pending"]);
            Ok(page["items"][0]["id"].as_str().map(str::to_owned))
        })
        .unwrap()
    }

    pub fn ctl_json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        self.brevet.ctl(&all).unwrap().json().unwrap()
    }

    /// Runs `brevetctl`, which must succeed.
    pub fn ctl(&self, arguments: &[&str]) -> Output {
        self.brevet.ctl(arguments).unwrap().ok().unwrap()
    }

    /// Ends the installation and wants it to leave nothing.
    pub fn finish(self) {
        let tag = self.brevet.tag.clone();
        self.brevet.finish().unwrap();
        assert!(!Path::new(&format!("/run/brevet-{tag}")).exists());
        let users = std::fs::read_to_string("/etc/passwd").unwrap();
        assert!(!users.contains(&tag), "a user was left behind");
    }
}

/// A throw-away person with `PASSWORD`.
pub fn person(brevet: &Installation, name: &str) -> OsUser {
    OsUser::person(&brevet.record, &format!("{name}-{}", brevet.tag), &brevet.state.join("homes"), PASSWORD).unwrap()
}

/// The head of an automatic policy for ALICE without password.
pub fn automatic(name: &str) -> String {
    format!("[[policy]]\nname = \"{name}\"\nusers = [\"ALICE\"]\ncomputers = \"all\"\nmode = \"automatic\"\nauthentication = \"none\"\n")
}

/// The head of a policy under which ALICE may ask.
pub fn on_request(name: &str) -> String {
    format!(
        "[[policy]]\nname = \"{name}\"\nmessage = \"ask the operators\"\nusers = [\"ALICE\"]\ncomputers = \"all\"\nmode = \"request\"\n"
    )
}
