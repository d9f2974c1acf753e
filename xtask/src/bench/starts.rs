//! Whole processes: `brevet run -- /bin/true` beside what people use today, in interleaved rounds by a native starter.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use brevet_e2e::program;
use serde::Deserialize;
use serde_json::json;

use super::Stage;
use super::figures::{Figures, paired_ratio};
use super::peers::Configured;
use super::report::{Part, Row, Target};

/// As a person starts them.
const REST_MILLIS: u64 = 50;
const OURS: &str = "brevet run";
const ALONE: &str = "brevet run, pid_namespace";
/// Only starts and ends.
const CLIENT: &str = "brevet --version";

#[derive(Deserialize)]
struct Samples {
    name: String,
    micros: Vec<f64>,
}

/// With the ten policies.
pub fn measure(stage: &Stage, peers: &Configured) -> Result<Vec<Part>> {
    let spaced = rounds(stage, peers, REST_MILLIS)?;
    let tight = rounds(stage, peers, 0)?;
    let looped = loops(stage, peers)?;
    Ok(vec![
        part("Elevation, spaced", format!("{REST_MILLIS} ms of rest before each start."), &spaced, PROMISED)?,
        part("Elevation, back to back", "No rest, in an order that changes with each round.".into(), &tight, PROMISED)?,
        part(
            "Elevation, in a loop",
            "No rest, and nothing but itself before and after it, as a script would start it: what each makes and clears away beside the launch, and the server with the records of all of them, wants its share of the same processors.".into(),
            &looped,
            Judged::Below,
        )?,
    ])
}

/// With ten thousand.
pub fn measure_many(stage: &Stage, peers: &Configured) -> Result<Vec<Part>> {
    let spaced = rounds(stage, peers, REST_MILLIS)?;
    let tight = rounds(stage, peers, 0)?;
    Ok(vec![
        part(
            "Elevation with 10,000 policies, spaced",
            format!("{REST_MILLIS} ms of rest before each start. The target is that with ten policies and 10 %."),
            &spaced,
            PROMISED_WITH_MANY,
        )?,
        part("Elevation with 10,000 policies, back to back", "No rest.".into(), &tight, PROMISED_WITH_MANY)?,
    ])
}

fn rounds(stage: &Stage, peers: &Configured, rest_millis: u64) -> Result<Vec<Samples>> {
    start(stage, &contenders(stage, peers), rest_millis)
}

/// Each alone.
fn loops(stage: &Stage, peers: &Configured) -> Result<Vec<Samples>> {
    let mut samples = Vec::new();
    for contender in contenders(stage, peers) {
        samples.extend(start(stage, &[contender], 0)?);
    }
    Ok(samples)
}

fn contenders(stage: &Stage, peers: &Configured) -> Vec<(String, Vec<String>)> {
    let brevet = stage.brevet.bin.join("brevet").to_string_lossy().into_owned();
    let run = |program: &str| [brevet.as_str(), "run", "--", program].iter().map(|a| (*a).to_owned()).collect();
    // The same program by another name, for another policy: with an argument it would have more to do than where it is compared with.
    let copy = stage.brevet.tools.join("true").to_string_lossy().into_owned();
    let version = vec![brevet.clone(), "--version".into()];
    let ours: [(&str, Vec<String>); 4] =
        [("true", vec!["/bin/true".into()]), (OURS, run("/bin/true")), (ALONE, run(&copy)), (CLIENT, version)];
    ours.iter().chain(&peers.commands).map(|(name, command)| ((*name).to_owned(), command.clone())).collect()
}

fn start(stage: &Stage, contenders: &[(String, Vec<String>)], rest_millis: u64) -> Result<Vec<Samples>> {
    // Its place is another computer, where what it does with the records takes nothing from who starts programs.
    stage.brevet.stand_back("brevet-server", true)?;
    let samples = start_beside(stage, contenders, rest_millis);
    stage.brevet.stand_back("brevet-server", false)?;
    samples
}

fn start_beside(stage: &Stage, contenders: &[(String, Vec<String>)], rest_millis: u64) -> Result<Vec<Samples>> {
    let environment = json!([["PATH", "/usr/local/bin:/usr/bin:/bin"], ["LANG", "C.UTF-8"], ["BREVET_SOCKET", stage.brevet.socket]]);
    let contender = |(name, command): &(String, Vec<String>)| json!({ "name": name, "command": command, "environment": environment });
    let plan = json!({
        "contenders": contenders.iter().map(contender).collect::<Vec<_>>(),
        "rounds": stage.rounds,
        "warm_up": 5,
        "rest_millis": rest_millis,
    });
    let (reader, mut writer) = std::io::pipe()?;
    writer.write_all(plan.to_string().as_bytes())?;
    drop(writer);
    let starter: PathBuf = stage.brevet.tools.join("brevet-starter");
    let mut command: Command = stage.user.command(&starter);
    let output = program::run_with_input(command.stdin(reader), Duration::from_secs(1200))?;
    serde_json::from_value(output.json().context("brevet-starter")?).context("its samples")
}

/// What a part is to show.
#[derive(Clone, Copy)]
enum Judged {
    /// At most these shares of sudo's time, in the second place with a pid namespace, and less than every other peer's.
    ByRatio(f64, Option<f64>),
    /// Less than every peer's.
    Below,
}

const PROMISED: Judged = Judged::ByRatio(0.40, Some(0.45));
const PROMISED_WITH_MANY: Judged = Judged::ByRatio(0.44, None);

fn part(title: &str, how: String, samples: &[Samples], judged: Judged) -> Result<Part> {
    let of = |name: &str| samples.iter().find(|s| s.name == name);
    let figures = |s: &Samples| anyhow::Ok(Figures::of(s.micros.clone())?.thousandth());
    let (ours, alone) = (of(OURS).context("no samples of brevet")?, of(ALONE).context("no samples of brevet alone")?);
    let mut rows = Vec::new();
    for name in ["sudo", "doas", "sudo-rs", "true"] {
        let Some(peer) = of(name) else { continue };
        for mine in [ours, alone] {
            let below = (mine.name == OURS && name != "true").then_some(Target::Below);
            let target = match judged {
                Judged::ByRatio(most, _) if name == "sudo" && mine.name == OURS => Some(Target::Ratio(most)),
                Judged::ByRatio(_, most) if name == "sudo" => most.map(Target::Ratio),
                Judged::ByRatio(..) | Judged::Below => below,
            };
            let ratio = Some(paired_ratio(&mine.micros, &peer.micros)?);
            rows.push(Row {
                what: mine.name.clone(),
                ours: figures(mine)?,
                rate: None,
                kilobytes: None,
                peer: Some((name.into(), figures(peer)?)),
                ratio,
                target,
            });
        }
    }
    // What an elevation cannot be below: the client and the program each start once.
    if let (Some(client), Some(program), Some(sudo)) = (of(CLIENT), of("true"), of("sudo")) {
        let starts: Vec<f64> = client.micros.iter().zip(&program.micros).map(|(one, other)| one + other).collect();
        let ratio = Some(paired_ratio(&starts, &sudo.micros)?);
        let both = Figures::of(starts)?.thousandth();
        rows.push(Row {
            what: format!("{CLIENT} and true, summed"),
            ours: both,
            rate: None,
            kilobytes: None,
            peer: Some(("sudo".into(), figures(sudo)?)),
            ratio,
            target: None,
        });
    }
    let how = format!(
        "ms from before the start until it is reaped, of `/bin/true` as a plain user without password and without a terminal, journal record durable. The server, whose place is another computer, gives way to everybody else (`nice` 19). {how} The ratio is the median of the rounds' own ratios. The last row is what starting the client and the program costs without anything between them: no elevation by a command of its own is below it."
    );
    Ok(Part { title: title.into(), how, rows })
}
