//! Starts whole processes and times each from before its start until it is reaped. Small, so that it does not drown the figure:
//! the standard library starts a process by `posix_spawn` (vfork), because nothing asks it for more.
//!
//! It reads a plan as JSON from standard input and answers with samples on standard output; what it starts has `/dev/null` thrice
//! unless the plan says otherwise. It must never report a run that failed as a time.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

/// What to start, how often.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    contenders: Vec<Contender>,
    rounds: usize,
    /// Rounds before that are not counted.
    warm_up: usize,
    /// Milliseconds of rest before each start; 0 is back to back.
    rest_millis: u64,
}

/// A command line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contender {
    name: String,
    command: Vec<String>,
    environment: Vec<(String, String)>,
}

/// Microseconds, in the order of the rounds.
#[derive(Serialize)]
struct Samples {
    name: String,
    micros: Vec<f64>,
}

fn main() -> Result<()> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let plan: Plan = serde_json::from_str(&text).context("the plan")?;
    let mut samples: Vec<Samples> = plan.contenders.iter().map(|c| Samples { name: c.name.clone(), micros: Vec::new() }).collect();
    let mut commands = plan.contenders.iter().map(command).collect::<Result<Vec<_>>>()?;
    let mut order: Vec<usize> = (0..commands.len()).collect();
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for round in 0..plan.warm_up + plan.rounds {
        // Each round has an order of its own, so that none always follows the same one and has what that one left behind.
        (1..order.len()).rev().for_each(|last| order.swap(last, chance.below(last + 1)));
        for index in order.clone() {
            std::thread::sleep(Duration::from_millis(plan.rest_millis));
            let micros = once(&mut commands[index]).with_context(|| plan.contenders[index].name.clone())?;
            if round >= plan.warm_up {
                samples[index].micros.push(micros);
            }
        }
    }
    println!("{}", serde_json::to_string(&samples)?);
    Ok(())
}

/// The same numbers in every run (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

fn command(contender: &Contender) -> Result<Command> {
    let (program, arguments) = contender.command.split_first().context("a contender without a command")?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(contender.environment.iter().cloned());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command)
}

fn once(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let status = command.status()?;
    let took = start.elapsed();
    ensure!(status.success(), "it ended with {status}: run it by hand to see why");
    Ok(took.as_secs_f64() * 1e6)
}
