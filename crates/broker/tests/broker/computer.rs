//! An enrolled computer in a directory of its own, with the keys of its server, and its broker.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_api::config::Identity;
use brevet_core::document::{
    AutonomousDocument, Decline, Envelope, GrantDocument, Heartbeat, Key, KeyUse, Manifest, ManifestEntry, PolicyDocument, Revocation,
    SCHEMA, SettingsDocument, Trust, TrustedKey, seal,
};
use brevet_core::id::{AutonomousId, ComputerId, GrantId, Incarnation, InstanceId, PersonId, PolicyId};
use brevet_core::policy::Starts;
use brevet_core::request::Request;
use brevet_core::time::{Length, Timestamp};

pub const PATIENCE: Duration = Duration::from_secs(20);

static COUNTER: AtomicU64 = AtomicU64::new(1);

pub fn unique() -> [u8; 10] {
    let mut bytes = [7; 10];
    bytes[..8].copy_from_slice(&COUNTER.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}

pub fn now() -> Timestamp {
    Timestamp::from_millis(brevet_sys::clock::realtime_ms())
}

pub struct Computer {
    pub directory: tempfile::TempDir,
    pub identity: Identity,
    pub root: Key,
    pub issuer: Key,
    pub policy_key: Key,
    pub journal_key: Key,
    pub trust_version: u64,
    pub epoch: AtomicU64,
    pub seq: AtomicU64,
    heartbeat: AtomicI64,
    cgroup: String,
    broker: Option<(Child, mpsc::Receiver<String>)>,
    /// At which fault point the next broker falls.
    #[cfg(feature = "fault-points")]
    pub fault: Option<String>,
}

impl Computer {
    pub fn enrolled() -> Self {
        let key = || Key::from_seed(&brevet_broker::random::bytes().unwrap());
        let (root, issuer, policy_key, journal_key) = (key(), key(), key(), key());
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let millis = now().millis();
        let identity = Identity {
            computer: ComputerId::new(millis, unique()),
            instance: InstanceId::new(millis, unique()),
            root: root.public(),
            incarnation: Incarnation::new(millis, unique()),
        };
        let random: [u8; 4] = brevet_broker::random::bytes().unwrap();
        let cgroup = format!("brevet-test-{:08x}", u32::from_be_bytes(random));
        let computer = Self {
            directory,
            identity,
            root,
            issuer,
            policy_key,
            journal_key,
            trust_version: 1,
            epoch: AtomicU64::new(1),
            seq: AtomicU64::new(0),
            heartbeat: AtomicI64::new(0),
            cgroup,
            broker: None,
            #[cfg(feature = "fault-points")]
            fault: None,
        };
        computer.write_files();
        computer
    }

    fn write_files(&self) {
        let path = self.directory.path();
        let broker = self.broker_directory();
        fs::create_dir_all(broker.join("documents")).unwrap();
        fs::set_permissions(path.join("state"), fs::Permissions::from_mode(0o755)).unwrap();
        let config = format!(
            "state_directory = {:?}\nruntime_directory = {:?}\nagent_user = \"root\"\npam_service = \"brevet-test\"\ncgroup = {:?}\n",
            path.join("state"),
            path.join("run"),
            self.cgroup
        );
        fs::write(path.join("agent.toml"), config).unwrap();
        fs::write(broker.join("identity.json"), serde_json::to_vec(&self.identity).unwrap()).unwrap();
        fs::write(broker.join("journal.key"), STANDARD.encode(self.journal_key.seed())).unwrap();
        fs::set_permissions(broker.join("journal.key"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(broker.join("documents/trust.json"), serde_json::to_vec(&self.trust(1, 1)).unwrap()).unwrap();
    }

    pub fn broker_directory(&self) -> PathBuf {
        self.directory.path().join("state/broker")
    }

    /// How many sessions have a directory; that of a supervisor which waits for one does not count.
    /// Of sessions that began: a supervisor that waits for one has made its directory, and written nothing in it.
    pub fn session_directories(&self) -> usize {
        let entries = fs::read_dir(self.broker_directory().join("sessions")).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| ["session.json", "ended.json"].iter().any(|name| path.join(name).exists())).count()
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("run/broker.sock")
    }

    pub fn agent_socket(&self) -> PathBuf {
        self.directory.path().join("run/agent.sock")
    }

    /// Starts the broker and waits until it serves.
    pub fn start(&mut self) -> &mut Self {
        if let Err(said) = self.try_start() {
            panic!("the broker did not start: {said}");
        }
        self
    }

    /// Starts the broker; `Err` is what it said when it ended instead.
    pub fn try_start(&mut self) -> Result<(), String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brevet-broker"));
        #[cfg(feature = "fault-points")]
        command.envs(self.fault.take().map(|fault| ("BREVET_FAULT", fault)));
        let mut child = command.arg("--config").arg(self.directory.path().join("agent.toml")).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                eprintln!("broker: {line}");
                drop(sender.send(line));
            }
        });
        let mut said = String::new();
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) if line == "brevet-broker: ready" => break,
                Ok(line) => said.push_str(&format!("{line}\n")),
                Err(_) => {
                    drop(child.kill());
                    let status = child.wait().unwrap();
                    return Err(format!("{said}({status})"));
                }
            }
        }
        self.broker = Some((child, lines));
        Ok(())
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.broker.as_ref().unwrap().0.id()).unwrap()
    }

    /// Stops the broker as its service would; sessions go on.
    pub fn stop(&mut self) {
        if let Some((mut child, _)) = self.broker.take() {
            brevet_sys::signal::send(i32::try_from(child.id()).unwrap(), brevet_sys::signal::TERMINATE).unwrap();
            child.wait().unwrap();
        }
    }

    /// Waits until the broker is no more, for whoever must stay connected until then.
    #[cfg(feature = "fault-points")]
    pub fn wait_down(&self) {
        let stat = format!("/proc/{}/stat", self.pid());
        eventually("the broker falls", || fs::read_to_string(&stat).unwrap().contains(") Z "));
    }

    /// Waits until the broker has fallen at its fault point.
    #[cfg(feature = "fault-points")]
    pub fn wait_fallen(&mut self) {
        use std::os::unix::process::ExitStatusExt as _;
        let (mut child, lines) = self.broker.take().unwrap();
        let until = std::time::Instant::now() + PATIENCE;
        while child.try_wait().unwrap().is_none() {
            if std::time::Instant::now() > until {
                drop(child.kill());
                panic!("the broker never came to its fault point");
            }
            drop(brevet_sys::poll::wait(&[], Some(10)));
        }
        let said: Vec<String> = lines.iter().collect();
        assert_eq!(child.wait().unwrap().signal(), Some(6), "{said:?}");
    }

    pub fn kill(&mut self) {
        if let Some((mut child, _)) = self.broker.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub fn trust(&self, version: u64, epoch: u64) -> Envelope {
        let trusted = |key: &Key, uses| TrustedKey { id: key.public().id(), key: key.public(), uses: vec![uses] };
        let keys = vec![trusted(&self.issuer, KeyUse::Issuer), trusted(&self.policy_key, KeyUse::Policy)];
        let trust = Trust { schema: SCHEMA, instance: self.identity.instance.clone(), version, epoch, keys };
        seal(&trust, &[&self.root]).unwrap()
    }

    pub fn next_seq(&self) -> u64 {
        self.seq.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Relaxed)
    }

    /// A policy from its TOML; users, computers and name have defaults.
    pub fn policy(&self, id: &PolicyId, version: u64, toml: &str) -> Envelope {
        let text = format!("[[policy]]\nname = \"{}\"\ncomputers = \"all\"\nusers = \"all\"\n{toml}", id.as_str());
        let file = brevet_core::file::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let policy = file.policy.into_iter().next().unwrap();
        let document = PolicyDocument {
            schema: SCHEMA,
            requires: vec![],
            id: id.clone(),
            version,
            renewal: 0,
            policy,
            lists: BTreeMap::new(),
            user_groups: BTreeMap::new(),
        };
        seal(&document, &[&self.policy_key]).unwrap()
    }

    pub fn autonomous(&self, toml: &str) -> (AutonomousId, Envelope) {
        let id = AutonomousId::new(now().millis(), unique());
        let text = format!("[[autonomous]]\nname = \"{}\"\ncomputers = \"all\"\nusers = \"all\"\n{toml}", id.as_str());
        let rule = brevet_core::file::parse(&text).unwrap().autonomous.into_iter().next().unwrap();
        let (lists, user_groups) = (BTreeMap::new(), BTreeMap::new());
        let document = AutonomousDocument { schema: SCHEMA, requires: vec![], id: id.clone(), version: 1, rule, lists, user_groups };
        (id, seal(&document, &[&self.policy_key]).unwrap())
    }

    pub fn settings(&self, autonomous: bool) -> Envelope {
        let settings = SettingsDocument { schema: SCHEMA, requires: vec![], version: 1, autonomous, other_mount_namespaces: false };
        seal(&settings, &[&self.policy_key]).unwrap()
    }

    pub fn manifest(&self, policies: &[(PolicyId, &Envelope)], autonomous: &[(AutonomousId, &Envelope)], settings: &Envelope) -> Manifest {
        Manifest {
            schema: SCHEMA,
            computer: self.identity.computer.clone(),
            name: "web-1".into(),
            epoch: self.epoch(),
            seq: self.next_seq(),
            time: now(),
            trust_version: self.trust_version,
            policies: policies.iter().map(|(id, e)| ManifestEntry { id: id.clone(), digest: e.digest().unwrap() }).collect(),
            autonomous: autonomous.iter().map(|(id, e)| ManifestEntry { id: id.clone(), digest: e.digest().unwrap() }).collect(),
            settings: settings.digest().unwrap(),
        }
    }

    pub fn heartbeat(&self, nonce: Option<String>) -> Envelope {
        let last = self.heartbeat.load(Ordering::Relaxed);
        let time = now().millis().max(last + 1);
        self.heartbeat.store(time, Ordering::Relaxed);
        let heartbeat = Heartbeat {
            schema: SCHEMA,
            computer: self.identity.computer.clone(),
            time: Timestamp::from_millis(time),
            epoch: self.epoch(),
            seq: self.seq.load(Ordering::Relaxed),
            nonce,
        };
        seal(&heartbeat, &[&self.issuer]).unwrap()
    }

    pub fn grant_for(&self, request: &Request, duration: &str) -> GrantDocument {
        let time = now();
        GrantDocument {
            schema: SCHEMA,
            requires: vec![],
            computer: self.identity.computer.clone(),
            epoch: self.epoch(),
            seq: self.next_seq(),
            time,
            grant: GrantId::new(time.millis(), unique()),
            version: 1,
            request: request.id.clone(),
            request_digest: request.digest,
            duration: Length::parse(duration).unwrap(),
            starts: Starts::FirstUse,
            uses: request.terms.uses,
            use_before: time.plus(Length::from_hours(8)),
            not_after: time.plus(Length::from_hours(16)),
            command_only: false,
            approvals: vec![brevet_core::document::Approval {
                person: PersonId::new(time.millis(), unique()),
                name: "Ada".into(),
                time,
                comment: "fine".into(),
                signature: None,
            }],
        }
    }

    pub fn decline_for(&self, request: &Request, comment: &str) -> Decline {
        Decline {
            schema: SCHEMA,
            computer: self.identity.computer.clone(),
            epoch: self.epoch(),
            seq: self.next_seq(),
            time: now(),
            request: request.id.clone(),
            request_digest: request.digest,
            by: "Ada".into(),
            comment: comment.into(),
        }
    }

    pub fn revocation_of(&self, grant: &GrantId) -> Revocation {
        Revocation {
            schema: SCHEMA,
            computer: self.identity.computer.clone(),
            epoch: self.epoch(),
            seq: self.next_seq(),
            time: now(),
            grant: grant.clone(),
            with_grace: true,
            by: "Ada".into(),
            comment: "enough".into(),
        }
    }

    /// A program of root's below the test's directory.
    pub fn program(&self, name: &str, text: &str) -> String {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.directory.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Computer {
    fn drop(&mut self) {
        self.kill();
        let group = brevet_sys::cgroup::own().unwrap().join(&self.cgroup);
        if let Ok(group) = brevet_sys::cgroup::Group::open(&group) {
            drop(group.kill());
            let until = std::time::Instant::now() + Duration::from_secs(10);
            while group.remove().is_err() && std::time::Instant::now() < until {
                drop(brevet_sys::poll::wait(&[], Some(20)));
            }
        }
    }
}

/// Waits until something is so.
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = std::time::Instant::now() + PATIENCE;
    while !is_so() {
        assert!(std::time::Instant::now() < until, "never: {what}");
        drop(brevet_sys::poll::wait(&[], Some(20)));
    }
}

pub fn id() -> PolicyId {
    PolicyId::new(now().millis(), unique())
}
