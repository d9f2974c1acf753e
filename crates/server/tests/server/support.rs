//! A running server with actors that speak to it.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use brevet_server::app::App;
use brevet_server::bootstrap;
use brevet_server::config::{Config, Limits};
use brevet_server::http::routes::Operation;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

pub struct Server {
    pub app: App,
    pub url: String,
    pub http: Client,
    pub owner: Actor,
    pub sign_in: String,
    handle: axum_server::Handle<SocketAddr>,
    serving: Mutex<Option<tokio::task::JoinHandle<anyhow::Result<()>>>>,
    pub data: Arc<tempfile::TempDir>,
    pub database: Option<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.app.stopping.send_replace(true);
        self.handle.shutdown();
    }
}

#[derive(Clone)]
pub struct Actor {
    pub described: Described,
    pub http: Client,
    pub url: String,
    pub token: String,
}

/// The route table: no answer is one that its description lacks.
#[derive(Clone)]
pub struct Described(pub Arc<Vec<Operation>>);

impl Described {
    #[track_caller]
    fn holds(&self, method: &Method, path: &str, status: u16, body: &Value) {
        let parts: Vec<&str> = path.split('?').next().unwrap().split('/').collect();
        let fits = |operation: &&Operation| {
            let wanted: Vec<&str> = operation.path.split('/').collect();
            let same = wanted.iter().zip(&parts).all(|(wanted, part)| wanted.starts_with('{') || wanted == part);
            operation.method == method && wanted.len() == parts.len() && same
        };
        let of_path: Vec<&Operation> = self.0.iter().filter(fits).collect();
        // `events/export` is the export, not an event of that name.
        let Some(operation) = of_path.iter().min_by_key(|operation| operation.path.matches('{').count()) else { return };
        let Some(code) = body["code"].as_str().filter(|_| status >= 400) else { return };
        let codes: Vec<&str> = operation.doc.codes(operation.path).iter().map(|code| code.as_str()).collect();
        let hint = "where it is described, add: .fails(&[Code::…])";
        assert!(codes.contains(&code), "{method} {} answers {code} ({status}), which its description lacks; {hint}", operation.path);
    }
}

pub struct Answer {
    pub status: StatusCode,
    pub etag: Option<String>,
    pub body: Value,
}

impl Answer {
    #[track_caller]
    pub fn ok(self) -> Value {
        assert!(self.status.is_success(), "{} {}", self.status, self.body);
        self.body
    }

    #[track_caller]
    pub fn refused(self, code: &str) -> Value {
        assert_eq!(self.body["code"], code, "{} {}", self.status, self.body);
        assert_eq!(self.body["status"], self.status.as_u16());
        self.body
    }
}

impl Actor {
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>, header: Option<(&str, &str)>) -> Answer {
        let mut request = self.http.request(method.clone(), format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let etag = response.headers().get("etag").map(|v| v.to_str().unwrap().to_owned());
        let (status, bytes) = (response.status(), response.bytes().await.unwrap());
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        self.described.holds(&method, path, status.as_u16(), &body);
        Answer { status, etag, body }
    }

    pub async fn read(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(body), None).await
    }

    /// Whatever is there is replaced.
    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.call(Method::PUT, path, Some(body), Some(("if-match", "*"))).await
    }

    /// Whatever is there is deleted.
    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None, Some(("if-match", "*"))).await
    }

    /// Kinds of all events, oldest first.
    pub async fn event_kinds(&self) -> Vec<String> {
        let events = self.read("/events?limit=500").await.ok();
        let mut kinds: Vec<String> = events["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap().to_owned()).collect();
        kinds.reverse();
        kinds
    }
}

/// A call with a form, as a browser sends it.
pub fn posted<V: AsRef<str>>(
    call: reqwest::RequestBuilder,
    fields: impl IntoIterator<Item = (&'static str, V)>,
) -> reqwest::RequestBuilder {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    fields.into_iter().for_each(|(name, value)| {
        form.append_pair(name, value.as_ref());
    });
    call.header("content-type", "application/x-www-form-urlencoded").body(form.finish())
}

/// Everything comes from one address, and fast: only tests of the limits have any.
pub fn config() -> Config {
    // No limit of ours ends a test on a busy machine.
    let call_timeout = "10m".parse().unwrap();
    let limits = Limits { token_calls_per_second: 0, address_calls_per_second: 0, call_timeout, ..Limits::default() };
    Config { heartbeat: "1s".parse().unwrap(), limits, ..Config::default() }
}

/// What a second server needs of the first.
pub fn copy_keys(from: &std::path::Path, to: &std::path::Path) {
    for name in brevet_server::backup::KEPT_APART {
        std::fs::create_dir_all(to.join(name).parent().unwrap()).unwrap();
        std::fs::copy(from.join(name), to.join(name)).unwrap();
    }
}

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    (listener, url)
}

/// Where a server listens.
#[derive(Clone)]
pub struct Place {
    port: u16,
    authority: String,
}

impl Place {
    /// A connection of TLS without a word on it.
    pub fn connect(&self) -> rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream> {
        use rustls::pki_types::pem::PemObject as _;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(self.authority.as_bytes()).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let tls = rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
        let socket = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
        rustls::StreamOwned::new(tls, socket)
    }
}

impl Server {
    pub async fn start() -> Self {
        Self::with(config()).await
    }

    pub async fn with(config: Config) -> Self {
        Self::on(crate::postgres::database(), config).await
    }

    /// On PostgreSQL, whatever this run is on.
    pub async fn shared(config: Config) -> Self {
        Self::on(Some(crate::postgres::fresh()), config).await
    }

    /// On the database that is named, else on SQLite, whatever this run is on.
    pub async fn on(database: Option<String>, config: Config) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let data = Arc::new(tempfile::tempdir().unwrap());
        let (listener, url) = listen();
        let made = bootstrap::bootstrap(data.path(), &url, database.as_deref(), None).await.unwrap();
        let app = bootstrap::open(data.path(), url, database.as_deref(), config).await.unwrap();
        Self::serve(app, listener, data, (made.token, made.sign_in), database)
    }

    /// Another server on the same database, with a copy of the keys and the authority.
    pub async fn beside(&self, config: Config) -> Self {
        let data = Arc::new(tempfile::tempdir().unwrap());
        copy_keys(self.data.path(), data.path());
        let (listener, url) = listen();
        let app = bootstrap::open(data.path(), url, self.database.as_deref(), config).await.unwrap();
        Self::serve(app, listener, data, (self.owner.token.clone(), String::new()), self.database.clone())
    }

    /// The same data again, after it was stopped, at another address.
    pub async fn again(data: Arc<tempfile::TempDir>, database: Option<&str>, token: &str) -> Self {
        Self::again_with(data, database, token, config()).await
    }

    pub async fn again_with(data: Arc<tempfile::TempDir>, database: Option<&str>, token: &str, config: Config) -> Self {
        let (listener, url) = listen();
        let app = bootstrap::open(data.path(), url, database, config).await.unwrap();
        Self::serve(app, listener, data, (token.to_owned(), String::new()), database.map(str::to_owned))
    }

    fn serve(
        app: App,
        listener: TcpListener,
        data: Arc<tempfile::TempDir>,
        (token, sign_in): (String, String),
        database: Option<String>,
    ) -> Self {
        let handle = axum_server::Handle::new();
        let serving = tokio::spawn(brevet_server::cli::serve_on(app.clone(), listener, handle.clone()));
        let ca = reqwest::Certificate::from_pem(app.authority.pem.as_bytes()).unwrap();
        let http = Client::builder().tls_certs_only([ca]).redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let url = app.url.clone();
        let described = Described(Arc::new(brevet_server::http::api(&app).1));
        let owner = Actor { described, http: http.clone(), url: url.clone(), token };
        Self { app, url, http, owner, sign_in, handle, serving: Mutex::new(Some(serving)), data, database }
    }

    /// Where it listens, for who speaks to it byte by byte.
    pub fn place(&self) -> Place {
        Place { port: self.url.rsplit(':').next().unwrap().parse().unwrap(), authority: self.app.authority.pem.clone() }
    }

    /// Stops it and waits until its database is closed.
    pub async fn stop(self) -> Arc<tempfile::TempDir> {
        self.app.stopping.send_replace(true);
        self.handle.graceful_shutdown(Some(std::time::Duration::from_secs(1)));
        let serving = self.serving.lock().unwrap().take().unwrap();
        serving.await.unwrap().unwrap();
        self.data.clone()
    }

    /// A person with a role and a token; approvers are recorded as having no OS user.
    pub async fn person(&self, name: &str, roles: &[&str], decides: bool) -> Actor {
        self.owner.post("/persons", json!({ "name": name, "roles": roles })).await.ok();
        self.owner.put(&format!("/persons/{name}/no-os-user"), json!({ "no_os_user": true })).await.ok();
        self.token_for(name, decides).await
    }

    /// A token that somebody made themself, signed in to the console by a link of the server's own: nobody else has seen it.
    pub async fn own_token(&self, name: &str) -> Actor {
        let link = brevet_server::people::store::recovery_link(&self.app, &self.url, name).await.unwrap();
        self.own_token_by(&link.sign_in).await
    }

    pub async fn own_token_by(&self, link: &str) -> Actor {
        let answer = self.http.post(link).send().await.unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        let page = self.http.post(format!("{}/token", self.url)).header("cookie", cookie).send().await.unwrap().text().await.unwrap();
        let token = page.split("<pre class=\"command\">").nth(1).unwrap().split("</pre>").next().unwrap();
        Actor { token: token.to_owned(), ..self.owner.clone() }
    }

    pub async fn token_for(&self, name: &str, decides: bool) -> Actor {
        let made = self.owner.post("/tokens", json!({ "name": "test", "person": name, "decides": decides })).await.ok();
        Actor { token: made["token"].as_str().unwrap().to_owned(), ..self.owner.clone() }
    }

    pub async fn enrolment_token(&self) -> String {
        self.owner.post("/enrolment-tokens", json!({})).await.ok()["token"].as_str().unwrap().to_owned()
    }

    /// Every byte that the database has on disk.
    pub fn database_bytes(&self) -> Vec<u8> {
        let files = ["brevet.db", "brevet.db-wal"].map(|name| self.data.path().join(name));
        files.iter().filter(|path: &&PathBuf| path.exists()).flat_map(|path| std::fs::read(path).unwrap()).collect()
    }
}

/// A policy in TOML's form, for requests of up to an hour.
pub fn request_policy(name: &str) -> Value {
    json!({
        "name": name, "computers": "all", "users": ["alice"], "mode": "request",
        "applications": [{ "file": "/usr/bin/true" }], "request": { "max_duration": "1h" },
    })
}
