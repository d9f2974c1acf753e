//! How long a decision takes and how much room a set of policies needs, by the number of policies and the kind of their rules.
//!
//! Run it with `cargo bench -p brevet-core --bench decide`. It prints, for each set, percentiles over single decisions in microseconds,
//! for a launch that is allowed and for one that nothing allows, and the room of documents and index together.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement that meets the unexpected fails")]

#[path = "../tests/sample/mod.rs"]
mod sample;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use brevet_core::application::{Fact, Package};
use brevet_core::decide::{Decision, Fixed, Launch, Policies, Standing};
use brevet_core::digest::Digest;
use brevet_core::document::PolicyDocument;
use brevet_core::time::Timestamp;
use brevet_core::user::{Member, User};

const KINDS: [&str; 8] = ["mixed", "hash", "file", "product", "vendor", "executable", "folder", "list"];

fn rule(kind: &str, n: usize) -> String {
    match kind {
        "hash" => format!("{{ hash = \"{}\" }}", Digest::of(&n.to_le_bytes())),
        "file" => format!("{{ file = \"/usr/bin/tool-{n}\", arguments = [\"restart\", {{ glob = \"web-*\" }}] }}"),
        "product" => format!("{{ product = \"package-{n}\", min_version = \"1.0\" }}"),
        "vendor" => format!("{{ vendor = \"Vendor {n}\" }}"),
        "executable" => format!("{{ executable = \"run-{n}\", product = \"package-{n}\", unchanged = true }}"),
        "folder" => format!("{{ folder = \"/opt/tools-{n}\", subfolders = true }}"),
        "list" => "{ list = \"Package tools\" }".to_owned(),
        _ => rule(KINDS[1 + n % 7], n),
    }
}

fn document(kind: &str, n: usize) -> Arc<PolicyDocument> {
    let mode = ["automatic", "justify", "request", "deny"][n % 4];
    let users = match n % 5 {
        0 => "\"all\"".to_owned(),
        1 => format!("[\"user-{}\", \"alice\"]", n % 97),
        2 => format!("[\"os-group:team-{}\"]", n % 50),
        3 => "[\"group:operators\"]".to_owned(),
        _ => format!("[\"user-{}\"]", n % 997),
    };
    let applications = rule(kind, n);
    let text = format!(
        "name = 'policy {n}'\nmessage = 'ask the operators'\ncomputers = ['group:web']\nusers = {users}\nmode = '{mode}'\n\
         applications = [{applications}]"
    );
    let mut document = sample::document(i64::try_from(n).unwrap(), sample::policy(&text));
    if applications.contains("list") {
        let list = (0..3).map(|n| toml::from_str(&format!("product = 'listed-{n}'")).unwrap()).collect();
        document.lists.insert("Package tools".into(), list);
    }
    if users.contains("group:operators") {
        document.user_groups.insert("operators".into(), vec!["alice".into(), "bob".into(), "carol".into()]);
    }
    Arc::new(document)
}

/// A launch that the set's policy `n` is for, and, where `other`, an application that no policy knows.
fn launch(kind: &str, n: usize, other: bool) -> Launch {
    let kind = if kind == "mixed" { KINDS[1 + n % 7] } else { kind };
    let path = match kind {
        "file" => format!("/usr/bin/tool-{n}"),
        "executable" => format!("/usr/lib/vendor/bin/run-{n}"),
        "folder" => format!("/opt/tools-{n}/bin/sub/tool"),
        _ => format!("/usr/bin/program-{n}"),
    };
    let mut facts = sample::facts(if other { "/usr/sbin/unknown" } else { &path });
    if !other {
        let name = if kind == "list" { "listed-1".to_owned() } else { format!("package-{n}") };
        let vendor = Some(format!("Vendor {n}"));
        facts.package = Fact::Known(Some(Package { name, version: "2.0-1".into(), vendor, unchanged: Fact::Known(true) }));
        if kind == "hash" {
            facts.sha256 = Digest::of(&n.to_le_bytes());
        }
    }
    let groups = (0..12).map(|group| format!("team-{}", group * 4)).collect();
    Launch {
        member: Member { user: User { uid: 1000, name: "alice".into() }, groups: Fact::Known(groups) },
        facts,
        arguments: sample::texts(&["restart", "web-1"]),
        directory: "/home/alice".into(),
        target_user: None,
    }
}

const STANDING: Standing =
    Standing { wall: Timestamp::from_millis(1_780_315_200_000), heartbeat_age_millis: Some(0), unreadable_deny: false };

/// Resident memory in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Percentiles over single decisions, in nanoseconds, and how many of them allowed or let ask.
fn measure(set: &Policies, launches: &[Launch]) -> (u128, u128, usize) {
    let decide = |launch: &Launch| set.decide(|_| Fixed::NotStarted, &[], black_box(launch), &STANDING);
    let allowed = launches.iter().filter(|launch| !matches!(decide(launch), Decision::Refuse(_))).count();
    let mut taken: Vec<u128> = (0..40)
        .flat_map(|_| launches)
        .map(|launch| {
            let begun = Instant::now();
            let decision = black_box(decide(launch));
            let taken = begun.elapsed().as_nanos();
            drop(decision);
            taken
        })
        .collect();
    taken.sort_unstable();
    (taken[taken.len() / 2], taken[taken.len() * 99 / 100], allowed)
}

fn main() {
    println!("| rules | policies | p50 µs | p99 µs | p50 refused µs | p99 refused µs | allowed of 200 | set MB | compile ms |");
    println!("|---|---|---|---|---|---|---|---|---|");
    // The largest first, so that what earlier sets left behind hides nothing of its size.
    for kind in KINDS {
        for many in [10_000usize, 1_000, 10] {
            let before = resident();
            let documents: Vec<_> = (0..many).map(|n| document(kind, n)).collect();
            let begun = Instant::now();
            let set = Policies::compile(documents);
            let compiled = begun.elapsed().as_millis();
            let room = resident().saturating_sub(before);
            let launches = |other| -> Vec<Launch> { (0..200).map(|n| launch(kind, n * many.div_ceil(200) % many, other)).collect() };
            let (p50, p99, allowed) = measure(&set, &launches(false));
            let (refused50, refused99, _) = measure(&set, &launches(true));
            let micros = |nanos: u128| format!("{}.{:02}", nanos / 1000, nanos % 1000 / 10);
            println!(
                "| {kind} | {many} | {} | {} | {} | {} | {allowed} | {}.{} | {compiled} |",
                micros(p50),
                micros(p99),
                micros(refused50),
                micros(refused99),
                room / 1024,
                room % 1024 * 10 / 1024
            );
        }
    }
}
