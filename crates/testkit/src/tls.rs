//! The certificates of a test run: an authority of its own, a good leaf for localhost, and leaves that are wrong in one way
//! each. Nothing here is secret and nothing outlives the server: the files go with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::Error;

const LOCAL_NAMES: [&str; 2] = ["localhost", "127.0.0.1"];

/// Where the certificate files of a running server lie; removed with the server.
#[derive(Debug)]
pub struct Certificates {
    directory: PathBuf,
}

impl Certificates {
    /// The authority that signed every leaf but the self-signed one, as PEM.
    pub fn authority(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// A certificate of the authority's for a client, as PEM; its key is in `client-key.pem` beside it, both are in
    /// `client-both.pem`, and `other-key.pem` is a key of somebody else's.
    pub fn client(&self) -> PathBuf {
        self.directory.join("client.pem")
    }

    /// The self-signed leaf, as PEM.
    pub fn self_signed(&self) -> PathBuf {
        self.directory.join("self-signed.pem")
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// One server configuration for each kind of certificate.
pub(crate) struct Configs {
    pub good: Arc<ServerConfig>,
    pub self_signed: Arc<ServerConfig>,
    pub expired: Arc<ServerConfig>,
    pub wrong_host: Arc<ServerConfig>,
    pub asking: Arc<ServerConfig>,
    pub files: Certificates,
}

impl Configs {
    pub fn generate() -> Result<Self, Error> {
        let authority = authority()?;
        let authority_pem = authority.certificate.pem();
        let local = || LOCAL_NAMES.map(String::from).to_vec();

        let mut expired = leaf_params(local())?;
        expired.not_before = date_time_ymd(2020, 1, 1);
        expired.not_after = date_time_ymd(2020, 2, 1);

        let self_signed_key = KeyPair::generate()?;
        let self_signed = leaf_params(local())?.self_signed(&self_signed_key)?;

        let client_key = KeyPair::generate()?;
        let client = leaf_params(vec!["client.example".into()])?.signed_by(&client_key, &authority.issuer)?.pem();
        let key = client_key.serialize_pem();
        let files = write_files(&[
            ("ca.pem", &authority_pem),
            ("self-signed.pem", &self_signed.pem()),
            ("client.pem", &client),
            ("client-key.pem", &key),
            ("client-both.pem", &format!("{client}{key}")),
            ("other-key.pem", &self_signed_key.serialize_pem()),
        ])?;
        Ok(Self {
            good: signed(leaf_params(local())?, &authority)?,
            expired: signed(expired, &authority)?,
            wrong_host: signed(leaf_params(vec!["wrong-host.example".into()])?, &authority)?,
            self_signed: config(self_signed.der().clone(), &self_signed_key, None)?,
            asking: asking(leaf_params(local())?, &authority)?,
            files,
        })
    }
}

struct Authority {
    certificate: rcgen::Certificate,
    issuer: Issuer<'static, KeyPair>,
}

fn authority() -> Result<Authority, Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "testkit authority");
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok(Authority { certificate, issuer: Issuer::new(params, key) })
}

fn leaf_params(names: Vec<String>) -> Result<CertificateParams, Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "testkit leaf");
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn signed(params: CertificateParams, authority: &Authority) -> Result<Arc<ServerConfig>, Error> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority.issuer)?;
    config(certificate.der().clone(), &key, None)
}

/// A leaf for a server that wants certificates of the authority's from its clients.
fn asking(params: CertificateParams, authority: &Authority) -> Result<Arc<ServerConfig>, Error> {
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &authority.issuer)?;
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate.der().clone())?;
    config(certificate.der().clone(), &key, Some(roots))
}

fn config(
    certificate: CertificateDer<'static>,
    key: &KeyPair,
    clients: Option<RootCertStore>,
) -> Result<Arc<ServerConfig>, Error> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = match clients {
        None => WebPkiClientVerifier::no_client_auth(),
        Some(roots) => WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?,
    };
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)?;
    Ok(Arc::new(config))
}

fn write_files(files: &[(&str, &str)]) -> Result<Certificates, Error> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("testkit-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let directory = std::env::temp_dir().join(name);
    let write = |directory: &Path| -> std::io::Result<()> {
        fs::create_dir_all(directory)?;
        files.iter().try_for_each(|(name, text)| fs::write(directory.join(name), text))
    };
    write(&directory).map_err(Error::Write)?;
    Ok(Certificates { directory })
}
