//! E-mail to a real mail server, which wants STARTTLS and a password: aiosmtpd, from Debian's package python3-aiosmtpd.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use brevet_core::record::Body;
use brevet_server::config::Config;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::support::{Server, request_policy};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/server/notification/smtp_server.py");

pub struct Mail {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub port: u16,
}

impl Drop for Mail {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Mail {
    pub fn start(folder: &Path) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(folder.join("mail.pem"), made.cert.pem()).unwrap();
        std::fs::write(folder.join("mail.key"), made.signing_key.serialize_pem()).unwrap();
        std::fs::write(folder.join("password"), "sesame\n").unwrap();
        let mut child = Command::new("/usr/bin/python3")
            .args(["-W", "ignore", SCRIPT])
            .args([folder.join("mail.pem"), folder.join("mail.key")])
            .args(["brevet", "sesame"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        Self { child, lines, port: port.trim().parse().expect("the mail server's port") }
    }

    /// The next message, as the mail server read it.
    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

pub fn config(folder: &Path, port: u16, more: &str) -> Config {
    let text = format!(
        "heartbeat = \"1s\"\n[smtp]\nhost = \"localhost\"\nport = {port}\nfrom = \"Brevet <brevet@example.com>\"\nusername = \"brevet\"\n\
         password_file = {:?}\n{more}",
        folder.join("password"),
    );
    let limits = crate::support::config().limits;
    Config { limits, ..toml::from_str(&text).unwrap() }
}

pub fn is_there() -> bool {
    let there = Command::new("/usr/bin/python3").args(["-c", "import aiosmtpd"]).stderr(Stdio::null()).status().is_ok_and(|s| s.success());
    if !there {
        eprintln!("NOT RUN: e-mail to a real mail server: install Debian's package python3-aiosmtpd");
    }
    there
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approver_gets_an_e_mail_over_tls_in_which_nothing_of_the_user_is_a_header() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut mail = Mail::start(folder.path());
    let ca = format!("ca = {:?}", folder.path().join("mail.pem"));
    let server = Server::with(config(folder.path(), mail.port, &ca)).await;
    let new = json!({ "name": "the owner", "kind": "email", "address": "owner@example.com", "person": "owner" });
    server.owner.post("/notification-targets", new).await.ok();
    let policy = server.owner.post("/policies", request_policy("p")).await.ok();
    let mut agent = Agent::enrol(&server, "web-1").await;
    let mut request = agent.request("alice\r\nBcc: eve@example.com", &policy, "30m");
    request.reason = "urgent\r\n.\r\nRCPT TO:<eve@example.com>\u{202e}é".into();
    request.digest = request.compute_digest().unwrap();
    let record = agent.record(&Body::RequestCreated(Box::new(request.clone())));
    agent.deliver(vec![record]).await;
    let (mail, got) = tokio::task::spawn_blocking(move || {
        let got = mail.next();
        (mail, got)
    })
    .await
    .unwrap();
    assert_eq!((&got["tls"], &got["authenticated"], &got["to"]), (&json!(true), &json!(true), &json!(["owner@example.com"])), "{got}");
    let header = |name: &str| {
        let all = got["headers"].as_array().unwrap().iter();
        all.filter(|h| h[0].as_str().unwrap().eq_ignore_ascii_case(name)).map(|h| h[1].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(header("bcc").is_empty() && header("to") == ["owner@example.com"], "{got}");
    assert!(header("subject")[0].contains("alice\\r\\nBcc: eve"), "{got}");
    let body = got["body"].as_str().unwrap();
    assert!(body.contains(&format!("{}/requests/{}", server.url, request.id)), "{body}");
    assert!(body.contains("urgent\\r\\n.\\r\\nRCPT TO:<eve@example.com>\\u{202e}é"), "{body}");
    drop(mail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_e_mail_leaves_without_the_certificate_or_the_password() {
    if !is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mail = Mail::start(folder.path());
    std::fs::write(folder.path().join("wrong"), "guess").unwrap();
    let trusted = format!("ca = {:?}", folder.path().join("mail.pem"));
    let mut wrong_password = config(folder.path(), mail.port, &trusted);
    wrong_password.smtp.as_mut().unwrap().password_file = Some(folder.path().join("wrong"));
    for (config, why) in [(config(folder.path(), mail.port, ""), "certificate"), (wrong_password, "uthentication")] {
        let server = Server::with(config).await;
        let new = json!({ "name": "ops", "kind": "email", "address": "ops@example.com", "events": ["none.such"] });
        server.owner.post("/notification-targets", new).await.ok();
        server.owner.call(reqwest::Method::POST, "/notification-targets/ops/test", None, None).await.ok();
        let mut log = super::failed_once(&server, "target=ops").await;
        // A machine that is very busy may not come to the point at the first try.
        for _ in 0..5 {
            if log["items"][0]["error"].as_str().unwrap().contains(why) {
                break;
            }
            server.app.clock.advance("10m".parse().unwrap());
            brevet_server::notification::once(&server.app).await.unwrap();
            log = server.owner.read("/notifications?target=ops").await.ok();
        }
        assert!(log["items"][0]["error"].as_str().unwrap().contains(why), "{log}");
        assert_eq!(log["items"][0]["state"], "pending");
        assert!(!log.to_string().contains("sesame"));
    }
}
