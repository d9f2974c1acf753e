//! One decision over growing sets, beside two engines of the field.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use brevet_e2e::program;
use serde::Deserialize;

use super::figures::Figures;
use super::report::{Part, Row, Target};

const SIZES: [usize; 4] = [10, 100, 1_000, 10_000];
const PEERS: [&str; 2] = ["cedar-policy", "regorus"];

#[derive(Deserialize)]
struct Measured {
    samples: usize,
    p50: f64,
    p99: f64,
    kinds: Vec<(String, f64)>,
    memory: f64,
}

impl Measured {
    fn time(&self) -> Figures {
        Figures { n: self.samples, p50: self.p50, p95: f64::NAN, p99: self.p99 }
    }

    /// In megabytes.
    fn memory(&self) -> Figures {
        Figures { n: 1, p50: self.memory / 1e6, p95: f64::NAN, p99: self.memory / 1e6 }
    }
}

pub fn measure(natives: &Path) -> Result<Vec<Part>> {
    let (mut times, mut sizes, mut kinds) = (Vec::new(), Vec::new(), Vec::new());
    for policies in SIZES {
        let ours = engine(natives, "brevet", policies)?;
        let largest = policies == 10_000;
        for peer in PEERS {
            let theirs = engine(natives, peer, policies)?;
            let row = |ours, theirs, target| Row {
                what: format!("{policies} policies"),
                ours,
                rate: None,
                kilobytes: None,
                peer: Some((peer.into(), theirs)),
                ratio: None,
                target,
            };
            times.push(row(ours.time(), theirs.time(), largest.then_some(Target::Both(5.0, 50.0))));
            sizes.push(row(ours.memory(), theirs.memory(), largest.then_some(Target::P50(20.0))));
        }
        let of_kind = |(kind, p50): &(String, f64)| Row {
            what: format!("{policies} policies, matched by {kind}"),
            ours: Figures { n: ours.samples / ours.kinds.len(), p50: *p50, p95: f64::NAN, p99: f64::NAN },
            rate: None,
            kilobytes: None,
            peer: None,
            ratio: None,
            target: None,
        };
        if largest || policies == 100 {
            kinds.extend(ours.kinds.iter().map(of_kind));
        }
    }
    let how = "µs for one decision; five kinds of rule (hash, file, product, vendor, folder) mixed, one policy in ten a deny, one in ten for everybody; launches matched by each kind and by none, spread over the set. The peers are only asked for yes or no and which; all three give the same answers.";
    Ok(vec![
        Part { title: "Decision".into(), how: how.into(), rows: times },
        Part { title: "Decision, by kind of rule that matches".into(), how: "µs, as above.".into(), rows: kinds },
        Part { title: "Memory of the set".into(), how: "MB kept by the allocator after loading.".into(), rows: sizes },
    ])
}

fn engine(natives: &Path, name: &str, policies: usize) -> Result<Measured> {
    let mut command = Command::new(natives.join("brevet-bench"));
    let output = program::run(command.args([name, &policies.to_string()]), Duration::from_secs(600))?;
    serde_json::from_value(output.json().with_context(|| format!("{name} with {policies} policies"))?).context("brevet-bench")
}
