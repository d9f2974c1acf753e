//! The product in five minutes, step by step on real processes; each step is believed only by its effect.

mod story;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use brevet_e2e::{Installation, Options, OsUser, Terminal, processes, program, wait};

use crate::stop::Stop;

const PASSWORD: &str = "demo";

/// The stage: an installation, a user, and programs that may be run as root there.
pub(crate) struct Demo {
    pub installation: Installation,
    pub user: OsUser,
    step: u32,
}

/// Runs the story; stays until Ctrl-C unless `once`. Undoes everything in each case.
pub fn run(programs: PathBuf, once: bool) -> Result<()> {
    let stop = Stop::listen()?;
    ensure!(processes::uid(std::process::id()) == Some(0), "the demo makes a user and gives out root: run it as root");
    let outcome = tell(programs, once, &stop);
    if stop.asked() {
        println!("\nEnded: nothing is left but Debian packages and build output.");
        return if once { outcome } else { Ok(()) };
    }
    outcome
}

fn tell(programs: PathBuf, once: bool, stop: &Stop) -> Result<()> {
    println!("Brevet: administrator rights for one application, for a reason, for a limited time.\n");
    let installation =
        Installation::start(Options { programs, directory: None, heartbeat_seconds: None }, &mut |step| println!("· {step}"))?;
    let name = format!("demo-{}", installation.tag);
    println!("· making the user {name}, who has no administrator rights (password: {PASSWORD})");
    let user = OsUser::person(&installation.record, &name, &installation.state.join("homes"), PASSWORD)?;
    let mut demo = Demo { installation, user, step: 0 };
    demo.story()?;
    if once {
        demo.installation.finish()?;
        println!("\nEvery step was checked by its effect. Nothing is left but Debian packages and build output.");
        return Ok(());
    }
    demo.how_to_go_on();
    stop.wait();
    println!("\nending…");
    demo.installation.finish()
}

impl Demo {
    /// Announces a step.
    pub(crate) fn chapter(&mut self, title: &str) {
        self.step += 1;
        println!("\n{}. {title}\n", self.step);
    }

    /// Shows what a check found.
    pub(crate) fn checked(&self, what: &str) {
        println!("   ✓ {what}");
    }

    /// Runs `brevetctl` as the owner, showing command and output.
    pub(crate) fn admin(&self, arguments: &[&str]) -> Result<String> {
        println!("   admin# brevetctl {}", shown(arguments));
        let output = self.installation.ctl(arguments)?;
        print_indented(&output.stdout);
        print_indented(&output.stderr);
        Ok(output.ok()?.stdout)
    }

    /// Applies policies, showing them.
    pub(crate) fn apply(&self, toml: &str) -> Result<()> {
        println!("   admin# cat demo.toml");
        print_indented(toml.trim());
        let file = self.installation.state.join("demo.toml");
        std::fs::write(&file, toml)?;
        println!("   admin# brevetctl apply -f demo.toml");
        let output = self.installation.ctl(&["apply", "-f", &file.to_string_lossy()])?;
        print_indented(&output.stdout);
        output.ok().map(|_| ())
    }

    /// Runs `brevet` as the user without a terminal, showing command and output.
    pub(crate) fn user_runs(&self, arguments: &[&str]) -> Result<program::Output> {
        println!("   {}$ brevet {}", self.user.name, shown(arguments));
        let output = self.installation.run_as(&self.user, arguments)?;
        print_indented(&output.stdout);
        print_indented(&output.stderr);
        println!("   (exit status {})", output.code());
        Ok(output)
    }

    /// Starts `brevet` as the user on a real terminal, showing the command.
    pub(crate) fn user_types(&self, arguments: &[&str]) -> Result<Terminal> {
        println!("   {}$ brevet {}      (on a terminal)", self.user.name, shown(arguments));
        let command_line = format!("{} {}", self.installation.bin.join("brevet").display(), shown(arguments));
        Terminal::start(&self.user, &[("BREVET_SOCKET", &self.installation.socket.to_string_lossy())], &command_line)
    }

    /// Shows what a terminal showed.
    pub(crate) fn screen(&self, terminal: &Terminal) {
        let text = terminal.shown().replace('\r', "\n");
        let mut last = "";
        for line in text.lines().map(str::trim_end).filter(|l| !l.is_empty()) {
            // WHY: the line with the elapsed time is rewritten each second; one of them is enough.
            let same = line.get(..12).is_some_and(|start| last.starts_with(start));
            if !same {
                println!("   │ {}", line.replace('\u{1b}', "␛"));
            }
            last = line;
        }
    }

    /// A program that the user can run only with rights: says as whom it runs and leaves a tree of processes behind.
    /// The number is an argument by which those processes are found from outside.
    pub(crate) fn long_task(&self, name: &str, number: u64) -> Result<PathBuf> {
        let text = format!(
            "#!/bin/sh\necho \"$0 runs as uid $(id -u)\"\nsetsid sleep {number} &\n(sleep {number} & sleep {number}) &\nexec sleep {number}\n"
        );
        self.installation.tool(name, &text)
    }

    /// Waits until a tree of `long_task` runs, and checks that all of it is root's.
    pub(crate) fn tree_runs_as_root(&self, number: u64) -> Result<usize> {
        let number = number.to_string();
        let pids = wait::until("the process tree", Duration::from_secs(10), || {
            Ok(Some(processes::with_argument(&number)).filter(|p| p.len() >= 4))
        })?;
        ensure!(pids.iter().all(|pid| processes::uid(*pid) == Some(0)), "the tree does not run as root");
        Ok(pids.len())
    }

    /// Waits until nothing of a tree is left.
    pub(crate) fn tree_is_gone(&self, number: u64, limit: Duration) -> Result<()> {
        let number = number.to_string();
        wait::until("the process tree to be gone", limit, || Ok(processes::with_argument(&number).is_empty().then_some(())))
    }

    /// The newest pending request.
    pub(crate) fn pending_request(&self) -> Result<String> {
        wait::until("the request to reach the server", Duration::from_secs(10), || {
            let page = self.installation.ctl(&["--json", "request", "list", "--state", "pending"])?.json()?;
            Ok(page["items"][0]["id"].as_str().map(str::to_owned))
        })
    }

    fn how_to_go_on(&self) {
        let i = &self.installation;
        println!("\nGo on by hand. In another terminal, as root:\n");
        println!("   export BREVET_SERVER={} BREVET_CA={} BREVET_TOKEN={}", i.url, i.ca.display(), i.token);
        println!("   export PATH={}:$PATH", i.bin.display());
        println!("   brevetctl request list        brevetctl event list        brevetctl policy list");
        println!("\nand as the user:\n");
        println!("   su - {}", self.user.name);
        println!("   export BREVET_SOCKET={} PATH={}:$PATH", i.socket.display(), i.bin.display());
        println!("   brevet list        brevet run -- {}", i.tools.join("report").display());
        println!("\nConsole: {}\nSign in once with: {}\n", i.url, i.sign_in);
        println!("Ctrl-C ends everything and cleans up.");
    }
}

fn shown(arguments: &[&str]) -> String {
    let quote = |a: &&str| {
        if a.chars().all(|c| c.is_ascii_alphanumeric() || "-_=+./:,@%".contains(c)) { (*a).to_owned() } else { format!("'{a}'") }
    };
    arguments.iter().map(quote).collect::<Vec<_>>().join(" ")
}

fn print_indented(text: &str) {
    for line in text.lines() {
        println!("   │ {line}");
    }
}

/// A number that no other command line on this machine has.
pub(crate) fn unusual_number(offset: u64) -> Result<u64> {
    let seed = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    let digits: String = seed.chars().filter(char::is_ascii_digit).take(7).collect();
    Ok(100_000_000 + digits.parse::<u64>().context("a number")? * 10 + offset)
}
