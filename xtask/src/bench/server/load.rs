//! Calls over a few connections that stay open, each as soon as the one before is answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use reqwest::{Certificate, Client, Method, Request, Url};

use crate::bench::alone::Alone;
use crate::bench::figures::Figures;

/// Connections at a time.
pub const CONNECTIONS: usize = 4;
/// Nothing is counted before so many were answered.
const AHEAD: usize = 40;
/// One thing is not done for longer.
const LONGEST: Duration = Duration::from_secs(5);

/// What is called, one after another: `path` with each of the references in the place of `{}`, over and over or once each.
pub struct Call {
    /// As a row names it.
    pub what: &'static str,
    /// How.
    pub method: Method,
    /// From `/api/v1` on.
    pub path: &'static str,
    /// What stands for `{}`.
    pub references: Vec<String>,
    /// Sent with it.
    pub body: Option<serde_json::Value>,
    /// Whether a reference is used a second time.
    pub again: bool,
}

/// Calls a server.
pub struct Load {
    runtime: tokio::runtime::Runtime,
    clients: Vec<Client>,
    base: String,
    token: String,
}

impl Load {
    /// To this server, as its owner.
    pub fn new(server: &Alone) -> Result<Self> {
        // A second one finds it set.
        drop(rustls::crypto::ring::default_provider().install_default());
        let ca = std::fs::read(&server.ca).with_context(|| server.ca.clone())?;
        let client = || -> Result<Client> {
            let builder = Client::builder().tls_certs_only([Certificate::from_pem(&ca)?]).http1_only().pool_max_idle_per_host(1);
            Ok(builder.timeout(Duration::from_secs(600)).build()?)
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let clients = (0..CONNECTIONS).map(|_| client()).collect::<Result<_>>()?;
        Ok(Self { runtime, clients, base: format!("{}/api/v1", server.url), token: server.token.clone() })
    }

    /// One call, and what was answered.
    pub fn once(&self, method: Method, path: &str, body: Option<&serde_json::Value>) -> Result<serde_json::Value> {
        let client = self.clients.first().context("a connection")?;
        let request = self.request(client, method, path, body)?;
        self.runtime.block_on(async {
            let answer = client.execute(request).await?;
            let (status, text) = (answer.status(), answer.text().await?);
            ensure!(status.is_success(), "{path}: {status} {text}");
            Ok(serde_json::from_str(&text)?)
        })
    }

    fn request(&self, client: &Client, method: Method, path: &str, body: Option<&serde_json::Value>) -> Result<Request> {
        let changes = method == Method::PUT;
        let mut request = client.request(method, Url::parse(&format!("{}{path}", self.base))?).bearer_auth(&self.token);
        if changes {
            request = request.header("if-match", "*");
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        Ok(request.build()?)
    }

    /// Milliseconds of each call, and how many were answered in a second.
    pub fn run(&self, call: &Call) -> Result<(Figures, f64)> {
        let next = AtomicUsize::new(0);
        let begun = Instant::now();
        let connections = self.clients.iter().map(|client| self.connection(client, call, &next, begun));
        let mut samples = self.runtime.block_on(try_join_all(connections))?.concat();
        samples.sort_unstable();
        ensure!(samples.len() > AHEAD, "only {} calls were answered", samples.len());
        // What was first has nothing in its caches.
        let counted: Vec<f64> = samples.iter().skip(AHEAD).map(|(_, took)| took.as_secs_f64() * 1e3).collect();
        let (first, last) = (samples[AHEAD - 1].0, samples[samples.len() - 1].0);
        let rate = counted.len() as f64 / last.duration_since(first).as_secs_f64();
        Ok((Figures::of(counted)?, rate))
    }

    /// When each call of a connection was answered, and after how long.
    async fn connection(&self, client: &Client, call: &Call, next: &AtomicUsize, begun: Instant) -> Result<Vec<(Instant, Duration)>> {
        let mut samples = Vec::new();
        while begun.elapsed() < LONGEST {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if !call.again && n >= call.references.len() {
                break;
            }
            let reference = call.references.get(n % call.references.len().max(1)).map_or("", String::as_str);
            let path = call.path.replace("{}", reference);
            let request = self.request(client, call.method.clone(), &path, call.body.as_ref())?;
            let sent = Instant::now();
            let answer = client.execute(request).await?;
            let (status, body) = (answer.status(), answer.bytes().await?);
            let answered = Instant::now();
            ensure!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&body));
            samples.push((answered, answered - sent));
        }
        Ok(samples)
    }
}
