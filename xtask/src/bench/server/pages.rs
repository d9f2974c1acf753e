//! The pages of the console, as a browser asks for them: how long the server takes, and how much goes over the wire.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use reqwest::{Client, header, redirect};

use super::seed::{POLICIES, RIGHTS, Seed, computer_name, policy_name};
use super::{Filled, load};
use crate::bench::alone::Alone;
use crate::bench::figures::Figures;
use crate::bench::report::{Part, Row, Target};

/// From the first byte of the question to the last of the answer, in milliseconds.
const LONGEST: f64 = 100.0;
/// What a browser loads that was never here, in kilobytes.
const LARGEST: f64 = 300.0;
/// Nothing is counted before so many were answered.
const AHEAD: usize = 5;
/// One page is asked for so often, or for so long.
const ROUNDS: usize = 200;
const AT_MOST: Duration = Duration::from_secs(5);

/// A browser that is signed in.
struct Browser {
    runtime: tokio::runtime::Runtime,
    client: Client,
    url: String,
    cookie: String,
    /// Files that pages name, with the bytes that each has over the wire.
    files: BTreeMap<String, usize>,
}

impl Browser {
    /// Signs in as the first owner.
    fn sign_in(server: &Alone) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = load::client(&server.ca)?.redirect(redirect::Policy::none()).build()?;
        let asked = client.post(&server.sign_in).header(header::ORIGIN, &server.url).build()?;
        let answer = runtime.block_on(async { client.execute(asked).await })?;
        ensure!(answer.status().is_redirection(), "signing in: {}", answer.status());
        let set = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok()?.split(';').next());
        let cookie = set.filter(|pair| !pair.ends_with('=')).collect::<Vec<_>>().join("; ");
        Ok(Self { runtime, client, url: server.url.clone(), cookie, files: BTreeMap::new() })
    }

    /// Asks for one, and gives the answer with how many bytes it had with its head, and how long it took.
    fn load(&self, path: &str) -> Result<(String, usize, Duration)> {
        let request = self.client.get(format!("{}{path}", self.url)).header(header::COOKIE, &self.cookie);
        let request = request.header(header::ACCEPT, "text/html").header(header::ACCEPT_ENCODING, "gzip, deflate, br, zstd").build()?;
        self.runtime.block_on(async {
            let begun = Instant::now();
            let answer = self.client.execute(request).await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let body = answer.bytes().await?;
            let took = begun.elapsed();
            ensure!(status.is_success(), "{path}: {status}");
            let head: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
            Ok((String::from_utf8_lossy(&body).into_owned(), head + body.len(), took))
        })
    }

    /// Bytes of everything that a page names to be loaded with it.
    fn with_files(&mut self, page: &str) -> Result<usize> {
        let mut bytes = 0;
        for file in files(page) {
            if !self.files.contains_key(file) {
                let (_, size, _) = self.load(file)?;
                self.files.insert(file.to_owned(), size);
            }
            bytes += self.files.get(file).copied().context("a file of a page")?;
        }
        Ok(bytes)
    }
}

/// Addresses of the files that a page names.
fn files(page: &str) -> impl Iterator<Item = &str> {
    page.split('"').filter(|text| text.starts_with("/assets/"))
}

/// A page, where it is, and what must stand on it: a page without it would be quick for nothing.
type Page = (&'static str, String, String);

/// Every list and overview, and one page of each kind of thing.
fn pages(seed: &Seed) -> Vec<Page> {
    let page = |name, path: &str, shows: &str| (name, path.to_owned(), shows.to_owned());
    let (computer, name) = (format!("/computers/{}", seed.computer(7)), computer_name(7));
    let of_policy = |more: &str| format!("/policies/{}{more}", seed.policy_id(POLICIES / 2));
    let policy = policy_name(POLICIES / 2);
    let by_computer = format!("/events?computer={name}&kind=session.*");
    vec![
        page("overview", "/", "systemctl restart web-"),
        page("requests", "/requests", "systemctl restart web-"),
        page("request", &format!("/requests/{}", seed.request(RIGHTS - 1)), "systemctl"),
        page("active access", "/access", "systemctl restart web-"),
        page("policies", "/policies", &policy_name(1)),
        page("policy", &of_policy(""), &policy),
        page("policy's computers", &of_policy("/computers"), &computer_name(POLICIES / 2)),
        page("policy's audit", &of_policy("/audit"), "asked for"),
        page("edit a policy", &of_policy("/edit"), &policy),
        page("applications", "/applications", "/opt/tools/tool-"),
        page("computers", "/computers", &computer_name(1)),
        page("computers by name", &format!("/computers?name={name}"), &name),
        page("computer", &computer, &name),
        page("computer groups", "/groups", "Group 1"),
        page("events report", "/events", "asked for"),
        page("events report by computer", &by_computer, "asked for"),
        page("events report by text", "/events?text=ticket+99", "ticket 99"),
        page("settings", "/settings", "Autonomous"),
        page("settings, autonomous approval", "/settings/autonomous", "Autonomous"),
        page("settings, people", "/settings/people", "owner"),
        page("settings, notifications", "/settings/notifications", "E-mail"),
    ]
}

/// Measures all of them.
pub fn measure(filled: &Filled, missing: &mut Vec<anyhow::Error>) -> Result<Part> {
    let mut browser = Browser::sign_in(&filled.server)?;
    let mut rows = Vec::new();
    for page in pages(&filled.seed) {
        match row(&mut browser, &page) {
            Ok(row) => rows.push(row),
            Err(error) => missing.push(error.context(format!("page {}", page.0))),
        }
    }
    let how = format!(
        "ms from asking for a page to its last byte, over one connection (TLS 1.3, kept open) on the same machine, one after another, \
         signed in as owner, on the server and SQLite database of the calls above; {AHEAD} go before and are not counted, then {ROUNDS} or \
         as many as {} s allow. Kilobytes are those over the wire with the answer's head, of the page alone, and with every style and \
         script that a browser loads which was never here.",
        AT_MOST.as_secs()
    );
    Ok(Part { title: "Pages of the console".into(), how, rows })
}

fn row(browser: &mut Browser, (name, path, shows): &Page) -> Result<Row> {
    let (mut samples, mut largest) = (Vec::new(), (String::new(), 0));
    let begun = Instant::now();
    while samples.len() < AHEAD + ROUNDS && (samples.len() < 2 * AHEAD || begun.elapsed() < AT_MOST) {
        let (page, bytes, took) = browser.load(path)?;
        ensure!(page.contains(shows), "{path} does not show {shows:?}");
        samples.push(took.as_secs_f64() * 1e3);
        if bytes > largest.1 {
            largest = (page, bytes);
        }
    }
    let ours = Figures::of(samples.split_off(AHEAD))?;
    let (page, bytes) = largest;
    let with_files = bytes + browser.with_files(&page)?;
    Ok(Row {
        what: (*name).to_owned(),
        ours,
        rate: None,
        kilobytes: Some((bytes as f64 / 1e3, with_files as f64 / 1e3)),
        peer: None,
        ratio: None,
        target: Some(Target::Page(LONGEST, LARGEST)),
    })
}

#[cfg(test)]
mod tests {
    use super::files;

    #[test]
    fn the_files_of_a_page_are_what_it_loads_and_not_what_it_leads_to() {
        let page = r#"<script src="/assets/1f/theme.js"></script><link rel="stylesheet" href="/assets/1f/a.css"><a href="/policies">"#;
        assert_eq!(files(page).collect::<Vec<_>>(), ["/assets/1f/theme.js", "/assets/1f/a.css"]);
    }
}
