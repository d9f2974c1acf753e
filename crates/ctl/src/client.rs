//! Calls to the REST API: the only way in which brevetctl learns or changes anything.

use std::time::Duration;

use brevet_api::rest::{Page, Problem};
use reqwest::blocking::{RequestBuilder, Response};
use reqwest::{Certificate, Method, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{CtlError, Result};
use crate::near;
use crate::profile::Target;
use crate::progress::{Counted, Progress};

/// The most that one page holds.
const PAGE: u32 = 500;

/// A signed-in connection.
pub struct Client {
    http: reqwest::blocking::Client,
    base: Url,
    server: String,
    token: String,
}

impl Client {
    /// # Errors
    /// When address or certificate cannot be used.
    pub fn new(target: Target) -> Result<Self> {
        let usage = |what: &str, error: String| CtlError::Usage(format!("{what} cannot be used: {error}"));
        let base = Url::parse(&target.server).map_err(|error| usage("the server's address", error.to_string()))?;
        let mut builder = reqwest::blocking::Client::builder()
            .user_agent(concat!("brevetctl/", env!("CARGO_PKG_VERSION")))
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(120));
        if let Some(pem) = target.ca {
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| usage("the certificate of --ca", error.to_string()))?;
            if certificates.is_empty() {
                return Err(CtlError::Usage("the file of --ca has no PEM certificate in it".into()));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let http = builder.build().map_err(|error| usage("the TLS settings", error.to_string()))?;
        Ok(Self { http, base, server: target.server, token: target.token })
    }

    /// `GET` of one object.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn get<A: DeserializeOwned>(&self, path: &[&str]) -> Result<A> {
        self.get_with(path, &())
    }

    /// `GET` with a query.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn get_with<Q: Serialize, A: DeserializeOwned>(&self, path: &[&str], query: &Q) -> Result<A> {
        let answer = self.send(self.request(Method::GET, path)?.query(query));
        read(answer.map_err(|refusal| near::with_hint(self, path, refusal))?)
    }

    /// `GET` of text, handed on as it comes.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses, or writing fails.
    pub fn copy<Q: Serialize>(&self, path: &[&str], query: &Q, to: &mut dyn std::io::Write) -> Result<()> {
        let mut response = self.send(self.request(Method::GET, path)?.query(query))?;
        let mut to = to;
        let mut counted = Counted { to: &mut to, progress: Progress::default(), bytes: 0 };
        std::io::copy(&mut response, &mut counted).map_err(|source| CtlError::Io { what: "copy the server's answer".into(), source })?;
        Ok(())
    }

    /// A list: as many pages as `limit` items need.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn list<Q: Serialize, A: DeserializeOwned>(&self, path: &[&str], query: &Q, limit: usize) -> Result<Page<A>> {
        let mut all = Page { items: Vec::new(), next: None };
        let mut progress = Progress::default();
        loop {
            let left = u32::try_from(limit.saturating_sub(all.items.len())).unwrap_or(PAGE).clamp(1, PAGE);
            let mut page_query = vec![("limit", left.to_string())];
            page_query.extend(all.next.take().map(|cursor| ("cursor", cursor)));
            let answer = self.send(self.request(Method::GET, path)?.query(query).query(&page_query));
            // The list of names itself is where a name is looked for.
            let answer = if path.len() > 1 { answer.map_err(|refusal| near::with_hint(self, path, refusal)) } else { answer };
            let page: Page<A> = read(answer?)?;
            // A page may be empty and not the last: a search looks through so much and no more at a time.
            let goes_on =
                page.next.is_some() && !page_query.iter().any(|(name, value)| *name == "cursor" && page.next.as_ref() == Some(value));
            all.items.extend(page.items);
            all.next = page.next;
            progress.so_far(all.items.len(), "read");
            if !goes_on || all.items.len() >= limit {
                return Ok(all);
            }
        }
    }

    /// `POST` or `PUT` with a body.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn send_body<B: Serialize, A: DeserializeOwned>(&self, method: Method, path: &[&str], body: &B) -> Result<A> {
        let answer = self.send(self.request(method, path)?.json(body));
        read(answer.map_err(|refusal| near::with_hint(self, path, refusal))?)
    }

    /// `POST` with a body.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn post<B: Serialize, A: DeserializeOwned>(&self, path: &[&str], body: &B) -> Result<A> {
        self.send_body(Method::POST, path, body)
    }

    /// `POST` without a body.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn post_empty<A: DeserializeOwned>(&self, path: &[&str]) -> Result<A> {
        let answer = self.send(self.request(Method::POST, path)?);
        read(answer.map_err(|refusal| near::with_hint(self, path, refusal))?)
    }

    /// `DELETE`.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn delete<Q: Serialize>(&self, path: &[&str], query: &Q) -> Result<Response> {
        self.send(self.request(Method::DELETE, path)?.query(query))
    }

    /// `DELETE` of the version that was seen: what somebody changed meanwhile stays.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn delete_version(&self, path: &[&str], version: u64) -> Result<Response> {
        self.send(self.request(Method::DELETE, path)?.header("if-match", format!("\"{version}\"")))
    }

    /// `PUT` of the next version of what was seen: what somebody changed meanwhile stays.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn put_version<B: Serialize, A: DeserializeOwned>(&self, path: &[&str], version: u64, body: &B) -> Result<A> {
        read(self.send(self.request(Method::PUT, path)?.header("if-match", format!("\"{version}\"")).json(body))?)
    }

    /// `PUT` of everything that there is to say, whatever is there.
    ///
    /// # Errors
    /// When the server cannot be reached or refuses.
    pub fn put_all<B: Serialize, A: DeserializeOwned>(&self, path: &[&str], body: &B) -> Result<A> {
        read(self.send(self.request(Method::PUT, path)?.header("if-match", "*").json(body))?)
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder> {
        let mut url = self.base.clone();
        // A name that a URL would swallow names nothing that could exist under it.
        if let Some(odd) = path.iter().find(|part| part.is_empty() || matches!(**part, "." | "..")) {
            return Err(CtlError::NotFound(format!("'{odd}' is not a name or id")));
        }
        url.path_segments_mut()
            .map_err(|()| CtlError::Usage("the server's address cannot be used".into()))?
            .pop_if_empty()
            .extend(["api", "v1"])
            .extend(path);
        Ok(self.http.request(method, url).bearer_auth(&self.token))
    }

    fn send(&self, request: RequestBuilder) -> Result<Response> {
        let unreachable = |source: reqwest::Error| CtlError::Unreachable { url: self.server.clone(), source: source.without_url() };
        let response = request.send().map_err(unreachable)?;
        if response.status() == StatusCode::ACCEPTED {
            return Err(CtlError::Proposed(Box::new(read(response)?)));
        }
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let text = response.text().unwrap_or_default();
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => Err(CtlError::Refused(Box::new(problem))),
            Err(_) => Err(CtlError::Answer(format!("status {status}; is this the address of a Brevet server?"))),
        }
    }
}

/// Reads an answer's JSON.
///
/// # Errors
/// When it is something else.
pub fn read<A: DeserializeOwned>(response: Response) -> Result<A> {
    let bytes = response.bytes().map_err(|error| CtlError::Answer(error.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|error| CtlError::Answer(error.to_string()))
}
