//! The table: rows with their peer, target and whether it is met.

use std::fmt::Write as _;

use anyhow::Result;

use super::figures::Figures;

/// What a row is judged by.
pub enum Target {
    /// The ratio to the peer is at most this.
    Ratio(f64),
    /// Below the peer.
    Below,
    /// The p50 is below this.
    P50(f64),
    /// The p95 is below this.
    P95(f64),
    /// The p99 is below this.
    P99(f64),
    /// Both.
    Both(f64, f64),
    /// The p95 and the kilobytes over the wire are below these.
    Page(f64, f64),
}

/// One thing measured.
pub struct Row {
    /// What.
    pub what: String,
    /// Ours.
    pub ours: Figures,
    /// How often in a second, where it was done as often as it could be.
    pub rate: Option<f64>,
    /// Kilobytes of a page itself, and with everything that a browser loads for it the first time.
    pub kilobytes: Option<(f64, f64)>,
    /// The peer's name and figures, from the same run.
    pub peer: Option<(String, Figures)>,
    /// Ours by the peer's, where pairs say it better than the medians.
    pub ratio: Option<f64>,
    /// From the issue.
    pub target: Option<Target>,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        self.ratio.or_else(|| self.peer.as_ref().map(|(_, peer)| self.ours.p50 / peer.p50))
    }

    fn judged(&self) -> (String, &'static str) {
        let ratio = self.ratio().unwrap_or(f64::NAN);
        let (text, met) = match self.target {
            None => return (String::new(), ""),
            Some(Target::Ratio(most)) => (format!("ratio ≤ {most:.2}"), ratio <= most),
            Some(Target::Below) => ("ratio < 1".into(), ratio < 1.0),
            Some(Target::P50(most)) => (format!("p50 < {most}"), self.ours.p50 < most),
            Some(Target::P95(most)) => (format!("p95 < {most}"), self.ours.p95 < most),
            Some(Target::P99(most)) => (format!("p99 < {most}"), self.ours.p99 < most),
            Some(Target::Both(p50, p99)) => (format!("p50 < {p50}, p99 < {p99}"), self.ours.p50 < p50 && self.ours.p99 < p99),
            Some(Target::Page(p95, most)) => {
                let first_time = self.kilobytes.map_or(f64::NAN, |(_, with_all)| with_all);
                (format!("p95 < {p95}, {most} kB"), self.ours.p95 < p95 && first_time < most)
            }
        };
        (text, if met { "yes" } else { "**no**" })
    }
}

/// Rows of one kind.
pub struct Part {
    /// A heading.
    pub title: String,
    /// What was measured, how, and in which unit.
    pub how: String,
    /// In order.
    pub rows: Vec<Row>,
}

/// Everything, as it will be shown.
pub struct Report {
    text: String,
    notes: Vec<String>,
}

impl Report {
    /// With what the figures were made on.
    pub fn new(machine: String) -> Self {
        let text = format!(
            "# Benchmarks\n\nMade by `make bench`; do not edit. Figures drift with the machine: a ratio to the peer in the same run says more than a time.\n\n{machine}\n"
        );
        Self { text, notes: Vec::new() }
    }

    /// Adds a part, or why there is none.
    pub fn part(&mut self, part: Result<Vec<Part>>) {
        match part {
            Ok(parts) => {
                for part in &parts {
                    let text = table(part);
                    // A run is long: what is known is shown at once.
                    eprintln!("{text}");
                    self.text.push_str(&text);
                }
            }
            Err(error) => {
                let note = bounded(&format!("not measured: {error:#}"));
                eprintln!("· {note}");
                self.notes.push(note);
            }
        }
    }

    /// Adds what a reader must know.
    pub fn notes(&mut self, notes: impl IntoIterator<Item = String>) {
        self.notes.extend(notes);
    }

    /// All of it.
    pub fn markdown(&self) -> String {
        let mut text = self.text.clone();
        if !self.notes.is_empty() {
            text.push_str("\n## What is missing\n\n");
            self.notes.iter().for_each(|note| text.push_str(&format!("- {}\n", note.replace('\n', " "))));
        }
        text
    }
}

/// The beginning and the end of a text that may be all that a program said: why it failed stands last.
fn bounded(text: &str) -> String {
    const EACH: usize = 600;
    let count = text.chars().count();
    if count <= 2 * EACH {
        return text.to_owned();
    }
    let beginning: String = text.chars().take(EACH).collect();
    let end: String = text.chars().skip(count - EACH).collect();
    format!("{beginning} … ({} characters left out) … {end}", count - 2 * EACH)
}

fn number(value: f64) -> String {
    match value {
        v if v.is_nan() => "–".into(),
        v if v.abs() >= 1000.0 => format!("{v:.0}"),
        v if v.abs() >= 100.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

fn table(part: &Part) -> String {
    let lines = if part.rows.iter().any(|row| row.kilobytes.is_some()) {
        of_pages(part)
    } else if part.rows.iter().any(|row| row.rate.is_some()) {
        in_a_second(part)
    } else {
        beside_peers(part)
    };
    let columns = lines.first().map_or(0, Vec::len);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = format!("\n## {}\n\n{}\n\n", part.title, part.how);
    for (index, line) in lines.iter().enumerate() {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
        if index == 0 {
            let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
            let _ = writeln!(text, "| {} |", rule.join(" | "));
        }
    }
    text
}

fn beside_peers(part: &Part) -> Vec<Vec<String>> {
    let header = ["measured", "n", "p50", "p99", "peer", "its p50", "its p99", "ratio", "target", "met"].map(str::to_owned);
    let mut lines = vec![header.to_vec()];
    for row in &part.rows {
        let (target, met) = row.judged();
        let (name, p50, p99) = row.peer.as_ref().map_or((String::new(), String::new(), String::new()), |(name, figures)| {
            (name.clone(), number(figures.p50), number(figures.p99))
        });
        let ratio = row.ratio().map(|r| format!("{r:.3}")).unwrap_or_default();
        let ours = [row.what.clone(), row.ours.n.to_string(), number(row.ours.p50), number(row.ours.p99)];
        lines.push(ours.into_iter().chain([name, p50, p99, ratio, target, met.to_owned()]).collect());
    }
    lines
}

fn in_a_second(part: &Part) -> Vec<Vec<String>> {
    let mut lines = vec![["measured", "n", "a second", "p50", "p95", "p99", "target", "met"].map(str::to_owned).to_vec()];
    for row in &part.rows {
        let (target, met) = row.judged();
        let rate = number(row.rate.unwrap_or(f64::NAN));
        let ours = [number(row.ours.p50), number(row.ours.p95), number(row.ours.p99)];
        lines.push([row.what.clone(), row.ours.n.to_string(), rate].into_iter().chain(ours).chain([target, met.to_owned()]).collect());
    }
    lines
}

fn of_pages(part: &Part) -> Vec<Vec<String>> {
    let mut lines = vec![["measured", "n", "p50", "p95", "p99", "kB", "kB, first time", "target", "met"].map(str::to_owned).to_vec()];
    for row in &part.rows {
        let (target, met) = row.judged();
        let (alone, with_all) = row.kilobytes.unwrap_or((f64::NAN, f64::NAN));
        let ours = [row.ours.p50, row.ours.p95, row.ours.p99, alone, with_all].map(number);
        lines.push([row.what.clone(), row.ours.n.to_string()].into_iter().chain(ours).chain([target, met.to_owned()]).collect());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_half_a_megabyte_is_shown_by_its_beginning_and_its_end() {
        let long = format!("first {}last words", "é".repeat(500_000));
        let short = bounded(&long);
        assert!(short.chars().count() < 1_300 && short.starts_with("first ") && short.ends_with("last words"));
        assert_eq!(bounded("short"), "short");
    }
}
