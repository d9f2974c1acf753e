//! A `brevet-server` of the benchmark's own: set up in a folder that goes with it, filled beside the API, started, ended.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result};
use brevet_e2e::{program, wait};

const PSQL: &str = "/usr/lib/postgresql/15/bin/psql";

/// Its folder and process are ended when it is let go.
pub struct Alone {
    programs: PathBuf,
    /// Its data, log and whatever else is measured with.
    pub folder: PathBuf,
    /// Where it serves.
    pub url: String,
    /// The first owner's.
    pub token: String,
    /// The file with its authority's certificate.
    pub ca: String,
    /// The first owner's link to sign in by, once.
    pub sign_in: String,
    database: Option<String>,
    process: Option<Child>,
}

impl Alone {
    /// Sets it up, on the database that is named, else on SQLite.
    pub fn set_up(programs: &Path, name: &str, database: Option<&str>) -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("brevet-bench-{name}-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let url = format!("https://localhost:{port}");
        let [token, ca, sign_in] = [const { String::new() }; 3];
        let database = database.map(str::to_owned);
        let mut alone = Self { programs: programs.into(), folder, url, token, ca, sign_in, database, process: None };
        let made =
            program::run(alone.server("bootstrap").arg("--json"), Duration::from_secs(60))?.json().context("brevet-server bootstrap")?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("bootstrap gave no {name}"));
        (alone.token, alone.ca, alone.sign_in) = (text("token")?, text("ca")?, text("sign_in")?);
        Ok(alone)
    }

    fn server(&self, task: &str) -> Command {
        let mut command = Command::new(self.programs.join("brevet-server"));
        command.arg(task).args(["--url", &self.url, "--data"]).arg(self.folder.join("data"));
        if let Some(database) = &self.database {
            command.args(["--database", database]);
        }
        command
    }

    /// Has the database run SQL, while the server is stopped.
    pub fn fill(&self, sql: &str) -> Result<()> {
        let file = self.folder.join("fill.sql");
        fs::write(&file, sql)?;
        let mut command = match &self.database {
            Some(database) => {
                let mut psql = Command::new(PSQL);
                psql.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file"]).arg(&file).arg(database);
                psql
            }
            None => {
                let mut sqlite = Command::new("sqlite3");
                sqlite.arg("-bail").arg(self.folder.join("data/brevet.db")).arg(format!(".read {}", file.display()));
                sqlite
            }
        };
        program::run(&mut command, Duration::from_secs(600))?.ok().context("filling the database")?;
        Ok(fs::remove_file(file)?)
    }

    /// Starts it with a configuration, and waits until it answers.
    pub fn start(&mut self, config: &str) -> Result<()> {
        let file = self.folder.join("server.toml");
        fs::write(&file, config)?;
        let log = fs::File::options().create(true).append(true).open(self.folder.join("log"))?;
        let port = self.url.rsplit(':').next().context("a port")?;
        let mut serve = self.server("serve");
        serve.arg("--config").arg(file).args(["--listen", &format!("127.0.0.1:{port}")]);
        self.process = Some(serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?);
        wait::until("the server", Duration::from_secs(60), || Ok(self.ctl(&["event", "list", "--limit", "1"])?.ok().ok()))?;
        Ok(())
    }

    /// Stops it as an administrator does, so that its database is closed.
    pub fn stop(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else { return Ok(()) };
        program::system("kill", ["-TERM", &process.id().to_string()])?;
        let ended = wait::until("the server to stop", Duration::from_secs(60), || Ok(process.try_wait()?));
        if ended.is_err() {
            drop(process.kill());
            drop(process.wait());
        }
        ended.map(drop)
    }

    /// Runs `brevetctl` as the owner.
    pub fn ctl(&self, arguments: &[&str]) -> Result<program::Output> {
        let mut command = Command::new(self.programs.join("brevetctl"));
        command.args(arguments).env("BREVET_SERVER", &self.url).env("BREVET_TOKEN", &self.token).env("BREVET_CA", &self.ca);
        program::run(&mut command, Duration::from_secs(600))
    }

    /// Begins to watch for the most memory anew, once what its start took has been given back.
    pub fn forget_peak(&self) -> Result<()> {
        std::thread::sleep(Duration::from_secs(3));
        let process = self.process.as_ref().context("the server is stopped")?;
        // `CLEAR_REFS_MM_HIWATER_RSS` of proc_pid_clear_refs(5).
        fs::write(format!("/proc/{}/clear_refs", process.id()), "5").context("the peak of its memory")
    }

    /// The most memory that it had resident since that was forgotten, in megabytes.
    pub fn peak(&self) -> Result<f64> {
        let process = self.process.as_ref().context("the server is stopped")?;
        let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
        let kibibytes: f64 = line.split_whitespace().next().context("VmHWM")?.parse()?;
        Ok(kibibytes * 1024.0 / 1e6)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
        drop(fs::remove_dir_all(&self.folder));
    }
}
