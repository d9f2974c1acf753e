//! `schemathesis` over the whole description against a real server: as owner, as each role, and as nobody. It finds nothing.
//!
//! `BREVET_SCHEMATHESIS` names the program (packaging/schemathesis.sh installs it); `BREVET_LONG` looks wider.

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
    for role in ["administrator", "approver", "auditor"] {
        let actor = server.person(&format!("the {role}"), &[role], true).await;
        run(server, &program, role, &actor.token, narrow).await;
        run(server, &program, &format!("{role} of web"), &two.narrowed(role).await.token, narrow).await;
    }
    run(server, &program, "nobody", "brv_0000000000000000000000000000000000000000000", narrow).await;
    let owner = server.token_for("owner", true).await;
    run(server, &program, "owner", &owner.token, wide).await;
}
