//! `schemathesis` over the whole description against a real server: as owner, as each role, and as nobody. It finds nothing.
//!
//! `BREVET_SCHEMATHESIS` names the program (packaging/schemathesis.sh installs it); `BREVET_LONG` looks wider;
//! `BREVET_SCHEMATHESIS_AS` names some of them (`owner`, `auditor of web`, …), with commas, instead of all.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::scopes::two;
use crate::support::Server;

/// Answers that a right call may get: what it is about need not be there, or be in a state for it.
const CONFIGURATION: &str = r#"
warnings = false

[checks]
positive_data_acceptance.expected-statuses = ["2xx", 400, 401, 403, 404, 409, 412, 422, 428, 429]
missing_required_header.expected-statuses = [400, 401, 403, 404, 422, 428, 429]
"#;

async fn run(server: &Server, program: &str, who: &str, token: &str, arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("schemathesis.toml");
    std::fs::write(&configuration, CONFIGURATION).unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, &server.app.authority.pem).unwrap();
    let mut command = Command::new(Path::new(program));
    command.arg("--config-file").arg(&configuration).arg("run").arg(format!("{}/api/openapi.json", server.url));
    command.arg("--tls-verify").arg(&ca).args(["--seed", "4711", "--checks", "all", "--continue-on-failure", "--request-timeout", "60"]);
    command.arg("--header").arg(format!("Authorization: Bearer {token}")).args(arguments);
    command.current_dir(folder.path()).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "schemathesis as {who}: {}\n{text}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("No issues found"), "as {who}: {text}");
    assert!(text.contains("Tested: "), "as {who}: {text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs schemathesis: make test installs and runs it"]
async fn schemathesis_finds_nothing() {
    let program = std::env::var("BREVET_SCHEMATHESIS").expect("BREVET_SCHEMATHESIS names the program: sh packaging/schemathesis.sh");
    let long = std::env::var_os("BREVET_LONG").is_some();
    let two = two().await;
    let server = &two.server;
    let (wide, narrow): (&[&str], &[&str]) = if long {
        (&["--max-examples", "100"], &["--max-examples", "30"])
    } else {
        (&["--max-examples", "5", "--phases", "examples,fuzzing,stateful"], &["--max-examples", "2", "--phases", "examples,fuzzing"])
    };
    // All of them first: who may change groups, for one, leaves none of ours.
    let mut all = Vec::new();
    for role in ["administrator", "approver", "auditor"] {
        all.push((role.to_owned(), server.person(&format!("the {role}"), &[role], true).await.token, narrow));
        all.push((format!("{role} of web"), two.narrowed(role).await.token, narrow));
    }
    all.push(("nobody".to_owned(), "brv_0000000000000000000000000000000000000000000".to_owned(), narrow));
    all.push(("owner".to_owned(), server.token_for("owner", true).await.token, wide));
    let only = std::env::var("BREVET_SCHEMATHESIS_AS").ok();
    let named = |who: &str| only.as_ref().is_none_or(|only| only.split(',').any(|one| one == who));
    let chosen: Vec<_> = all.into_iter().filter(|(who, ..)| named(who)).collect();
    assert!(!chosen.is_empty(), "nobody of {only:?}");
    for (who, token, arguments) in chosen {
        run(server, &program, &who, &token, arguments).await;
        println!("as {who}: nothing found");
    }
}
