//! TLS by default: a certificate authority of our own made on first start, and a leaf from it made at each start, and again before it ends.
//!
//! Computers pin the authority (an enrolment token carries its digest); nothing else is believed for the channel's sake.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use brevet_core::digest::Digest;
use brevet_core::time::{Length, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::keys::write_private;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("cannot use {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The certificate could not be made.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    /// The TLS library refused it.
    #[error("cannot use the certificate")]
    Use(#[from] rustls::Error),
}

/// The authority of this installation.
pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
    /// The certificate, as computers and browsers take it.
    pub pem: String,
    der: CertificateDer<'static>,
    folder: PathBuf,
    /// When the last leaf ends, in Unix milliseconds.
    ends: AtomicI64,
}

/// How long before its end a leaf is replaced.
const RENEWED_BEFORE: Length = Length::from_hours(30 * 24);
/// When the authority ends.
const AUTHORITY_ENDS: i32 = 2060;

impl Authority {
    /// Where its certificate is.
    #[must_use]
    pub fn path(data: &Path) -> PathBuf {
        data.join("tls").join("ca.pem")
    }

    /// Reads it, or makes it on first use.
    ///
    /// # Errors
    /// When it can be neither read nor made.
    pub fn open(data: &Path) -> Result<Self, TlsError> {
        let folder = data.join("tls");
        let (key_file, pem_file) = (folder.join("ca.key"), Self::path(data));
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| TlsError::File { path, source }
        };
        std::fs::create_dir_all(&folder).map_err(failed(&folder))?;
        if !pem_file.exists() {
            let key = KeyPair::generate()?;
            let certificate = authority_params().self_signed(&key)?;
            // A key left by a start that was interrupted before its certificate was written certified nothing.
            let _ = std::fs::remove_file(&key_file);
            write_private(&key_file, key.serialize_pem().as_bytes()).map_err(failed(&key_file))?;
            std::fs::write(&pem_file, certificate.pem()).map_err(failed(&pem_file))?;
        }
        let key = KeyPair::from_pem(&std::fs::read_to_string(&key_file).map_err(failed(&key_file))?)?;
        let pem = std::fs::read_to_string(&pem_file).map_err(failed(&pem_file))?;
        let der = <CertificateDer<'static> as rustls::pki_types::pem::PemObject>::from_pem_slice(pem.as_bytes())
            .map_err(|error| failed(&pem_file)(std::io::Error::other(error.to_string())))?;
        Ok(Self { params: authority_params(), key, pem, der, folder, ends: AtomicI64::new(i64::MAX) })
    }

    /// Where it is: within the server's data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// When the leaf in use ends.
    #[must_use]
    pub fn ends(&self) -> Timestamp {
        Timestamp::from_millis(self.ends.load(Ordering::Relaxed))
    }

    /// Whether that is within 30 days.
    #[must_use]
    pub fn ends_soon(&self, now: Timestamp) -> bool {
        self.ends() <= now.plus(RENEWED_BEFORE)
    }

    /// What an enrolment token carries.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.der)
    }

    /// A TLS configuration with a fresh leaf for these names and addresses; the chain carries the authority too.
    ///
    /// # Errors
    /// When the leaf cannot be made.
    pub fn server_config(&self, names: Vec<String>, now: Timestamp) -> Result<Arc<rustls::ServerConfig>, TlsError> {
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "brevet-server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let year = now.to_string().get(..4).and_then(|y| y.parse::<i32>().ok()).unwrap_or(2026);
        params.not_before = rcgen::date_time_ymd(year.saturating_sub(1), 1, 1);
        let until = year.saturating_add(2).min(AUTHORITY_ENDS);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &Issuer::from_params(&self.params, &self.key))?;
        let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone(), self.der.clone()], private)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let ends = Timestamp::parse(&format!("{until:04}-01-01T00:00:00Z")).unwrap_or(now);
        self.ends.store(ends.millis(), Ordering::Relaxed);
        Ok(Arc::new(config))
    }
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Brevet server authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(AUTHORITY_ENDS, 1, 1);
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_due_thirty_days_before_its_end_and_the_next_one_is_not() {
        let data = tempfile::tempdir().unwrap();
        let authority = Authority::open(data.path()).unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let make = |now: &str| authority.server_config(vec!["localhost".into()], at(now)).unwrap();
        make("2026-11-25T10:00:00Z");
        assert_eq!(authority.ends(), at("2028-01-01T00:00:00Z"));
        assert!(!authority.ends_soon(at("2027-12-01T23:59:59Z")) && authority.ends_soon(at("2027-12-02T00:00:00Z")));
        make("2027-12-02T00:00:00Z");
        assert_eq!(authority.ends(), at("2029-01-01T00:00:00Z"));
        make("2059-06-01T00:00:00Z");
        assert_eq!(authority.ends(), at("2060-01-01T00:00:00Z"), "no leaf outlives its authority");
    }
}
