//! A computer as the server sees it: enrols, listens to the stream, writes a journal.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use brevet_api::agent::{Batch, Claims, Enrolled, EnrolmentToken, JournalAnswer, Nonce};
use brevet_core::application::{Fact, Facts};
use brevet_core::digest::Digest;
use brevet_core::document::{Acknowledgement, Content, Envelope, Key, Kind, Trust, open};
use brevet_core::id::{ComputerId, GrantId, Incarnation, PolicyId, RequestId};
use brevet_core::journal::{Chain, Header, Record, SignedHead};
use brevet_core::policy::{Elevation, RequestTerms};
use brevet_core::record::Body;
use brevet_core::request::{Command, PolicyRef, Request};
use brevet_core::time::{Length, Timestamp};
use brevet_core::user::User;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use crate::support::{Actor, Server};

pub struct Agent {
    pub http: Client,
    pub url: String,
    pub id: ComputerId,
    pub enrolled: Enrolled,
    pub transport: Key,
    pub journal: Key,
    pub chain: Chain,
    pub trust: Trust,
    pub now: Timestamp,
}

pub struct Stream {
    response: Response,
    buffer: String,
}

pub fn seed(n: u8) -> [u8; 32] {
    let mut seed: [u8; 32] = brevet_server::clock::random().unwrap();
    seed[0] = n;
    seed
}

pub fn random10() -> [u8; 10] {
    brevet_server::clock::random().unwrap()
}

pub fn parse_token(text: &str) -> EnrolmentToken {
    let body = text.strip_prefix(brevet_api::agent::ENROLMENT_PREFIX).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

impl Agent {
    pub async fn enrol(server: &Server, hostname: &str) -> Self {
        let token = server.enrolment_token().await;
        let agent = Self::enrol_at(&server.owner, &token, hostname).await;
        Self { now: server.app.clock.now(), ..agent }
    }

    pub async fn enrol_at(actor: &Actor, token: &str, hostname: &str) -> Self {
        let token = parse_token(token);
        let (transport, journal) = (Key::from_seed(&seed(1)), Key::from_seed(&seed(2)));
        let now = brevet_server::clock::Clock::default().now();
        let incarnation = Incarnation::new(now.millis(), random10());
        let body = json!({
            "secret": token.secret, "hostname": hostname, "transport_key": transport.public(), "journal_key": journal.public(),
            "incarnation": incarnation, "platform": "test", "version": "0",
        });
        let answer = actor.http.post(format!("{}/agent/v1/enrol", actor.url)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let enrolled: Enrolled = answer.json().await.unwrap();
        assert_eq!(token.root, enrolled.root.fingerprint());
        let trust: Trust = open(&enrolled.trust, std::slice::from_ref(&enrolled.root)).unwrap();
        let chain = Chain::new(enrolled.computer.clone(), incarnation);
        let (http, url) = (actor.http.clone(), actor.url.clone());
        Self { http, url, id: enrolled.computer.clone(), enrolled, transport, journal, chain, trust, now }
    }

    pub async fn nonce(&self) -> Nonce {
        self.http.post(format!("{}/agent/v1/nonce", self.url)).send().await.unwrap().json().await.unwrap()
    }

    pub async fn claims(&self) -> Claims {
        let nonce = self.nonce().await;
        Claims { sub: self.id.clone(), aud: self.enrolled.instance.clone(), nonce: nonce.nonce, exp: nonce.time + 60, iat: nonce.time }
    }

    pub fn sign(&self, claims: &Claims) -> String {
        self.sign_as(&json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.id }), claims, &self.transport)
    }

    pub fn sign_as(&self, header: &Value, claims: &Claims, key: &Key) -> String {
        let part = |bytes: Vec<u8>| URL_SAFE_NO_PAD.encode(bytes);
        let message = format!("{}.{}", part(serde_json::to_vec(header).unwrap()), part(serde_json::to_vec(claims).unwrap()));
        format!("{message}.{}", part(key.sign(message.as_bytes()).to_vec()))
    }

    pub async fn token(&self) -> String {
        self.sign(&self.claims().await)
    }

    pub async fn stream(&self, epoch: u64, seq: u64) -> Stream {
        let query = format!("trust_version=1&epoch={epoch}&seq={seq}&nonce=n1");
        let request = self.http.get(format!("{}/agent/v1/documents?{query}", self.url)).bearer_auth(self.token().await);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        Stream { response, buffer: String::new() }
    }

    pub async fn missing(&self, digests: &[Digest]) -> Vec<Envelope> {
        let request = self.http.post(format!("{}/agent/v1/documents/missing", self.url)).bearer_auth(self.token().await);
        let answer: brevet_api::agent::Documents = request.json(&json!({ "missing": digests })).send().await.unwrap().json().await.unwrap();
        answer.documents
    }

    /// The next document of this type, verified under the trust document; others are passed over.
    pub async fn expect<C: Content>(&self, stream: &mut Stream) -> C {
        loop {
            let envelope = stream.next().await;
            if envelope.kind() == Some(C::KIND) {
                return open(&envelope, &self.trust.keys_for(C::KIND)).unwrap();
            }
            assert!(matches!(envelope.kind(), Some(Kind::Heartbeat | Kind::Manifest)), "unexpected {envelope:?}");
        }
    }

    pub fn record_raw(&mut self, kind: &str, body: &Value) -> Record {
        let header = Header {
            computer: self.id.clone(),
            incarnation: self.chain.incarnation.clone(),
            seq: self.chain.seq + 1,
            prev: self.chain.head,
            time: self.now,
            boot: "boot".into(),
            boottime: 1,
            kind: kind.into(),
            schema: 1,
        };
        let record = Record::seal(&header, &seed(3), body).unwrap();
        self.chain.follow(&record).unwrap();
        record
    }

    pub fn record(&mut self, body: &Body) -> Record {
        self.record_raw(body.kind(), &serde_json::to_value(body).unwrap())
    }

    pub fn batch(&self, records: Vec<Record>) -> Batch {
        Batch { records, head: SignedHead::sign(&self.chain, &self.journal) }
    }

    pub async fn send(&self, batch: &Batch) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}/agent/v1/journal", self.url)).bearer_auth(self.token().await);
        let answer = request.json(batch).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// Sends records and checks the acknowledgement.
    pub async fn deliver(&self, records: Vec<Record>) {
        let (status, answer) = self.send(&self.batch(records)).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let JournalAnswer::Acknowledged { acknowledgement } = serde_json::from_value(answer).unwrap() else { panic!("not acknowledged") };
        let ack: Acknowledgement = open(&acknowledgement, &self.trust.keys_for(Kind::Acknowledgement)).unwrap();
        assert_eq!((ack.seq, ack.head), (self.chain.seq, self.chain.head));
    }

    /// A request by a user under a policy, as the broker would make it.
    pub fn request(&self, user: &str, policy: &Value, duration: &str) -> Request {
        let mut request = Request {
            id: RequestId::new(self.now.millis(), random10()),
            digest: Digest::of(b""),
            computer: self.id.clone(),
            user: User { uid: 1000, name: user.into() },
            command: Command {
                application: facts("/usr/bin/true"),
                arguments: vec!["true".into(), "a b".into()],
                directory: "/".into(),
                target: User { uid: 0, name: "root".into() },
                kept_environment: Vec::new(),
            },
            elevation: Elevation::default(),
            policy: policy_ref(policy),
            terms: serde_json::from_value::<RequestTerms>(policy["request"].clone()).unwrap(),
            reason: "because".into(),
            ticket: None,
            duration: Length::parse(duration).unwrap(),
            created: self.now,
            lapses: self.now.plus(Length::from_hours(1)),
        };
        request.digest = request.compute_digest().unwrap();
        request
    }

    /// Has a request recorded and delivered.
    pub async fn ask(&mut self, user: &str, policy: &Value, duration: &str) -> Request {
        let request = self.request(user, policy, duration);
        let record = self.record(&Body::RequestCreated(Box::new(request.clone())));
        self.deliver(vec![record]).await;
        request
    }
}

pub fn policy_ref(policy: &Value) -> PolicyRef {
    PolicyRef {
        id: PolicyId::parse(policy["id"].as_str().unwrap()).unwrap(),
        version: policy["version"].as_u64().unwrap(),
        name: policy["name"].as_str().unwrap().into(),
    }
}

pub fn grant_id(value: &Value) -> GrantId {
    GrantId::parse(value.as_str().unwrap()).unwrap()
}

pub fn facts(path: &str) -> Facts {
    Facts {
        path: path.into(),
        names: vec![path.into()],
        chain: Fact::Known(true),
        writable_by: None,
        sha256: Digest::of(path.as_bytes()),
        size: 1,
        owner: Fact::Known("root".into()),
        mode: 0o755,
        package: Fact::Known(None),
        interpreter: None,
        parent: Fact::Unknown("not looked at".into()),
        store: Fact::Known(None),
    }
}

impl Stream {
    /// The next document, within ten seconds.
    pub async fn next(&mut self) -> Envelope {
        tokio::time::timeout(Duration::from_secs(10), self.read()).await.expect("a document within ten seconds").expect("an open stream")
    }

    /// Whether the server ends the stream within ten seconds, whatever it still sends.
    pub async fn ends(&mut self) -> bool {
        tokio::time::timeout(Duration::from_secs(10), async { while self.read().await.is_some() {} }).await.is_ok()
    }

    async fn read(&mut self) -> Option<Envelope> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let event: String = self.buffer.drain(..end + 2).collect();
                let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                if let Some(data) = data {
                    assert!(event.contains("event: document"));
                    return Some(serde_json::from_str(data).unwrap());
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok()??;
            self.buffer.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}
