//! Which server certificates are believed: the one whose fingerprint the enrolment token carried, the one kept from
//! enrolment, or those of the system. Nothing is believed for the channel's sake alone; a wrong server only learns less.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use brevet_core::digest::Digest;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// What a server's certificate is checked against.
#[derive(Debug, Clone)]
pub enum Trusted {
    /// The system's certificates.
    Public,
    /// The chain must contain the certificate with this SHA-256, and the leaf verify under it.
    Fingerprint(Digest),
    /// The leaf must be one of these certificates or verify under one (PEM).
    Certificates(String),
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not PEM, or no certificate in it.
    #[error("no usable certificate in the PEM text kept from enrolment")]
    Pem,
    /// rustls or reqwest refused the configuration.
    #[error("cannot set up TLS")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A client for one server and, for a fingerprint, where the certificate that had it is left.
pub struct Client {
    /// The client.
    pub http: reqwest::Client,
    seen: Option<Arc<Pinned>>,
}

impl Client {
    /// # Errors
    /// When the trusted certificates cannot be read.
    pub fn new(trusted: &Trusted) -> Result<Self, TlsError> {
        let pin = match trusted {
            Trusted::Public => None,
            Trusted::Fingerprint(digest) => Some(Pin::Fingerprint(*digest)),
            Trusted::Certificates(pem) => Some(Pin::Certificates(read_certificates(pem)?)),
        };
        let builder = reqwest::Client::builder()
            .user_agent(concat!("brevetd/", env!("CARGO_PKG_VERSION")))
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_keepalive(Duration::from_secs(30));
        let setup = |error: reqwest::Error| TlsError::Setup(Box::new(error));
        let Some(pin) = pin else {
            return Ok(Self { http: builder.build().map_err(setup)?, seen: None });
        };
        let provider = Arc::new(ring::default_provider());
        let verifier = Arc::new(Pinned { pin, provider: provider.clone(), seen: Mutex::new(None) });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Setup(Box::new(error)))?
            .dangerous()
            .with_custom_certificate_verifier(verifier.clone())
            .with_no_client_auth();
        let http = builder.tls_backend_preconfigured(config).build().map_err(setup)?;
        Ok(Self { http, seen: Some(verifier) })
    }

    /// PEM of the pinned certificate that the server showed; `None` before the first connection or without a pin.
    #[must_use]
    pub fn pinned_certificate(&self) -> Option<String> {
        let seen = self.seen.as_ref()?.seen.lock().ok()?.clone()?;
        Some(to_pem(&seen))
    }
}

fn read_certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(|_| TlsError::Pem)?;
    if certificates.is_empty() { Err(TlsError::Pem) } else { Ok(certificates) }
}

fn to_pem(certificate: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(certificate);
    let mut out = String::from("-----BEGIN CERTIFICATE-----\n");
    for (i, c) in text.chars().enumerate() {
        if i > 0 && i % 64 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    out.push_str("\n-----END CERTIFICATE-----\n");
    out
}

#[derive(Debug)]
enum Pin {
    Fingerprint(Digest),
    Certificates(Vec<CertificateDer<'static>>),
}

#[derive(Debug)]
struct Pinned {
    pin: Pin,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Option<CertificateDer<'static>>>,
}

impl Pinned {
    /// INVARIANT: a certificate from the wire becomes an anchor only when its SHA-256 is the pinned one.
    fn anchors(&self, leaf: &CertificateDer<'_>, chain: &[CertificateDer<'_>]) -> Vec<CertificateDer<'static>> {
        match &self.pin {
            Pin::Certificates(certificates) => certificates.clone(),
            Pin::Fingerprint(digest) => {
                let found = std::iter::once(leaf).chain(chain).find(|c| Digest::of(c.as_ref()) == *digest);
                found.map(|c| c.clone().into_owned()).into_iter().collect()
            }
        }
    }
}

impl Pinned {
    /// WHY: a computer whose clock is wrong must still connect (DESIGN section 3), and learns the right time only then. So under a
    /// pinned certificate the leaf's dates are taken for what they say; who holds its key may be believed at that moment too.
    fn verify_chain(
        &self,
        leaf: &ParsedCertificate<'_>,
        roots: &RootCertStore,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        let algorithms = self.provider.signature_verification_algorithms.all;
        let verify = |time| verify_server_cert_signed_by_trust_anchor(leaf, roots, chain, time, algorithms);
        match verify(now) {
            Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => verify(not_before),
            Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => verify(not_after),
            other => other,
        }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let anchors = self.anchors(leaf, chain);
        let [first, ..] = anchors.as_slice() else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        let parsed = ParsedCertificate::try_from(leaf)?;
        // A certificate that is pinned itself needs no issuer and no dates: the pin says which one it is.
        if !anchors.iter().any(|anchor| anchor.as_ref() == leaf.as_ref()) {
            let mut roots = RootCertStore::empty();
            for anchor in &anchors {
                roots.add(anchor.clone())?;
            }
            self.verify_chain(&parsed, &roots, chain, now)?;
        }
        verify_server_name(&parsed, name)?;
        if let Ok(mut seen) = self.seen.lock() {
            *seen = Some(first.clone());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
