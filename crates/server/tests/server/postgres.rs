//! A PostgreSQL of the tests' own, from Debian's package: started when `BREVET_TEST_DATABASE=postgres` asks for it, on a socket in
//! a directory of its own, stopped and removed when this process ends in any way.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

const BIN: &str = "/usr/lib/postgresql/15/bin";

struct Cluster {
    directory: PathBuf,
    user: (u32, u32),
    /// Stops and removes the cluster when our end of its pipe closes.
    _keeper: std::process::Child,
}

static CLUSTER: OnceLock<Cluster> = OnceLock::new();
static NEXT: AtomicU32 = AtomicU32::new(1);

/// Whether this run is on PostgreSQL.
pub fn wanted() -> bool {
    std::env::var("BREVET_TEST_DATABASE").is_ok_and(|value| value == "postgres")
}

/// The address of a fresh, empty database; `None` when this run is on SQLite.
pub fn database() -> Option<String> {
    wanted().then(fresh)
}

/// The address of a fresh, empty database, also in a run on SQLite.
pub fn fresh() -> String {
    let cluster = CLUSTER.get_or_init(start);
    let name = format!("brevet_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let mut create = program("createdb", cluster.user);
    run(create.arg("-h").arg(&cluster.directory).args(["-U", "postgres", &name]));
    format!("postgres://postgres@localhost/{name}?host={}", cluster.directory.display())
}

fn start() -> Cluster {
    assert!(Path::new(BIN).join("initdb").exists(), "BREVET_TEST_DATABASE=postgres needs Debian's package postgresql-15");
    let user = service_user();
    let directory = tempfile::Builder::new().prefix("brevet-postgres-").tempdir().unwrap().keep();
    std::os::unix::fs::chown(&directory, Some(user.0), Some(user.1)).unwrap();
    let data = directory.join("data");
    let script = format!("read -r _; {BIN}/pg_ctl -D \"$0/data\" -m immediate stop; rm -rf \"$0\"");
    let mut keeper = Command::new("/bin/sh");
    keeper.arg("-c").arg(script).arg(&directory).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // A Ctrl-C at the terminal must not reach it before it has cleaned up.
    let keeper = keeper.current_dir("/").process_group(0).uid(user.0).gid(user.1).spawn().unwrap();
    run(program("initdb", user).arg("-D").arg(&data).args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]));
    let options = format!("-c listen_addresses= -c unix_socket_directories={} -c fsync=off -c max_connections=300", directory.display());
    let log = directory.join("log");
    run(program("pg_ctl", user).arg("-D").arg(&data).arg("-o").arg(options).arg("-l").arg(log).args(["-w", "start"]));
    Cluster { directory, user, _keeper: keeper }
}

/// The user of Debian's package: PostgreSQL refuses to run as root.
fn service_user() -> (u32, u32) {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap();
    let line = passwd.lines().find(|line| line.starts_with("postgres:")).expect("a user postgres, from Debian's package postgresql-15");
    let mut numbers = line.split(':').skip(2).map(|field| field.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn program(name: &str, user: (u32, u32)) -> Command {
    let mut command = Command::new(Path::new(BIN).join(name));
    command.stdin(Stdio::null()).stdout(Stdio::null()).current_dir("/").uid(user.0).gid(user.1);
    command
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}
