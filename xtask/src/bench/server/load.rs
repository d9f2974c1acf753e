//! Calls over a few connections that stay open, each as soon as the one before is answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use reqwest::{Certificate, Client, ClientBuilder, Method, Request, Url};

use crate::bench::alone::Alone;
use crate::bench::figures::Figures;

/// Connections at a time.
pub const CONNECTIONS: usize = 4;
/// Nothing is counted before so many were answered.
const AHEAD: usize = 40;
/// So long one thing is done, where it was answered twice as often as is not counted; else until it was, or for the longest.
const USUAL: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

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

/// A client that keeps one connection open and believes this authority alone.
pub fn client(ca: &str) -> Result<ClientBuilder> {
    let authority = Certificate::from_pem(&std::fs::read(ca).with_context(|| ca.to_owned())?)?;
    Ok(one_connection().tls_certs_only([authority]).timeout(Duration::from_secs(600)))
}

fn one_connection() -> ClientBuilder {
    // A second one finds it set.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder().http1_only().pool_max_idle_per_host(1)
}

impl Load {
    /// To this server, as its owner.
    pub fn new(server: &Alone) -> Result<Self> {
        Self::to(&server.url, server.token.clone(), || Ok(client(&server.ca)?.build()?))
    }

    fn to(url: &str, token: String, client: impl Fn() -> Result<Client>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let clients = (0..CONNECTIONS).map(|_| client()).collect::<Result<_>>()?;
        Ok(Self { runtime, clients, base: format!("{url}/api/v1"), token })
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
        let begun = Begun { at: Instant::now(), asked: AtomicUsize::new(0) };
        let connections = self.clients.iter().map(|client| self.connection(client, call, &begun));
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
    async fn connection(&self, client: &Client, call: &Call, begun: &Begun) -> Result<Vec<(Instant, Duration)>> {
        let mut samples = Vec::new();
        while begun.goes_on() {
            let n = begun.asked.fetch_add(1, Ordering::Relaxed);
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

/// One thing that is being measured.
struct Begun {
    at: Instant,
    asked: AtomicUsize,
}

impl Begun {
    fn goes_on(&self) -> bool {
        let enough = self.asked.load(Ordering::Relaxed) >= 2 * AHEAD;
        self.at.elapsed() < if enough { USUAL } else { LONGEST }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    use super::*;

    const TAKES: Duration = Duration::from_millis(3);

    /// What was asked for over each connection.
    type Heard = Arc<Mutex<Vec<Vec<String>>>>;

    /// A server that takes its time, and says no to one path.
    fn slow() -> (String, Heard) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Heard::default();
        let all = Arc::clone(&heard);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                all.lock().unwrap().push(Vec::new());
                let all = Arc::clone(&all);
                std::thread::spawn(move || answer(&stream.unwrap(), |line| all.lock().unwrap()[number].push(line)));
            }
        });
        (url, heard)
    }

    fn answer(stream: &TcpStream, hears: impl Fn(String)) -> Option<()> {
        let mut lines = BufReader::new(stream).lines();
        loop {
            let first = lines.next()?.ok()?;
            let mut headers = Vec::new();
            while let Some(header) = lines.next()?.ok().filter(|line| !line.is_empty()) {
                headers.push(header.to_lowercase());
            }
            assert!(headers.iter().any(|header| header == "authorization: bearer secret"), "{headers:?}");
            std::thread::sleep(TAKES);
            let status = if first.contains("/no/") { "500 No" } else { "200 OK" };
            hears(first);
            write!(&mut &*stream, "HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}").ok()?;
        }
    }

    fn load(url: &str) -> Load {
        Load::to(url, "secret".into(), || Ok(one_connection().build()?)).unwrap()
    }

    fn once_each(path: &'static str, count: usize) -> Call {
        let references = (0..count).map(|n| n.to_string()).collect();
        Call { what: path, method: Method::GET, path, references, body: None, again: false }
    }

    #[test]
    fn each_reference_is_called_once_over_connections_that_stay_open_and_times_are_those_of_the_server() {
        let (url, heard) = slow();
        let (figures, rate) = load(&url).run(&once_each("/yes/{}", 140)).unwrap();
        let heard = heard.lock().unwrap();
        assert_eq!(heard.len(), CONNECTIONS, "a connection each");
        let mut paths: Vec<&String> = heard.iter().flatten().collect();
        paths.sort_unstable();
        let mut wanted: Vec<String> = (0..140).map(|n| format!("GET /api/v1/yes/{n} HTTP/1.1")).collect();
        wanted.sort_unstable();
        assert_eq!(paths, wanted.iter().collect::<Vec<_>>());
        assert_eq!(figures.n, 140 - AHEAD);
        let takes = TAKES.as_secs_f64() * 1e3;
        assert!(figures.p50 >= takes && figures.p95 >= figures.p50 && figures.p99 >= figures.p95, "{figures:?}");
        // The first that counts may have been on its way when counting began.
        let most = CONNECTIONS as f64 / TAKES.as_secs_f64() * (140.0 / (140.0 - AHEAD as f64));
        assert!(rate > 0.0 && rate <= most, "{rate}");
    }

    #[test]
    fn an_answer_that_is_no_success_ends_the_measurement() {
        let (url, _) = slow();
        let failed = load(&url).run(&once_each("/no/{}", 140)).unwrap_err();
        assert!(failed.to_string().starts_with("/no/") && failed.to_string().contains("500"), "{failed}");
    }

    #[test]
    fn few_answers_are_no_figure() {
        let (url, _) = slow();
        assert!(load(&url).run(&once_each("/yes/{}", AHEAD)).is_err());
    }
}
