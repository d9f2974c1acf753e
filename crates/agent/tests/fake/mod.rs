//! A server and a broker that do what a test tells them, and remember what they saw.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test's part that fails is a failed test")]

use std::collections::HashMap;
use std::io::BufRead as _;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use brevet_api::agent::{
    Batch, Claims, Documents, ENROLMENT_PREFIX, Enrol, Enrolled, EnrolmentToken, JournalAnswer, Missing, Nonce, Position, Processes,
};
use brevet_api::config::{Config, Server as ServerFile};
use brevet_api::frame::{MAX_LINK, read_control, write_control};
use brevet_api::link::{Down, State, Up};
use brevet_core::digest::Digest;
use brevet_core::document::{Acknowledgement, Envelope, Key, Kind, PublicKey, Trust, seal};
use brevet_core::id::{ComputerId, Incarnation, InstanceId};
use brevet_core::journal::{Chain, Header, Record, SignedHead};
use brevet_core::time::Timestamp;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;

pub const PATIENCE: Duration = Duration::from_secs(20);

/// Tries until it gives something, or fails the test.
pub fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the server saw, and what it is to answer.
#[derive(Default)]
pub struct Seen {
    pub positions: Vec<Position>,
    pub batches: Vec<Batch>,
    pub answers: Vec<JournalAnswer>,
    pub asked: Vec<Vec<Digest>>,
    pub shared: Vec<Envelope>,
    pub enrolments: Vec<Enrol>,
    pub refuse_enrolment: bool,
    /// How many processes sessions have, as told; while `early`, as an earlier server that does not know this.
    pub counted: Vec<Processes>,
    pub early: bool,
    transport_key: Option<PublicKey>,
    streams: Vec<UnboundedSender<String>>,
    /// Each with the token that brought it, once one has.
    nonces: HashMap<String, Option<String>>,
    /// How many there were.
    pub made: u64,
}

struct Inside {
    seen: Mutex<Seen>,
    instance: InstanceId,
    computer: ComputerId,
    root: Key,
    announced_root: PublicKey,
}

/// A server over TLS on a port of its own.
pub struct Server {
    inside: Arc<Inside>,
    pub url: String,
    pub certificate: Vec<u8>,
    pub pem: String,
    handle: axum_server::Handle<SocketAddr>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.handle.shutdown();
    }
}

pub fn key(seed: u8) -> Key {
    Key::from_seed(&[seed; 32])
}

pub fn computer() -> ComputerId {
    ComputerId::new(1, [1; 10])
}

pub fn instance() -> InstanceId {
    InstanceId::new(1, [1; 10])
}

/// A document of any kind: the agent looks at none.
pub fn document(version: u64) -> Envelope {
    seal(&Trust { schema: 1, instance: instance(), version, epoch: 1, keys: vec![] }, &[&key(1)]).unwrap()
}

impl Server {
    /// Its root key is `key(1)`; `announced` is what it claims at enrolment.
    pub fn start(announced: &Key) -> Self {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let pem = made.cert.pem();
        Self::start_with(announced, (&pem, &made.signing_key.serialize_pem()), (&pem, made.cert.der()))
    }

    /// As a server that made its own authority, with a leaf of these years; enrolment pins the authority.
    pub fn start_with_authority(years: std::ops::Range<i32>) -> Self {
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let made = authority.self_signed(&authority_key).unwrap();
        let mut leaf = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        leaf.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        leaf.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let leaf_key = rcgen::KeyPair::generate().unwrap();
        let leaf = leaf.signed_by(&leaf_key, &rcgen::Issuer::from_params(&authority, &authority_key)).unwrap();
        let chain = format!("{}{}", leaf.pem(), made.pem());
        Self::start_with(&key(1), (&chain, &leaf_key.serialize_pem()), (&made.pem(), made.der()))
    }

    fn start_with(announced: &Key, (chain, key_pem): (&str, &str), (pem, certificate): (&str, &[u8])) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let inside = Arc::new(Inside {
            seen: Mutex::new(Seen { transport_key: Some(key(7).public()), ..Seen::default() }),
            instance: instance(),
            computer: computer(),
            root: key(1),
            announced_root: announced.public(),
        });
        let router = axum::Router::new()
            .route("/agent/v1/nonce", post(nonce))
            .route("/agent/v1/enrol", post(enrol))
            .route("/agent/v1/documents", get(documents))
            .route("/agent/v1/documents/missing", post(missing))
            .route("/agent/v1/journal", post(journal))
            .route("/agent/v1/processes", post(processes))
            .with_state(inside.clone());
        let handle = axum_server::Handle::new();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (chain, key_pem, serving) = (chain.to_owned(), key_pem.to_owned(), handle.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let config = axum_server::tls_rustls::RustlsConfig::from_pem(chain.into_bytes(), key_pem.into_bytes()).await.unwrap();
                let bound = axum_server::from_tcp_rustls(listener, config).unwrap();
                bound.handle(serving).serve(router.into_make_service()).await.unwrap();
            });
        });
        Self { inside, url: format!("https://localhost:{port}"), certificate: certificate.to_vec(), pem: pem.to_owned(), handle }
    }

    pub fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.inside.seen.lock().unwrap())
    }

    /// Sends a document on every open stream.
    pub fn push(&self, envelope: &Envelope) {
        let text = format!("event: document\ndata: {}\n\n", serde_json::to_string(envelope).unwrap());
        self.seen(|seen| seen.streams.retain(|stream| stream.send(text.clone()).is_ok()));
    }

    /// Knows no nonce any more, as a server that was started anew.
    pub fn forget_nonces(&self) {
        self.seen(|seen| seen.nonces.clear());
    }

    /// Ends every open stream.
    pub fn end_streams(&self) {
        self.seen(|seen| seen.streams.clear());
    }

    /// The text of an enrolment token for this server.
    pub fn token(&self, tls: Option<Digest>, root: Digest) -> String {
        let token = EnrolmentToken { url: self.url.clone(), tls, root, secret: "secret".into() };
        format!("{ENROLMENT_PREFIX}{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(&token).unwrap()))
    }
}

async fn nonce(Shared(inside): Shared<Arc<Inside>>) -> Json<Nonce> {
    let mut seen = inside.seen.lock().unwrap();
    seen.made += 1;
    let nonce = format!("nonce-{}", seen.made);
    seen.nonces.insert(nonce.clone(), None);
    // A server whose clock is far from the computer's.
    Json(Nonce { nonce, time: 4_000_000_000 })
}

fn authenticated(inside: &Inside, headers: &HeaderMap) -> Result<(), StatusCode> {
    let refused = StatusCode::UNAUTHORIZED;
    let token = headers.get("authorization").and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer ")).ok_or(refused)?;
    let (signed, signature) = token.rsplit_once('.').ok_or(refused)?;
    let (header, claims) = signed.split_once('.').ok_or(refused)?;
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| refused);
    let header: serde_json::Value = serde_json::from_slice(&decode(header)?).map_err(|_| refused)?;
    let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(|_| refused)?;
    let mut seen = inside.seen.lock().unwrap();
    let known = seen.transport_key.as_ref().is_some_and(|key| key.verifies(signed.as_bytes(), &decode(signature).unwrap_or_default()));
    let right = claims.aud == inside.instance && claims.sub == inside.computer && claims.exp - claims.iat <= 600;
    let dated = claims.iat == 4_000_000_000 && header["alg"] == "EdDSA" && header["kid"] == inside.computer.as_str();
    // As the real one: bound to the first token that brings it.
    let fresh = seen.nonces.get_mut(&claims.nonce).is_some_and(|bound| bound.get_or_insert_with(|| token.to_owned()) == token);
    if known && right && dated && fresh { Ok(()) } else { Err(refused) }
}

async fn enrol(Shared(inside): Shared<Arc<Inside>>, Json(body): Json<Enrol>) -> Response {
    let mut seen = inside.seen.lock().unwrap();
    if seen.refuse_enrolment || body.secret != "secret" {
        let problem = serde_json::json!({ "title": "forbidden", "detail": "the token was used \u{1b}[2J", "code": "forbidden" });
        return (StatusCode::FORBIDDEN, Json(problem)).into_response();
    }
    seen.transport_key = Some(body.transport_key.clone());
    seen.enrolments.push(body);
    let trust = seal(&Trust { schema: 1, instance: inside.instance.clone(), version: 1, epoch: 1, keys: vec![] }, &[&inside.root]).unwrap();
    let enrolled = Enrolled {
        computer: inside.computer.clone(),
        name: "web-1".into(),
        instance: inside.instance.clone(),
        root: inside.announced_root.clone(),
        trust,
        ca: None,
    };
    Json(enrolled).into_response()
}

async fn documents(Shared(inside): Shared<Arc<Inside>>, headers: HeaderMap, Query(position): Query<Position>) -> Response {
    if let Err(status) = authenticated(&inside, &headers) {
        return status.into_response();
    }
    let (send, receive) = unbounded_channel::<String>();
    send.send(": hello\n\n".into()).unwrap();
    let mut seen = inside.seen.lock().unwrap();
    seen.positions.push(position);
    seen.streams.push(send);
    let stream = UnboundedReceiverStream::new(receive).map(Ok::<_, std::convert::Infallible>);
    ([("content-type", "text/event-stream")], Body::from_stream(stream)).into_response()
}

async fn missing(Shared(inside): Shared<Arc<Inside>>, headers: HeaderMap, Json(body): Json<Missing>) -> Response {
    if let Err(status) = authenticated(&inside, &headers) {
        return status.into_response();
    }
    let mut seen = inside.seen.lock().unwrap();
    seen.asked.push(body.missing.clone());
    let documents = seen.shared.iter().filter(|d| body.missing.contains(&d.digest().unwrap())).cloned().collect();
    Json(Documents { documents }).into_response()
}

async fn journal(Shared(inside): Shared<Arc<Inside>>, headers: HeaderMap, Json(batch): Json<Batch>) -> Response {
    if let Err(status) = authenticated(&inside, &headers) {
        return status.into_response();
    }
    let mut seen = inside.seen.lock().unwrap();
    let acknowledgement = Acknowledgement {
        schema: 1,
        computer: inside.computer.clone(),
        incarnation: batch.head.chain.incarnation.clone(),
        seq: batch.head.chain.seq,
        head: batch.head.chain.head,
        time: Timestamp::from_millis(0),
    };
    seen.batches.push(batch);
    let answer = if seen.answers.is_empty() {
        JournalAnswer::Acknowledged { acknowledgement: seal(&acknowledgement, &[&inside.root]).unwrap() }
    } else {
        seen.answers.remove(0)
    };
    Json(answer).into_response()
}

async fn processes(Shared(inside): Shared<Arc<Inside>>, headers: HeaderMap, Json(counted): Json<Processes>) -> Response {
    if let Err(status) = authenticated(&inside, &headers) {
        return status.into_response();
    }
    let mut seen = inside.seen.lock().unwrap();
    seen.counted.push(counted);
    if seen.early { StatusCode::NOT_FOUND } else { StatusCode::NO_CONTENT }.into_response()
}

/// A broker's end of `agent.sock`.
pub struct Broker {
    listener: UnixListener,
}

impl Broker {
    pub fn listen(config: &Config) -> Self {
        let socket = config.agent_socket();
        let _ = std::fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket).unwrap();
        std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o666)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self { listener }
    }

    /// Waits for the agent and its greeting.
    pub fn accept(&self) -> Connection {
        let stream = wait_for("brevetd to connect", || self.listener.accept().ok()).0;
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut connection = Connection(stream);
        assert!(matches!(connection.read(), Down::Hello { .. }));
        connection
    }
}

pub struct Connection(pub UnixStream);

impl Connection {
    pub fn read(&mut self) -> Down {
        read_control(&mut self.0, MAX_LINK).unwrap()
    }

    pub fn write(&mut self, up: &Up) {
        write_control(&mut self.0, up).unwrap();
    }

    /// Has a batch delivered and waits for its acknowledgement.
    pub fn deliver(&mut self) {
        self.write(&Up::Journal(batch()));
        loop {
            match self.read() {
                Down::Document(envelope) if envelope.kind() == Some(Kind::Acknowledgement) => return,
                Down::Document(_) | Down::Connected { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

pub fn state(seq: u64, missing: Vec<Digest>) -> State {
    State {
        computer: computer(),
        trust_version: 1,
        epoch: 1,
        seq,
        held: vec![],
        missing,
        nonce: format!("broker-{seq}"),
        journal_key: key(9).public(),
    }
}

/// A batch with one record.
pub fn batch() -> Batch {
    let incarnation = Incarnation::new(1, [3; 10]);
    let mut chain = Chain::new(computer(), incarnation.clone());
    let header = Header {
        computer: computer(),
        incarnation,
        seq: 1,
        prev: chain.head,
        time: Timestamp::from_millis(0),
        boot: "boot".into(),
        boottime: 1,
        kind: "test".into(),
        schema: 1,
    };
    let record = Record::seal(&header, &[5; 32], &serde_json::json!({ "a": 1 })).unwrap();
    chain.follow(&record).unwrap();
    Batch { records: vec![record], head: SignedHead::sign(&chain, &key(9)) }
}

/// A configuration with directories of its own, for the user `nobody`.
pub struct Place {
    pub directory: tempfile::TempDir,
    pub config: Config,
    pub file: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let runtime = directory.path().join("run");
        std::fs::create_dir(&runtime).unwrap();
        std::fs::set_permissions(&runtime, std::fs::Permissions::from_mode(0o755)).unwrap();
        let config = Config {
            state_directory: directory.path().join("state"),
            runtime_directory: runtime,
            agent_user: "nobody".into(),
            ..Config::default()
        };
        let file = directory.path().join("agent.toml");
        let text = format!(
            "state_directory = {:?}\nruntime_directory = {:?}\nagent_user = \"nobody\"\n",
            config.state_directory, config.runtime_directory
        );
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        Self { directory, config, file }
    }

    /// What enrolment would have left for brevetd: transport key `key(7)`, this certificate.
    pub fn pretend_enrolled(&self, url: &str, pem: &str) {
        let directory = self.config.agent_directory();
        std::fs::create_dir_all(&directory).unwrap();
        let server = ServerFile { url: url.into(), computer: computer(), instance: instance(), ca: Some(pem.into()) };
        std::fs::write(directory.join("server.json"), serde_json::to_vec(&server).unwrap()).unwrap();
        std::fs::write(directory.join("transport.key"), STANDARD.encode([7u8; 32])).unwrap();
        for path in [self.config.state_directory.clone(), directory.clone()] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    pub fn enrol(&self, token: &str, more: &[&str]) -> std::process::Output {
        let file = self.directory.path().join("token");
        std::fs::write(&file, token).unwrap();
        Command::new(env!("CARGO_BIN_EXE_brevetd"))
            .args(["enrol", "--config"])
            .arg(&self.file)
            .arg("--token-file")
            .arg(&file)
            .args(more)
            .output()
            .unwrap()
    }
}

/// brevetd as a process; killed when dropped.
pub struct Daemon {
    pub child: Child,
    lines: Receiver<String>,
}

impl Daemon {
    pub fn start(config: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brevetd"));
        // By a relative path, as people type it.
        command.current_dir(config.parent().unwrap()).arg("--config").arg(config.file_name().unwrap());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = channel();
        let stderr = std::io::BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(send.send(line))));
        Self { child, lines }
    }

    /// Waits for a line of the log.
    pub fn line(&self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut all = Vec::new();
        while let Ok(line) = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            if line.contains(part) {
                return line;
            }
            all.push(line);
        }
        panic!("no line with {part:?} in {all:#?}");
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
