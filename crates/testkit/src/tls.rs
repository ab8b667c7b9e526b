//! The certificates of a test run: an authority of its own, a good leaf for localhost, and leaves that are wrong in one way
//! each. Nothing here is secret and nothing outlives the server: the files go with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

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

        let files = write_files(&[("ca.pem", &authority_pem), ("self-signed.pem", &self_signed.pem())])?;
        Ok(Self {
            good: signed(leaf_params(local())?, &authority)?,
            expired: signed(expired, &authority)?,
            wrong_host: signed(leaf_params(vec!["wrong-host.example".into()])?, &authority)?,
            self_signed: config(self_signed.der().clone(), &self_signed_key)?,
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
    config(certificate.der().clone(), &key)
}

fn config(certificate: CertificateDer<'static>, key: &KeyPair) -> Result<Arc<ServerConfig>, Error> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
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
