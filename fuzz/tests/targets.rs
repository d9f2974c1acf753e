//! Each target for five seconds, or as long as `BREVET_FUZZ_SECONDS` says, from a fixed seed or that of `BREVET_FUZZ_SEED`.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that meets the unexpected fails")]

use std::time::Duration;

use brevet_fuzz::targets::TARGETS;

fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a number"))
}

fn withstands(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    let length = Duration::from_secs(number("BREVET_FUZZ_SECONDS", 5));
    let failing = std::env::temp_dir().join(format!("brevet-fuzz-{name}-{}", std::process::id()));
    let run =
        brevet_fuzz::run(name, *target, number("BREVET_FUZZ_SEED", 1), length, &failing).unwrap_or_else(|error| panic!("{name}: {error}"));
    println!("{name}: {} inputs from {} examples", run.inputs, run.corpus);
    assert!(run.corpus > 0 && run.inputs > 100, "{run:?}");
}

#[test]
fn frames() {
    withstands("frames");
}
#[test]
fn documents() {
    withstands("documents");
}
#[test]
fn journal() {
    withstands("journal");
}
#[test]
fn policy_toml() {
    withstands("policy_toml");
}
#[test]
fn policy_json() {
    withstands("policy_json");
}
#[test]
fn token() {
    withstands("token");
}
#[test]
fn sudoers() {
    withstands("sudoers");
}

#[test]
fn package_database() {
    withstands("package_database");
}
#[test]
fn script_header() {
    withstands("script_header");
}

#[test]
fn every_target_has_its_test_and_its_corpus() {
    for (name, _) in TARGETS {
        assert!(!brevet_fuzz::corpus(name).unwrap().is_empty(), "{name}");
        let own = include_str!("targets.rs");
        assert!(own.contains(&format!("withstands(\"{name}\")")), "{name}");
    }
}
