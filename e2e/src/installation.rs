//! One server, one computer's agent, and the owner's token, with their state in a folder of their own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::keeper::Keeper;
use crate::program::{self, Output};
use crate::record::{Made, Record};
use crate::user::OsUser;
use crate::wait;

const PROGRAMS: [&str; 5] = ["brevet-server", "brevetd", "brevet-broker", "brevet", "brevetctl"];
const PAM_SERVICE: &str = "auth required pam_unix.so\naccount required pam_unix.so\nsession optional pam_permit.so\n";

/// How to set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder with the built programs.
    pub programs: PathBuf,
    /// State goes into `brevet/` in this folder, which is made where it is missing; into a folder of its own where absent.
    pub directory: Option<PathBuf>,
    /// Seconds between heartbeats of the server; 60 where absent.
    pub heartbeat_seconds: Option<u64>,
}

/// A running Brevet.
#[derive(Debug)]
pub struct Installation {
    /// What was made here.
    pub record: Record,
    /// Distinguishes this one's users, sockets and control group from others'.
    pub tag: String,
    /// The programs, in a folder that is root's alone.
    pub bin: PathBuf,
    /// Root-only folder for programs that tests and the demo elevate.
    pub tools: PathBuf,
    /// State of server and agent, homes.
    pub state: PathBuf,
    /// The user of `brevet-server`.
    pub server_user: OsUser,
    /// Its address.
    pub url: String,
    /// Its certificate.
    pub ca: PathBuf,
    /// The owner's API token.
    pub token: String,
    /// The one-time sign-in link.
    pub sign_in: String,
    /// The agent's configuration file.
    pub config: PathBuf,
    /// The broker's socket.
    pub socket: PathBuf,
    /// This computer's name on the server.
    pub computer: String,
    children: Vec<(String, Child)>,
    options: Options,
    keeper: Keeper,
}

fn random_tag() -> Result<String> {
    let mut bytes = [0u8; 3];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no randomness: {e}"))?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

fn folder(path: &Path, mode: u32) -> Result<()> {
    fs::create_dir_all(path).with_context(|| format!("making {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(())
}

impl Installation {
    /// Sets everything up, starts it and waits until the computer is enrolled and connected. `say` hears each step.
    ///
    /// # Errors
    /// When a step fails; what was made until then is undone.
    pub fn start(options: Options, say: &mut dyn FnMut(&str)) -> Result<Self> {
        let tag = random_tag()?;
        let state = match &options.directory {
            Some(directory) => {
                fs::create_dir_all(directory)?;
                directory.join("brevet")
            }
            None => PathBuf::from(format!("/var/lib/brevet-{tag}")),
        };
        let record_folder = Path::new("/run/brevet-made");
        let record = wait::until("a record", Duration::from_secs(2), || {
            // WHY: the end of another installation may remove the folder in between.
            folder(record_folder, 0o700)?;
            Ok(Record::create(&record_folder.join(&tag)).ok())
        })?;
        let keeper = Keeper::start(&record)?;
        let bin = PathBuf::from(format!("/usr/local/lib/brevet-{tag}/bin"));
        let tools = bin.with_file_name("tools");
        let runtime = PathBuf::from(format!("/run/brevet-{tag}"));
        ensure!(!state.exists(), "{} exists: another Brevet lives there, or did; end it with make down, or remove it", state.display());
        for path in [state.clone(), bin.with_file_name(""), runtime.clone(), PathBuf::from(format!("/etc/pam.d/brevet-{tag}"))] {
            record.will_make(Made::Path { path })?;
        }
        record.will_make(Made::Cgroup { name: format!("brevet-{tag}") })?;
        record.will_make(Made::ProcessesFrom { folder: bin.clone() })?;
        folder(&bin, 0o755)?;
        folder(&tools, 0o755)?;
        folder(&state, 0o755)?;
        folder(&state.join("homes"), 0o755)?;
        for name in PROGRAMS {
            fs::copy(options.programs.join(name), bin.join(name))
                .with_context(|| format!("{name} is not built in {}", options.programs.display()))?;
        }
        fs::write(format!("/etc/pam.d/brevet-{tag}"), PAM_SERVICE)?;
        say("making the service users");
        let server_user = OsUser::service(&record, &format!("bvs-{tag}"))?;
        OsUser::service(&record, &format!("bva-{tag}"))?;
        let config = state.join("agent.toml");
        let text = format!(
            "state_directory = \"{}\"\nruntime_directory = \"{}\"\nagent_user = \"bva-{tag}\"\npam_service = \"brevet-{tag}\"\ncgroup = \"brevet-{tag}\"\n",
            state.join("agent").display(),
            runtime.display()
        );
        fs::write(&config, text)?;
        let data = state.join("server");
        folder(&data, 0o700)?;
        chown(&data, Some(server_user.uid), Some(server_user.gid))?;
        let mut installation = Self {
            socket: runtime.join("broker.sock"),
            ca: state.join("ca.pem"),
            record,
            tag,
            bin,
            tools,
            state,
            server_user,
            url: String::new(),
            token: String::new(),
            sign_in: String::new(),
            config,
            computer: String::new(),
            children: Vec::new(),
            options,
            keeper,
        };
        installation.set_up(say)?;
        Ok(installation)
    }

    fn set_up(&mut self, say: &mut dyn FnMut(&str)) -> Result<()> {
        say("starting brevet-server (SQLite) and making the first owner");
        let port = free_port()?;
        self.url = format!("https://localhost:{port}");
        let mut bootstrap = self.server_command();
        bootstrap.args(["bootstrap", "--json", "--url", &self.url, "--data"]).arg(self.data());
        let made = program::run(&mut bootstrap, Duration::from_secs(60))?.json().context("brevet-server bootstrap")?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).with_context(|| format!("bootstrap gave no {name}"));
        self.token = text("token")?;
        self.sign_in = text("sign_in")?;
        fs::write(self.state.join("token"), &self.token)?;
        fs::set_permissions(self.state.join("token"), fs::Permissions::from_mode(0o600))?;
        self.start_server()?;
        fs::copy(text("ca")?, &self.ca)?;
        fs::set_permissions(&self.ca, fs::Permissions::from_mode(0o644))?;
        say("enrolling this computer");
        self.enrol(&self.config)?;
        say("starting brevet-broker and brevetd");
        self.start_broker()?;
        self.start_agent()?;
        self.wait_connected()
    }

    fn enrol(&self, config: &Path) -> Result<()> {
        let token = self.ctl(&["--json", "enrolment-token", "create"])?.json()?;
        let file = self.state.join("enrolment-token");
        fs::write(&file, token["token"].as_str().context("no enrolment token")?)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        let mut enrol = Command::new(self.bin.join("brevetd"));
        enrol.args(["enrol", "--config"]).arg(config).arg("--token-file").arg(&file);
        program::run(&mut enrol, Duration::from_secs(60))?.ok().context("brevetd enrol")?;
        fs::remove_file(file)?;
        Ok(())
    }

    /// Enrols a second computer, which then is silent: its id and its name on the server.
    ///
    /// # Errors
    /// When enrolment fails.
    pub fn enrol_another(&self, folder: &str) -> Result<(String, String)> {
        let config = self.state.join(format!("{folder}.toml"));
        let text = fs::read_to_string(&self.config)?
            .replace(&self.state.join("agent").display().to_string(), &self.state.join(folder).display().to_string());
        fs::write(&config, text)?;
        self.enrol(&config)?;
        let identity: Value = serde_json::from_slice(&fs::read(self.state.join(folder).join("broker/identity.json"))?)?;
        let id = identity["computer"].as_str().context("no id")?.to_owned();
        let shown = self.ctl(&["--json", "computer", "show", &id])?.json()?;
        Ok((id, shown["name"].as_str().context("no name")?.to_owned()))
    }

    /// The server's data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.state.join("server")
    }

    /// The broker's state folder.
    #[must_use]
    pub fn broker_state(&self) -> PathBuf {
        self.state.join("agent/broker")
    }

    /// `brevet-server` as its service user.
    #[must_use]
    pub fn server_command(&self) -> Command {
        self.server_user.command(&self.bin.join("brevet-server"))
    }

    /// Starts the server and waits until it listens.
    ///
    /// # Errors
    /// When it does not.
    pub fn start_server(&mut self) -> Result<()> {
        let port = self.url.rsplit(':').next().context("no port")?;
        let mut command = self.server_command();
        command.args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--url", &self.url, "--data"]).arg(self.data());
        if let Some(seconds) = self.options.heartbeat_seconds {
            let file = self.state.join("server.toml");
            fs::write(&file, format!("heartbeat = \"{seconds}s\"\n"))?;
            command.arg("--config").arg(file);
        }
        self.start_part("brevet-server", &mut command, "listening on")
    }

    /// Starts the broker and waits until it serves.
    ///
    /// # Errors
    /// When it does not.
    pub fn start_broker(&mut self) -> Result<()> {
        let mut command = Command::new(self.bin.join("brevet-broker"));
        command.arg("--config").arg(&self.config);
        self.start_part("brevet-broker", &mut command, "ready")
    }

    /// Starts `brevetd`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start_agent(&mut self) -> Result<()> {
        let mut command = Command::new(self.bin.join("brevetd"));
        command.arg("--config").arg(&self.config);
        self.start_part("brevetd", &mut command, "")
    }

    /// Starts one part in a process group of its own, with its messages in `STATE/NAME.log`, and waits for a word in them.
    fn start_part(&mut self, name: &str, command: &mut Command, word: &str) -> Result<()> {
        use std::os::unix::process::CommandExt as _;
        let log = self.log(name);
        let before = fs::metadata(&log).map_or(0, |m| m.len());
        let file = fs::File::options().append(true).create(true).open(&log)?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let said = || -> Result<String> {
            let text = fs::read(&log)?;
            Ok(String::from_utf8_lossy(text.get(usize::try_from(before)?..).unwrap_or_default()).into_owned())
        };
        let waited = wait::until(&format!("{name} to be ready"), Duration::from_secs(30), || {
            let text = said()?;
            ensure!(child.try_wait()?.is_none(), "{name} ended at once: {text}");
            Ok(text.contains(word).then_some(()))
        });
        self.children.push((name.to_owned(), child));
        waited
    }

    /// What a part has said, in its file.
    #[must_use]
    pub fn log(&self, name: &str) -> PathBuf {
        self.state.join(format!("{name}.log"))
    }

    /// The last lines that a part has said.
    #[must_use]
    pub fn last_words(&self, name: &str) -> String {
        let lines: Vec<String> =
            fs::File::open(self.log(name)).map(|f| BufReader::new(f).lines().map_while(Result::ok).collect()).unwrap_or_default();
        lines.iter().rev().take(20).rev().cloned().collect::<Vec<_>>().join("\n")
    }

    /// Ends a part by a signal (`TERM`, `KILL`) and waits until it is gone.
    ///
    /// # Errors
    /// When it does not run, or does not end.
    pub fn stop_part(&mut self, name: &str, signal: &str) -> Result<()> {
        let index = self.children.iter().rposition(|(n, _)| n == name).with_context(|| format!("{name} does not run"))?;
        let (_, mut child) = self.children.remove(index);
        program::system("kill", [&format!("-{signal}"), &child.id().to_string()])?;
        wait::until(&format!("{name} to end"), Duration::from_secs(20), || Ok(child.try_wait()?.map(|_| ())))
    }

    /// Sends a part a signal that does not end it: `STOP`, `CONT`.
    ///
    /// # Errors
    /// When it does not run.
    pub fn signal_part(&self, name: &str, signal: &str) -> Result<()> {
        let child = self.children.iter().rfind(|(n, _)| n == name).with_context(|| format!("{name} does not run"))?;
        program::system("kill", [&format!("-{signal}"), &child.1.id().to_string()])?;
        Ok(())
    }

    /// Has every thread of a part give way to everybody else (`nice` 19), or compete as everybody again.
    ///
    /// # Errors
    /// When it does not run.
    pub fn stand_back(&self, name: &str, back: bool) -> Result<()> {
        let child = self.children.iter().rfind(|(n, _)| n == name).with_context(|| format!("{name} does not run"))?;
        let threads = fs::read_dir(format!("/proc/{}/task", child.1.id()))?;
        let threads = threads.map(|thread| Ok(thread?.file_name().to_string_lossy().into_owned())).collect::<Result<Vec<_>>>()?;
        let mut arguments = vec!["-n", if back { "19" } else { "0" }, "-p"];
        arguments.extend(threads.iter().map(String::as_str));
        // One that has ended meanwhile makes it fail, and needs nothing.
        program::system("renice", &arguments)?;
        Ok(())
    }

    /// Waits until the server sees this computer connected.
    ///
    /// # Errors
    /// When it does not.
    pub fn wait_connected(&mut self) -> Result<()> {
        let found = wait::until("the computer to be connected", Duration::from_secs(30), || {
            let computers = self.ctl(&["--json", "computer", "list"])?.json()?;
            let connected = computers["items"].as_array().and_then(|all| all.iter().find(|c| c["connected"] == true)).cloned();
            Ok(connected.map(|c| c["name"].as_str().unwrap_or_default().to_owned()))
        });
        self.computer = found.with_context(|| format!("brevetd said: {}", self.last_words("brevetd")))?;
        Ok(())
    }

    /// `brevetctl` as the owner.
    #[must_use]
    pub fn ctl_command(&self) -> Command {
        let mut command = Command::new(self.bin.join("brevetctl"));
        command
            .env("BREVET_SERVER", &self.url)
            .env("BREVET_CA", &self.ca)
            .env("BREVET_TOKEN", &self.token)
            .env("HOME", &self.state)
            .env_remove("XDG_CONFIG_HOME");
        command
    }

    /// Runs `brevetctl` as the owner.
    ///
    /// # Errors
    /// When it cannot be run or takes over a minute; not when it fails.
    pub fn ctl(&self, arguments: &[&str]) -> Result<Output> {
        program::run(self.ctl_command().args(arguments), Duration::from_secs(60))
    }

    /// Applies policies and the like from TOML text.
    ///
    /// # Errors
    /// When `brevetctl apply` fails.
    pub fn apply(&self, toml: &str) -> Result<Output> {
        let file = self.state.join("apply.toml");
        fs::write(&file, toml)?;
        self.ctl(&["apply", "-f", &file.to_string_lossy()])?.ok().context("brevetctl apply")
    }

    /// Waits until the computer holds a policy in its newest version.
    ///
    /// # Errors
    /// When it does not within ten seconds.
    pub fn wait_policy(&self, name: &str) -> Result<()> {
        wait::until(&format!("policy {name} to be applied"), Duration::from_secs(10), || {
            let policy = self.ctl(&["--json", "policy", "show", name])?.json()?;
            let computer = self.ctl(&["--json", "computer", "show", &self.computer])?.json()?;
            let applied = |p: &Value| p["id"] == policy["id"] && p["version"] == policy["version"] && p["state"] == "applied";
            Ok(computer["policies"].as_array().is_some_and(|all| all.iter().any(applied)).then_some(()))
        })
    }

    /// Waits until this computer holds every document that was sent to it.
    ///
    /// # Errors
    /// When it does not within ten seconds.
    pub fn wait_documents(&self) -> Result<()> {
        wait::until("the computer to hold the newest documents", Duration::from_secs(10), || {
            let computer = self.ctl(&["--json", "computer", "show", &self.computer])?.json()?;
            Ok((computer["documents"]["held"] == computer["documents"]["sent"]).then_some(()))
        })
    }

    /// `brevet` as a user.
    #[must_use]
    pub fn brevet(&self, user: &OsUser, arguments: &[&str]) -> Command {
        let mut command = user.command(Path::new("/usr/bin/env"));
        command.arg(format!("BREVET_SOCKET={}", self.socket.display())).arg(self.bin.join("brevet")).args(arguments);
        command
    }

    /// Runs `brevet` as a user without a terminal.
    ///
    /// # Errors
    /// When it cannot be run or takes over a minute; not when it fails.
    pub fn run_as(&self, user: &OsUser, arguments: &[&str]) -> Result<Output> {
        program::run(&mut self.brevet(user, arguments), Duration::from_secs(60))
    }

    /// Events of a kind, newest first.
    ///
    /// # Errors
    /// When `brevetctl event list` fails.
    pub fn events(&self, kind: &str) -> Result<Vec<Value>> {
        let page = self.ctl(&["--json", "event", "list", "--kind", kind])?.json()?;
        Ok(page["items"].as_array().cloned().unwrap_or_default())
    }

    /// Waits for an event of a kind that a test is true of.
    ///
    /// # Errors
    /// When there is none within ten seconds.
    pub fn wait_event(&self, kind: &str, is_it: impl Fn(&Value) -> bool) -> Result<Value> {
        wait::until(&format!("an event {kind}"), Duration::from_secs(10), || Ok(self.events(kind)?.into_iter().find(|e| is_it(e))))
    }

    /// Puts a program of root's alone where users can run it: a script with this text.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn tool(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.tools.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    /// Ends everything and undoes what was made.
    ///
    /// # Errors
    /// With everything that could not be undone.
    pub fn finish(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let done = self.keeper.finish();
        for (_, mut child) in self.children.drain(..) {
            let _ = child.wait();
        }
        done
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

fn free_port() -> Result<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
