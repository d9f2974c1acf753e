//! Rules of the house that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

/// `docs/rules.toml`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    number: u32,
    says: String,
    /// Each `FILE::test_name` or `FILE` and a text that stands in it, after `#`.
    proof: Vec<String>,
}

/// Crate names, or their beginnings, that the broker must never link.
const NOT_IN_BROKER: [&str; 22] = [
    "rustls",
    "native-tls",
    "openssl",
    "ring",
    "aws-lc",
    "webpki",
    "hyper",
    "reqwest",
    "ureq",
    "h2",
    "http",
    "axum",
    "curl",
    "hickory",
    "trust-dns",
    "sqlx",
    "sea-orm",
    "rusqlite",
    "libsqlite3",
    "postgres",
    "tokio",
    "socket2",
];

/// Runs every check and says all that is wrong.
pub fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no repository")?;
    let mut wrong = rules(root)?;
    wrong.extend(broker_links(root)?);
    wrong.extend(purity(root)?);
    wrong.extend(only_known_unsafe(root)?);
    wrong.extend(sizes(root)?);
    if wrong.is_empty() {
        println!("rules, dependencies of the broker, purity of core and sizes: all hold");
        return Ok(());
    }
    for line in &wrong {
        eprintln!("{line}");
    }
    bail!("{} rules of the house do not hold", wrong.len());
}

/// Rule by rule, the tests and lints that prove it exist.
fn rules(root: &Path) -> Result<Vec<String>> {
    let rules: Rules = toml::from_str(&fs::read_to_string(root.join("docs/rules.toml"))?).context("docs/rules.toml")?;
    let mut wrong = Vec::new();
    for number in 1..=10 {
        if !rules.rule.iter().any(|r| r.number == number) {
            wrong.push(format!("rule {number} is not in docs/rules.toml"));
        }
    }
    for rule in &rules.rule {
        if rule.proof.is_empty() || rule.says.is_empty() {
            wrong.push(format!("rule {} has no proof", rule.number));
        }
        for proof in &rule.proof {
            let (file, wanted) = match (proof.split_once('#'), proof.split_once("::")) {
                (Some((file, text)), _) => (file, text.to_owned()),
                (None, Some((file, test))) => (file, format!("fn {test}(")),
                (None, None) => (proof.as_str(), String::new()),
            };
            let there = fs::read_to_string(root.join(file)).is_ok_and(|text| text.contains(&wanted));
            if !there {
                wrong.push(format!("rule {}: its proof {proof} does not exist", rule.number));
            }
        }
    }
    Ok(wrong)
}

/// Rule 2: what the broker links.
fn broker_links(root: &Path) -> Result<Vec<String>> {
    let tree = Command::new("cargo")
        .args(["tree", "--package", "brevet-broker", "--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(root)
        .output()?;
    anyhow::ensure!(tree.status.success(), "cargo tree: {}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout)?;
    let mut wrong: Vec<String> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .filter(|name| NOT_IN_BROKER.iter().any(|bad| name == bad || name.starts_with(&format!("{bad}-"))))
        .map(|name| format!("rule 2: brevet-broker links {name}"))
        .collect();
    wrong.sort();
    wrong.dedup();
    Ok(wrong)
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() && path.file_name().is_none_or(|n| n != "target") {
            found.extend(sources(&path)?);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Rule 1: `core` reaches for nothing outside itself.
fn purity(root: &Path) -> Result<Vec<String>> {
    let forbidden = [
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "std::thread",
        "std::io",
        "SystemTime",
        "Instant::now",
        "Timestamp::now",
        "Zoned::now",
        "getrandom",
        "async fn",
        "unsafe ",
    ];
    let mut wrong = Vec::new();
    for file in sources(&root.join("crates/core/src"))? {
        let text = fs::read_to_string(&file)?;
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")) {
            for word in forbidden.iter().filter(|w| line.contains(**w)) {
                wrong.push(format!("rule 1: {}:{}: {word}", file.display(), number + 1));
            }
        }
    }
    Ok(wrong)
}

/// Rule 1: who may say `unsafe`. The others take the workspace's lints, which deny it.
fn only_known_unsafe(root: &Path) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for entry in fs::read_dir(root.join("crates"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let manifest = fs::read_to_string(root.join("crates").join(&name).join("Cargo.toml")).with_context(|| name.clone())?;
        if !["sys", "early"].contains(&name.as_str()) && !manifest.contains("[lints]\nworkspace = true") {
            wrong.push(format!("rule 1: crates/{name} does not take the workspace's lints, which deny unsafe"));
        }
    }
    Ok(wrong)
}

/// No file over 600 lines.
fn sizes(root: &Path) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for folder in ["crates", "e2e", "xtask"] {
        for file in sources(&root.join(folder))? {
            let lines = fs::read_to_string(&file)?.lines().count();
            if lines > 600 {
                wrong.push(format!("{} has {lines} lines; the most is 600", file.display()));
            }
        }
    }
    Ok(wrong)
}
