//! Calls to the server (DESIGN section 3): every answer is bounded. A token serves for a minute; the server counts those that are
//! alive, so that one for each request would soon shut a busy computer out.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_api::agent::{
    Batch, Claims, Documents, Enrol, Enrolled, JournalAnswer, Missing, Nonce, PROTOCOL, Position, Processes, VERSION_HEADER,
};
use brevet_core::digest::Digest;
use brevet_core::document::{Key, MAX_DOCUMENT, MAX_MANIFEST};
use brevet_core::escape;
use brevet_core::id::{ComputerId, InstanceId};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;

/// Largest envelope of a document as JSON: its payload, signatures and names.
pub const MAX_ENVELOPE: usize = MAX_MANIFEST + 64 * 1024;
/// How many missing documents are asked for at once. The server answers as many of them as fit into `MISSING_BYTES`.
pub const MISSING_AT_ONCE: usize = 256;
/// Largest answer with missing documents: an earlier server gave sixteen at their largest, whatever was asked.
const MISSING_BYTES: usize = 16 * (MAX_DOCUMENT + 64 * 1024);
/// How long a token is good for, by the server's clock.
const TOKEN_SECONDS: i64 = 120;
/// How long a token is used, by this computer's: well before the server would refuse it.
const TOKEN_USED_FOR: Duration = Duration::from_secs(60);
const SMALL: usize = 64 * 1024;
const WHOLE_REQUEST: Duration = Duration::from_secs(60);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No connection, or it broke, or its certificate is not the pinned one.
    #[error("cannot reach the server at {url}")]
    Unreachable {
        /// Its address.
        url: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// An answer that is not success.
    #[error("the server answered {status}{}", .message.as_ref().map(|m| format!(": {m}")).unwrap_or_default())]
    Status {
        /// HTTP status.
        status: u16,
        /// `title` or `detail` of its problem, escaped.
        message: Option<String>,
        /// The problem's stable code.
        code: Option<String>,
    },
    /// Larger than anything that this protocol sends.
    #[error("the server's answer is larger than {limit} bytes")]
    TooLarge {
        /// What is allowed.
        limit: usize,
    },
    /// Not what the protocol says.
    #[error("the server's answer is not what was expected: {0}")]
    Content(String),
    /// The stream said nothing, not even that it is alive.
    #[error("the server was silent for {0} seconds")]
    Silent(u64),
    /// It ended the stream.
    #[error("the server closed the stream of documents")]
    Closed,
}

impl ServerError {
    const fn is_unauthenticated(&self) -> bool {
        matches!(self, Self::Status { status: 401, .. })
    }

    /// Whether the server does not know what was asked of it: it is an earlier one.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }

    /// Whether the server said that it does not accept us, rather than that something is wrong for now.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Status { status: 400..=499, .. })
    }
}

/// A server that this computer is enrolled with.
pub struct Server {
    http: reqwest::Client,
    url: String,
    computer: ComputerId,
    instance: InstanceId,
    key: Key,
    token: Mutex<Option<Token>>,
}

/// A token and until when it is used.
struct Token {
    text: String,
    until: Instant,
}

impl Server {
    /// `key` is the transport key.
    #[must_use]
    pub fn new(http: reqwest::Client, url: &str, computer: ComputerId, instance: InstanceId, key: Key) -> Self {
        Self { http, url: url.trim_end_matches('/').to_owned(), computer, instance, key, token: Mutex::default() }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Opens the stream of documents.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn documents(&self, position: &Position) -> Result<Response, ServerError> {
        let request = || {
            let request = self.http.get(format!("{}/agent/v1/documents", self.url)).query(&[
                ("trust_version", position.trust_version.to_string()),
                ("epoch", position.epoch.to_string()),
                ("seq", position.seq.to_string()),
                ("nonce", position.nonce.clone()),
            ]);
            request.header("accept", "text/event-stream")
        };
        // The head of the answer has a deadline; the stream itself has one for its silence, which the reader keeps.
        let sent = tokio::time::timeout(WHOLE_REQUEST, self.send(request)).await;
        let response = sent.map_err(|_| ServerError::Silent(WHOLE_REQUEST.as_secs()))??;
        let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default();
        if kind.starts_with("text/event-stream") {
            Ok(response)
        } else {
            Err(ServerError::Content(format!("content type {}", escape::terminal(kind.as_bytes()))))
        }
    }

    /// Shared documents that the broker lacks, or some of them; at most `MISSING_AT_ONCE`.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn missing(&self, digests: &[Digest]) -> Result<Documents, ServerError> {
        let body = Missing { missing: digests.to_vec() };
        self.post("/agent/v1/documents/missing", &body, MISSING_BYTES).await
    }

    /// Delivers a batch of journal records.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub async fn journal(&self, batch: &Batch) -> Result<JournalAnswer, ServerError> {
        self.post("/agent/v1/journal", batch, MAX_ENVELOPE).await
    }

    /// Tells how many processes sessions have.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or does not know this (`is_unknown`).
    pub async fn processes(&self, counted: &Processes) -> Result<(), ServerError> {
        let request = || self.http.post(format!("{}/agent/v1/processes", self.url)).timeout(WHOLE_REQUEST).json(counted);
        self.send(request).await.map(drop)
    }

    async fn post<B: Serialize, A: DeserializeOwned>(&self, path: &str, body: &B, limit: usize) -> Result<A, ServerError> {
        let request = || self.http.post(format!("{}{path}", self.url)).timeout(WHOLE_REQUEST).json(body);
        answer(&self.url, self.send(request).await?, limit).await
    }

    /// Sends with the token at hand. One that the server does not know (it was started anew, or this computer slept) is replaced, once.
    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Response, ServerError> {
        let (token, new) = self.token(None).await?;
        match send(&self.url, request().bearer_auth(&token)).await {
            Err(error) if error.is_unauthenticated() && !new => {
                let (token, _) = self.token(Some(&token)).await?;
                send(&self.url, request().bearer_auth(&token)).await
            }
            other => other,
        }
    }

    /// The token at hand, and whether it is new. `refused` is one that the server did not accept.
    async fn token(&self, refused: Option<&str>) -> Result<(String, bool), ServerError> {
        let mut held = self.token.lock().await;
        let usable = held.as_ref().filter(|token| token.until > Instant::now() && Some(token.text.as_str()) != refused);
        if let Some(token) = usable {
            return Ok((token.text.clone(), false));
        }
        let text = self.new_token().await?;
        *held = Some(Token { text: text.clone(), until: Instant::now() + TOKEN_USED_FOR });
        Ok((text, true))
    }

    /// A new token: nonce and time are the server's, so that a wrong clock here does no harm.
    async fn new_token(&self) -> Result<String, ServerError> {
        let request = self.http.post(format!("{}/agent/v1/nonce", self.url)).timeout(WHOLE_REQUEST);
        let nonce: Nonce = answer(&self.url, send(&self.url, request).await?, SMALL).await?;
        let claims = Claims {
            sub: self.computer.clone(),
            aud: self.instance.clone(),
            nonce: nonce.nonce,
            iat: nonce.time,
            exp: nonce.time.saturating_add(TOKEN_SECONDS),
        };
        sign_token(&claims, &self.key)
    }
}

/// A JWT by EdDSA (RFC 8037).
fn sign_token(claims: &Claims, key: &Key) -> Result<String, ServerError> {
    let claims_json = serde_json::to_vec(claims).map_err(|error| ServerError::Content(error.to_string()))?;
    let header = serde_json::json!({ "alg": "EdDSA", "typ": "JWT", "kid": claims.sub }).to_string();
    let mut token = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims_json));
    let signature = key.sign(token.as_bytes());
    token.push('.');
    token.push_str(&URL_SAFE_NO_PAD.encode(signature));
    Ok(token)
}

/// Enrols: the one call without a token.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub async fn enrol(http: &reqwest::Client, url: &str, body: &Enrol) -> Result<Enrolled, ServerError> {
    let url = url.trim_end_matches('/');
    let request = http.post(format!("{url}/agent/v1/enrol")).timeout(WHOLE_REQUEST).json(body);
    answer(url, send(url, request).await?, MAX_ENVELOPE).await
}

async fn send(url: &str, request: RequestBuilder) -> Result<Response, ServerError> {
    let request = request.header("brevet-protocol", PROTOCOL.to_string()).header(VERSION_HEADER, env!("CARGO_PKG_VERSION"));
    let response = request.send().await.map_err(|source| ServerError::Unreachable { url: url.to_owned(), source })?;
    if response.status() == StatusCode::OK || response.status() == StatusCode::CREATED {
        return Ok(response);
    }
    let status = response.status().as_u16();
    let problem = read(url, response, SMALL).await.ok().and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let text = |field: &str| {
        let value = problem.as_ref().and_then(|p| p.get(field)).and_then(|v| v.as_str());
        value.filter(|v| !v.is_empty()).map(|v| escape::terminal(v.as_bytes()))
    };
    Err(ServerError::Status { status, message: text("detail").or_else(|| text("title")), code: text("code") })
}

async fn read(url: &str, mut response: Response, limit: usize) -> Result<Vec<u8>, ServerError> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(|source| ServerError::Unreachable { url: url.to_owned(), source })? {
        if body.len().saturating_add(piece.len()) > limit {
            return Err(ServerError::TooLarge { limit });
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

async fn answer<A: DeserializeOwned>(url: &str, response: Response, limit: usize) -> Result<A, ServerError> {
    let body = read(url, response, limit).await?;
    serde_json::from_slice(&body).map_err(|error| ServerError::Content(error.to_string()))
}
