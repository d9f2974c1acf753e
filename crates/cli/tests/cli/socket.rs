//! To whom the command talks at all.

use crate::support::*;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

fn status(socket: &std::path::Path) -> (i32, String) {
    let output = Command::new(program()).arg("status").env("BREVET_SOCKET", socket).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_socket_that_is_missing_a_link_or_somebody_elses_is_not_talked_to() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s");
    let (code, stderr) = status(&socket);
    assert_eq!(code, 125);
    assert!(stderr.contains("cannot reach the broker at") && stderr.contains("BREVET_SOCKET"), "{stderr}");
    let _listener = UnixListener::bind(&socket).unwrap();
    let link = directory.path().join("link\x1b");
    std::os::unix::fs::symlink(&socket, &link).unwrap();
    let (code, stderr) = status(&link);
    assert_eq!(code, 125);
    assert!(stderr.contains("symbolic link") && stderr.contains("link\\u{1b}"), "{stderr}");
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(status(&file).1.contains("not a socket"));
    std::os::unix::fs::chown(&socket, Some(65534), None).unwrap();
    let (code, stderr) = status(&socket);
    assert_eq!(code, 125);
    assert!(stderr.contains("does not belong to root"), "{stderr}");
}

#[test]
fn a_listener_that_is_not_root_is_not_talked_to_even_behind_a_socket_of_roots() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
    let socket = directory.path().join("s");
    let script =
        "use Socket; socket(S,AF_UNIX,SOCK_STREAM,0) or die; bind(S,pack_sockaddr_un($ARGV[0])) or die; listen(S,5) or die; sleep 60";
    let mut listener = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "perl", "-e", script])
        .arg(&socket)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut answer = (0, String::new());
    until("the listener listens", || {
        if std::os::unix::fs::chown(&socket, Some(0), None).is_ok() {
            answer = status(&socket);
        }
        answer.0 != 0 && !answer.1.contains("cannot reach")
    });
    listener.kill().unwrap();
    listener.wait().unwrap();
    assert_eq!(answer.0, 125);
    assert!(answer.1.contains("who listens there is not root"), "{}", answer.1);
}

#[test]
fn a_user_without_rights_gets_through_to_the_broker() {
    let broker = Broker::start();
    std::fs::set_permissions(broker.directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::set_permissions(broker.socket(), std::fs::Permissions::from_mode(0o666)).unwrap();
    let copy = broker.directory.path().join("brevet");
    std::fs::copy(program(), &copy).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&copy).args(["run", "x"]);
    command.env("BREVET_SOCKET", broker.socket()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let run = Run::spawn(&mut command);
    let (mut talk, _) = broker.run();
    talk.tell(&started([false; 3]));
    talk.tell(&exited(5));
    let (status, _, stderr) = run.finish();
    assert_eq!((status, stderr.as_str()), (5, ""));
}
