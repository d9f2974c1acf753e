//! Who may ask: by the socket alone, from this computer's namespaces, and not without end.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use brevet_api::broker::{Answer, Ask, Tell};
use brevet_core::record::Body;

use crate::agent::Agent;
use crate::client::{Client, ask, run};
use crate::computer::Computer;
use crate::user::TestUser;

fn refused(client: &Client) -> String {
    match client.next() {
        Tell::Refused(refused) => refused.code,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

#[test]
fn a_caller_in_another_user_namespace_is_refused_and_recorded() {
    let mut computer = Computer::enrolled();
    computer.start();
    let agent = Agent::connect(&computer);
    let user = TestUser::create();
    let run = Ask::Run(Box::new(run(&["true"])));
    let client = Client::ask(&computer, &user, &run, &["unshare", "--user", "--map-root-user"]);
    assert_eq!(refused(&client), "namespace");
    let recorded = agent.wait_record("launch.refused", |body| match body {
        Body::LaunchRefused(refused) => Some(refused.clone()),
        _ => None,
    });
    assert_eq!((recorded.user.uid, recorded.code.as_str()), (user.uid, "namespace"), "the outer uid, not the root of its own making");
}

#[test]
fn a_caller_in_another_mount_namespace_is_refused() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let (uid, gid) = (format!("--reuid={}", user.uid), format!("--regid={}", user.gid));
    let before = ["unshare", "--mount", "setpriv", &uid, &gid, "--clear-groups"];
    let client = Client::ask(&computer, &user, &Ask::Run(Box::new(run(&["true"]))), &before);
    assert_eq!(refused(&client), "namespace");
}

#[test]
fn a_client_that_sends_rubbish_too_much_or_nothing_does_no_harm() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    for bytes in [&b"\xff\xff\xff\xff"[..], b"\0\0\0\0", b"\0\0\0\x05\0nope", b"\0\0\0\x03\0{}"] {
        let mut stream = UnixStream::connect(computer.socket()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(bytes).unwrap();
        let mut answer = Vec::new();
        // Closed, whether or not what was sent was read.
        drop(stream.read_to_end(&mut answer));
        assert!(answer.is_empty());
    }
    assert!(matches!(ask(&computer, &user, &Ask::Status {}), Answer::Status(_)));
}

#[test]
fn one_user_cannot_keep_others_out() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    // Root, in this test: so many that no more are taken.
    let idle: Vec<UnixStream> = (0..60).map(|_| UnixStream::connect(computer.socket()).unwrap()).collect();
    assert!(matches!(ask(&computer, &user, &Ask::Status {}), Answer::Status(_)));
    drop(idle);
}

#[test]
fn brevetds_socket_is_closed_to_users() {
    let mut computer = Computer::enrolled();
    computer.start();
    let user = TestUser::create();
    let output = std::process::Command::new("setpriv")
        .args([&format!("--reuid={}", user.uid), "--clear-groups", "--", "/usr/bin/python3", "-c"])
        .arg(format!(
            "import socket\ns = socket.socket(socket.AF_UNIX)\ntry:\n s.connect({:?})\n print('connected')\nexcept PermissionError:\n print('refused')",
            computer.agent_socket()
        ))
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "refused", "{output:?}");
}

#[test]
fn the_running_broker_cannot_open_a_network_socket_or_execute() {
    let mut computer = Computer::enrolled();
    computer.start();
    let status = std::fs::read_to_string(format!("/proc/{}/status", computer.pid())).unwrap();
    assert!(status.contains("Seccomp:\t2") && status.contains("NoNewPrivs:\t1"), "{status}");
}
