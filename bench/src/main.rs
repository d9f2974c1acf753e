//! One engine deciding over one set of policies, in a process of its own so that memory is its own too: JSON on standard output.
//!
//! `brevet-bench ENGINE POLICIES`, where the engine is `brevet`, `cedar-policy` or `regorus`.

mod cedar;
mod ours;
mod rego;
mod set;

use std::alloc::System;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use cap::Cap;
use serde::Serialize;

use set::Case;

#[global_allocator]
static ALLOCATED: Cap<System> = Cap::new(System, usize::MAX);

/// Every engine answers every case at least so often, all cases together at least `LEAST` times.
const LEAST: usize = 200;
/// A fast engine answers for so long, at most `MOST` times.
const LONG: Duration = Duration::from_millis(1500);
const MOST: usize = 60_000;

/// An engine with the set loaded.
trait Engine {
    /// Whether the answer to a case is what the set says, asked outside of what is timed.
    fn answer(&mut self, case: usize) -> Result<set::Answer>;
    /// Decides, and throws the answer away.
    fn decide(&mut self, case: usize);
}

#[derive(Serialize)]
struct Measured {
    engine: String,
    policies: usize,
    samples: usize,
    /// Microseconds.
    p50: f64,
    p99: f64,
    /// The p50 of each kind of case, in microseconds.
    kinds: Vec<(String, f64)>,
    /// Bytes that the loaded set keeps.
    memory: usize,
    /// Milliseconds to load it.
    load: f64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, policies] = arguments.as_slice() else { bail!("brevet-bench ENGINE POLICIES") };
    let count: usize = policies.parse().context("POLICIES")?;
    let set = set::policies(count)?;
    let cases = set::cases(count)?;
    let before = ALLOCATED.allocated();
    let start = Instant::now();
    let mut engine: Box<dyn Engine> = match name.as_str() {
        "brevet" => Box::new(ours::Ours::load(&set, &cases)),
        "cedar-policy" => Box::new(cedar::Cedar::load(&set, &cases)?),
        "regorus" => Box::new(rego::Rego::load(&set, &cases)?),
        other => bail!("no engine {other}"),
    };
    let load = start.elapsed().as_secs_f64() * 1e3;
    let memory = ALLOCATED.allocated().saturating_sub(before);
    for (index, case) in cases.iter().enumerate() {
        let answer = engine.answer(index)?;
        ensure!(answer == case.answer, "{name} answers {} with {answer:?}, not {:?}", case.kind, case.answer);
    }
    let samples = time(engine.as_mut(), cases.len());
    let measured = Measured {
        engine: name.clone(),
        policies: count,
        samples: samples.iter().map(Vec::len).sum(),
        p50: quantile(samples.concat(), 0.50),
        p99: quantile(samples.concat(), 0.99),
        kinds: by_kind(&cases, &samples),
        memory,
        load,
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// Samples of each case, the cases taking turns.
fn time(engine: &mut dyn Engine, cases: usize) -> Vec<Vec<f64>> {
    let mut samples = vec![Vec::new(); cases];
    let start = Instant::now();
    let rounds = |n: usize| n.div_ceil(cases);
    for round in 0..rounds(MOST) {
        if round >= rounds(LEAST) && start.elapsed() > LONG {
            break;
        }
        for (case, own) in samples.iter_mut().enumerate() {
            let before = Instant::now();
            engine.decide(case);
            own.push(before.elapsed().as_secs_f64() * 1e6);
        }
    }
    samples
}

fn by_kind(cases: &[Case], samples: &[Vec<f64>]) -> Vec<(String, f64)> {
    let mut kinds: Vec<&str> = cases.iter().map(|c| c.kind).collect();
    kinds.dedup();
    let of = |kind: &str| -> Vec<f64> { cases.iter().zip(samples).filter(|(c, _)| c.kind == kind).flat_map(|(_, s)| s.clone()).collect() };
    kinds.into_iter().map(|kind| (kind.to_owned(), quantile(of(kind), 0.50))).collect()
}

fn quantile(mut samples: Vec<f64>, share: f64) -> f64 {
    samples.sort_by(f64::total_cmp);
    let index = (samples.len() as f64 * share).ceil() as usize;
    samples.get(index.saturating_sub(1)).copied().unwrap_or(f64::NAN)
}
