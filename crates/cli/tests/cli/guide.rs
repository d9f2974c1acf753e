//! What the guides show is what the program does: their commands parse, and what they say about exit statuses is what help says.

use crate::support::program;
use std::process::Command;

const USER: &str = include_str!("../../../../docs/guide/user.md");
const ADMINISTRATOR: &str = include_str!("../../../../docs/guide/administrator.md");
const OPERATOR: &str = include_str!("../../../../docs/guide/operator.md");

/// The fenced blocks of a page that begin with this line.
fn blocks<'a>(page: &'a str, fence: &'a str) -> impl Iterator<Item = &'a str> {
    page.split("\n```").skip(1).step_by(2).filter_map(move |block| block.strip_prefix(fence)?.strip_prefix('\n'))
}

#[test]
fn every_command_of_the_user_guide_is_understood() {
    let mut seen = 0;
    for line in blocks(USER, "").flat_map(str::lines) {
        let Some(at) = line.find("brevet ").filter(|at| *at == 0 || line.starts_with("$ ") || line.contains("| brevet")) else { continue };
        let command = line[at..].split("     ").next().unwrap().replace("brevet ", "\"$BREVET\" ");
        let mut shell = Command::new("sh");
        let here = tempfile::tempdir().unwrap();
        shell.args(["-c", &command]).env("BREVET", program()).env("BREVET_SOCKET", "/nonexistent/s").current_dir(here.path());
        let output = shell.output().unwrap();
        let mut said = String::from_utf8(output.stderr).unwrap();
        said.push_str(&std::fs::read_to_string(here.path().join("messages.jsonl")).unwrap_or_default());
        assert!(said.contains("cannot reach the broker"), "{command}: {said}");
        seen += 1;
    }
    assert!(seen > 8, "{seen}");
}

#[test]
fn every_file_of_the_other_guides_is_read() {
    let mut seen = 0;
    // The server's own configuration is not a file of policies.
    for block in blocks(ADMINISTRATOR, "toml").filter(|block| !block.starts_with("[smtp]")) {
        brevet_core::file::parse(block).unwrap_or_else(|error| panic!("{error}:\n{block}"));
        seen += 1;
    }
    assert_eq!(seen, 2);
    let directory = tempfile::tempdir().unwrap();
    for block in blocks(OPERATOR, "toml") {
        let file = directory.path().join("agent.toml");
        std::fs::write(&file, block).unwrap();
        assert_eq!(brevet_api::config::Config::load(Some(&file)).unwrap(), brevet_api::config::Config::default(), "the defaults are shown");
        seen += 1;
    }
    assert_eq!(seen, 3);
}
