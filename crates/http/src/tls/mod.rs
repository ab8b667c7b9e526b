//! TLS settings: which certificates are believed and which one is shown, made once per distinct setting and shared by
//! every connection that has it, session tickets included. Reads files, but opens no connection.

mod certificate;
mod failure;
mod known;
mod verify;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::error::Error;
pub use failure::{TlsFailure, TlsFailureKind};

/// Which server certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Verify {
    /// Those signed by the system's roots or Mozilla's.
    #[default]
    Roots,
    /// Those signed by (or found in) this PEM file, or the files of this directory.
    Bundle(PathBuf),
    /// All.
    Off,
}

/// The certificate shown to servers that ask for one, as PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientCertificate {
    /// The certificate, and its chain.
    pub certificate: PathBuf,
    /// Its key; `None` if it is in the same file.
    pub key: Option<PathBuf>,
}

/// One TLS setting, ready for use.
#[derive(Debug)]
pub struct TlsSettings {
    pub(crate) config: Arc<ClientConfig>,
}

type Setting = (Verify, Option<ClientCertificate>);
static SETTINGS: Mutex<Vec<(Setting, Arc<TlsSettings>)>> = Mutex::new(Vec::new());

impl TlsSettings {
    /// The setting, made on first use in this process and shared from then on.
    ///
    /// # Errors
    /// Files that cannot be read or hold no certificate.
    pub fn shared(verify: &Verify, client: Option<&ClientCertificate>) -> Result<Arc<Self>, Error> {
        let mut settings = SETTINGS.lock().unwrap_or_else(PoisonError::into_inner);
        let known = settings.iter().find(|((a, b), _)| a == verify && b.as_ref() == client);
        if let Some((_, made)) = known {
            return Ok(Arc::clone(made));
        }
        let made = Arc::new(Self::new(verify, client)?);
        settings.push(((verify.clone(), client.cloned()), Arc::clone(&made)));
        Ok(made)
    }

    /// Makes the setting afresh.
    ///
    /// # Errors
    /// Files that cannot be read or hold no certificate.
    pub fn new(verify: &Verify, client: Option<&ClientCertificate>) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(Error::Tls)?
            .dangerous()
            .with_custom_certificate_verifier(verifier(verify, &provider)?);
        let mut config = match client {
            None => builder.with_no_client_auth(),
            Some(client) => {
                let chain = certificates(&client.certificate)?;
                let key_path = client.key.as_ref().unwrap_or(&client.certificate);
                let key = PrivateKeyDer::from_pem_file(key_path).map_err(|error| unreadable(key_path, &error))?;
                builder.with_client_auth_cert(chain, key).map_err(Error::Tls)?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { config: Arc::new(config) })
    }
}

fn verifier(verify: &Verify, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    let trusted = match verify {
        Verify::Off => {
            return Ok(Arc::new(verify::Lax { algorithms: provider.signature_verification_algorithms }));
        }
        Verify::Roots => {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            rustls_native_certs::load_native_certs().certs
        }
        Verify::Bundle(path) => bundle(path)?,
    };
    roots.add_parsable_certificates(trusted.iter().cloned());
    if let (Verify::Bundle(path), true) = (verify, roots.is_empty()) {
        return Err(unreadable(path, &"no usable certificate in it"));
    }
    let webpki = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| Error::Tls(rustls::Error::General(error.to_string())))?;
    Ok(Arc::new(verify::Strict { webpki, trusted, known: known::KnownChains::default() }))
}

fn bundle(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    if !path.is_dir() {
        return certificates(path);
    }
    let entries = std::fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let files = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file());
    Ok(files.filter_map(|file| certificates(&file).ok()).flatten().collect())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    match found {
        Ok(found) if found.is_empty() => Err(unreadable(path, &"no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(unreadable(path, &error)),
    }
}

fn unreadable(path: &Path, reason: &dyn std::fmt::Display) -> Error {
    Error::Certificate { path: path.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_made_once() {
        let first = TlsSettings::shared(&Verify::Off, None).unwrap();
        assert!(Arc::ptr_eq(&first, &TlsSettings::shared(&Verify::Off, None).unwrap()));
        assert!(!Arc::ptr_eq(&first, &TlsSettings::shared(&Verify::Roots, None).unwrap()));
    }

    #[test]
    fn a_bundle_that_is_none_is_said_with_its_path() {
        for path in ["/no/such/file", "/etc/hostname", "/proc/self/fd"] {
            let error = TlsSettings::new(&Verify::Bundle(path.into()), None).unwrap_err();
            assert!(error.to_string().contains(path), "{error}");
        }
    }
}
