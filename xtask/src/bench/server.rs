//! The calls that people and programs make most, on a server with ten thousand computers: how many in a second, and how long each takes.

mod load;
mod pages;
mod postgres;
mod seed;

use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use brevet_core::time::Timestamp;
use reqwest::Method;
use serde_json::json;

use super::alone::Alone;
use super::figures::Figures;
use super::report::{Part, Row, Target};
use super::say;
use load::{CONNECTIONS, Call, Load};
use seed::{COMPUTERS, EVENTS, OPEN, POLICIES, RIGHTS, Seed, computer_name, policy_name, user_name};

/// Calls come as fast as they are answered, and computers that only exist in the database are not to be found lost meanwhile.
const CONFIG: &str = "lost_after = \"24h\"\n[limits]\ntoken_calls_per_second = 0\naddress_calls_per_second = 0\ncall_timeout = \"10m\"\n";

/// What a list page takes at most, in milliseconds.
const PAGE: f64 = 20.0;

/// Parts, and why some of what belongs to them is not there.
pub type Measured = (Vec<Part>, Vec<anyhow::Error>);

/// On SQLite with the pages of the console, and on PostgreSQL where it is there.
pub fn measure(programs: &Path) -> Result<Measured> {
    let mut missing = Vec::new();
    let filled = Filled::new(programs, "SQLite", None)?;
    // Before the calls that change what is there.
    let pages = match pages::measure(&filled, &mut missing) {
        Ok(pages) => Some(pages),
        Err(error) => {
            missing.push(error.context("the pages of the console"));
            None
        }
    };
    let mut rows = filled.calls(&mut missing)?;
    drop(filled);
    match on_postgres(programs, &mut missing) {
        Ok(more) => rows.extend(more),
        Err(error) => missing.push(error.context("on PostgreSQL")),
    }
    let how = format!(
        "ms for one call, over {CONNECTIONS} connections (HTTP/1.1, TLS 1.3, kept open) from one thread on the same machine, each calling again \
         as soon as it was answered, for 5 s a row (longer where few are answered); pages of 50. The database holds {EVENTS} events, \
         {COMPUTERS} computers, {POLICIES} policies, and {RIGHTS} each of requests ({OPEN} pending), grants ({OPEN} active) and sessions. The server's rate limits are switched off \
         (`[limits]`, 0 calls a second). PostgreSQL is 15 as Debian delivers it, on the same machine, over a socket. References and filters \
         change with every call."
    );
    let calls = Part { title: "Calls of the server".into(), how, rows };
    Ok(([calls].into_iter().chain(pages).collect(), missing))
}

fn on_postgres(programs: &Path, missing: &mut Vec<anyhow::Error>) -> Result<Vec<Row>> {
    let cluster = postgres::Cluster::start()?;
    Filled::new(programs, "PostgreSQL", Some(&cluster.url()))?.calls(missing)
}

/// A server that serves everything that is measured on.
pub struct Filled {
    server: Alone,
    seed: Seed,
    database: &'static str,
    /// How many milliseconds the first documents of all computers took.
    first: f64,
}

impl Filled {
    fn new(programs: &Path, database: &'static str, url: Option<&str>) -> Result<Self> {
        let mut server = Alone::set_up(programs, "server", url)?;
        server.start(CONFIG)?;
        let applied = Load::new(&server)?.once(Method::POST, "/apply", Some(&seed::definitions()))?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let seed = Seed::new(&applied, Timestamp::from_millis(now.as_millis().try_into()?))?;
        server.stop()?;
        server.fill(&seed.computers()?)?;
        server.start(CONFIG)?;
        let first = first_documents(&Load::new(&server)?)?;
        server.stop()?;
        server.fill(&seed.happened()?)?;
        if url.is_some() {
            // Its autovacuum does so within minutes.
            server.fill("VACUUM ANALYZE;")?;
        }
        server.start(CONFIG)?;
        Ok(Self { server, seed, database, first })
    }

    /// A row for each call that can be measured.
    fn calls(&self, missing: &mut Vec<anyhow::Error>) -> Result<Vec<Row>> {
        let load = Load::new(&self.server)?;
        let database = self.database;
        let row = |what: String, ours, rate, target| Row { what, ours, rate: Some(rate), kilobytes: None, peer: None, ratio: None, target };
        let mut rows = Vec::new();
        for (call, target) in calls(&self.seed) {
            match load.run(&call).with_context(|| format!("{} on {database}", call.what)) {
                Ok((ours, rate)) => {
                    say(&format!("{database}: {}, p95 {:.1} ms", call.what, ours.p95));
                    rows.push(row(format!("{database}: {}", call.what), ours, rate, target));
                }
                Err(error) => missing.push(error),
            }
        }
        let once = Figures { n: 1, p50: self.first, p95: f64::NAN, p99: f64::NAN };
        rows.push(row(format!("{database}: a first manifest for {COMPUTERS} computers"), once, f64::NAN, None));
        Ok(rows)
    }
}

/// Has the server make every computer's first manifest, and says how many milliseconds that took.
fn first_documents(load: &Load) -> Result<f64> {
    let begun = Instant::now();
    load.once(Method::PUT, "/settings/autonomous", Some(&json!({ "value": "on" })))?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn calls(seed: &Seed) -> Vec<(Call, Option<Target>)> {
    let page = || Some(Target::P95(PAGE));
    let read = |what, path, references: Vec<String>| Call { what, method: Method::GET, path, references, body: None, again: true };
    let computers = || (0..COMPUTERS).step_by(37).map(computer_name).collect::<Vec<_>>();
    let policies = || (0..POLICIES).step_by(7).map(|n| policy_name(n).replace(' ', "%20")).collect::<Vec<_>>();
    let requests = |from: usize, to: usize| (from..to).map(|n| seed.request(n).to_string()).collect::<Vec<_>>();
    let three = (0..EVENTS).step_by(111).map(|n| {
        format!("computer={}&user={}&kind={}", computer_name(n % COMPUTERS), user_name(n / 7), ["request.*", "session.ended"][n % 2])
    });
    let changed = |n: usize| format!("Policy%20{n}");
    vec![
        (read("requests?state=pending", "/requests?state=pending", Vec::new()), page()),
        (read("requests/ID", "/requests/{}", requests(0, RIGHTS)), None),
        (read("grants?state=active", "/grants?state=active", Vec::new()), page()),
        (read("sessions", "/sessions", Vec::new()), page()),
        (read("events, newest", "/events", Vec::new()), page()),
        (read("events by computer, user and kind", "/events?{}", three.collect()), page()),
        (read("computers", "/computers", Vec::new()), page()),
        (read("computers/NAME", "/computers/{}", computers()), None),
        (read("policies", "/policies", Vec::new()), page()),
        (read("policies/NAME", "/policies/{}", policies()), None),
        (read("policies/NAME/computers", "/policies/{}/computers", policies()), page()),
        (
            Call {
                what: "requests/ID/approve",
                method: Method::POST,
                path: "/requests/{}/approve",
                references: requests(RIGHTS - OPEN, RIGHTS),
                body: Some(json!({ "comment": "as announced" })),
                again: false,
            },
            None,
        ),
        (
            Call {
                what: "policies/NAME/disable, 100 computers",
                method: Method::POST,
                path: "/policies/{}/disable",
                references: (0..POLICIES).map(changed).collect(),
                body: None,
                again: false,
            },
            None,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_calls_name_is_there() {
        let definitions = seed::definitions();
        let made: Vec<serde_json::Value> = (0..POLICIES)
            .map(|n| json!({ "kind": "policy", "id": brevet_core::id::PolicyId::new(n as i64, [0; 10]).to_string() }))
            .collect();
        let seed = Seed::new(&json!({ "changes": made }), Timestamp::from_millis(1_700_000_000_000)).unwrap();
        let sql = format!("{}{}", seed.computers().unwrap(), seed.happened().unwrap());
        for (call, _) in calls(&seed).into_iter().filter(|(call, _)| call.path.starts_with("/requests")) {
            // Looking for all of them in so long a text takes minutes.
            assert!(call.references.iter().take(5).all(|id| sql.contains(&format!("('{id}'"))), "{}", call.what);
        }
        assert_eq!(definitions["file"]["policy"].as_array().map(Vec::len), Some(POLICIES));
        assert_eq!(sql.matches("INSERT INTO computer ").count(), COMPUTERS / 200);
    }
}
