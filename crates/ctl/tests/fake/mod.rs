//! A REST API that gives the answers a test put there, and remembers what it was asked.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test's part that fails is a failed test")]

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::{Value, json};

/// One call that came.
#[derive(Debug, Clone)]
pub struct Call {
    pub query: String,
    pub body: Value,
}

#[derive(Default)]
struct Inside {
    /// By `METHOD path`; the last one stays.
    answers: HashMap<String, Vec<(u16, String)>>,
    calls: Vec<Call>,
}

/// The API on a port of its own, and a folder for the test's files.
pub struct Api {
    inside: Arc<Mutex<Inside>>,
    pub url: String,
    pub folder: tempfile::TempDir,
    handle: axum_server::Handle<SocketAddr>,
}

impl Drop for Api {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

impl Api {
    pub fn start() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), &certificate).unwrap();
        let token = folder.path().join("token");
        std::fs::write(&token, "brv_test\n").unwrap();
        std::fs::set_permissions(&token, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let inside = Arc::new(Mutex::new(Inside::default()));
        let router = axum::Router::new().fallback(answer).with_state(inside.clone());
        let handle = axum_server::Handle::new();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = handle.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let config = axum_server::tls_rustls::RustlsConfig::from_pem(certificate.into_bytes(), key.into_bytes()).await.unwrap();
                axum_server::from_tcp_rustls(listener, config).unwrap().handle(serving).serve(router.into_make_service()).await.unwrap();
            });
        });
        Self { inside, url: format!("https://localhost:{port}"), folder, handle }
    }

    /// Puts an answer for `METHOD path`; several are given one after the other.
    pub fn on<T: Serialize>(&self, call: &str, status: u16, body: &T) {
        let body = serde_json::to_string(body).unwrap();
        self.inside.lock().unwrap().answers.entry(call.to_owned()).or_default().push((status, body));
    }

    /// Puts a problem.
    pub fn problem(&self, call: &str, status: u16, code: &str, errors: &[(&str, &str)]) {
        let errors: Vec<Value> = errors.iter().map(|(field, reason)| json!({ "field": field, "reason": reason })).collect();
        let kind = format!("https://brevet.invalid/problems/{code}");
        let detail = format!("the detail of {code} \u{1b}[31m");
        let problem = json!({ "type": kind, "title": "a title", "status": status, "code": code, "detail": detail, "errors": errors, "request_id": "r1" });
        self.on(call, status, &problem);
    }

    pub fn calls(&self) -> Vec<Call> {
        self.inside.lock().unwrap().calls.clone()
    }

    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare(arguments);
        command.env("BREVET_SERVER", &self.url).env("BREVET_CA", self.folder.path().join("ca.pem")).env("BREVET_TOKEN", "brv_test");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.command(arguments).output().unwrap().into()
    }

    /// Runs what must succeed, and gives its standard output.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
        ran.stdout
    }
}

/// brevetctl without server, token or profile.
pub fn bare(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brevetctl"));
    command.args(arguments).stdin(std::process::Stdio::null()).env("HOME", "/nonexistent");
    for name in ["BREVET_SERVER", "BREVET_CA", "BREVET_TOKEN", "XDG_CONFIG_HOME", "HTTPS_PROXY", "https_proxy"] {
        command.env_remove(name);
    }
    command
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

async fn answer(State(inside): State<Arc<Mutex<Inside>>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mut inside = inside.lock().unwrap();
    let path = uri.path().strip_prefix("/api/v1/").unwrap_or_default().to_owned();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let query = uri.query().unwrap_or_default().to_owned();
    inside.calls.push(Call { query, body });
    if headers.get("authorization").is_none_or(|value| value != "Bearer brv_test") {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Some(answers) = inside.answers.get_mut(&format!("{method} {path}")) else {
        return (StatusCode::IM_A_TEAPOT, format!("no answer for {method} {path}")).into_response();
    };
    let (status, text) = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
    (StatusCode::from_u16(status).unwrap(), [("content-type", "application/json")], text).into_response()
}
