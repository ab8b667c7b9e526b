//! Verifies server certificates: webpki's verdict, made as lenient as OpenSSL where a bundle holds the server's own
//! certificate, and told apart as finely as OpenSSL tells faults apart.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};

use super::certificate::Fields;
use super::failure::{TlsFailure, TlsFailureKind};
use super::known::KnownChains;

/// Verifies against roots, and against single certificates that are trusted as they are.
#[derive(Debug)]
pub struct Strict {
    pub webpki: Arc<WebPkiServerVerifier>,
    /// Everything in the bundle, for servers whose own certificate is in it.
    pub trusted: Vec<CertificateDer<'static>>,
    /// What it has found good.
    pub known: KnownChains,
}

impl Strict {
    fn is_trusted_itself(&self, end_entity: &CertificateDer<'_>, name: &ServerName<'_>, now: UnixTime) -> bool {
        let Some(fields) = Fields::read(end_entity) else {
            return false;
        };
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        self.trusted.iter().any(|trusted| trusted == end_entity)
            && (fields.not_before..=fields.not_after).contains(&seconds)
            && ParsedCertificate::try_from(end_entity)
                .is_ok_and(|parsed| rustls::client::verify_server_name(&parsed, name).is_ok())
    }
}

impl ServerCertVerifier for Strict {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.known.holds(end_entity, intermediates, server_name, now) {
            return Ok(ServerCertVerified::assertion());
        }
        let verdict = self.webpki.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let verdict = match verdict {
            Err(_) if self.is_trusted_itself(end_entity, server_name, now) => Ok(ServerCertVerified::assertion()),
            Err(Error::InvalidCertificate(reason)) => {
                let failure = explain(&reason, end_entity, intermediates, server_name);
                Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(failure)))))
            }
            verdict => verdict,
        };
        if verdict.is_ok() {
            self.known.remember(end_entity, intermediates, server_name, now);
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.webpki.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn explain(
    reason: &CertificateError,
    end_entity: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    name: &ServerName<'_>,
) -> TlsFailure {
    use TlsFailureKind as Kind;
    let self_issued = |der: &CertificateDer<'_>| Fields::read(der).is_some_and(|fields| fields.is_self_issued());
    let (kind, detail) = match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            (Kind::Expired, "certificate has expired".to_owned())
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            (Kind::NotYetValid, "certificate is not yet valid".to_owned())
        }
        CertificateError::BadSignature => (Kind::BadCertificate, "certificate signature failure".to_owned()),
        CertificateError::Revoked => (Kind::Revoked, "certificate revoked".to_owned()),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let what = if matches!(name, ServerName::IpAddress(_)) { "IP address" } else { "Hostname" };
            let detail = format!("{what} mismatch, certificate is not valid for '{}'.", name.to_str());
            (Kind::HostnameMismatch, detail)
        }
        // Also what webpki has for certificates of an authority used by a server: CaUsedAsEndEntity.
        CertificateError::UnknownIssuer | CertificateError::Other(_) if self_issued(end_entity) => {
            (Kind::SelfSigned, "self-signed certificate".to_owned())
        }
        CertificateError::UnknownIssuer if intermediates.last().is_some_and(self_issued) => {
            (Kind::SelfSignedInChain, "self-signed certificate in certificate chain".to_owned())
        }
        CertificateError::UnknownIssuer => (Kind::UnknownIssuer, "unable to get local issuer certificate".to_owned()),
        other => (Kind::BadCertificate, other.to_string()),
    };
    TlsFailure::certificate(kind, &detail)
}

/// Takes every certificate (`verify=False`); that the server holds its key is still checked where webpki can.
#[derive(Debug)]
pub struct Lax {
    pub algorithms: WebPkiSupportedAlgorithms,
}

impl Lax {
    /// A certificate that webpki cannot even parse is let through: the user asked for no verification.
    fn lenient(verdict: Result<HandshakeSignatureValid, Error>) -> Result<HandshakeSignatureValid, Error> {
        match verdict {
            Err(Error::InvalidCertificate(CertificateError::BadSignature)) | Ok(_) => verdict,
            Err(Error::InvalidCertificate(_)) => Ok(HandshakeSignatureValid::assertion()),
            Err(_) => verdict,
        }
    }
}

impl ServerCertVerifier for Lax {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict = rustls::crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms);
        Self::lenient(verdict)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let verdict = rustls::crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms);
        Self::lenient(verdict)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use rustls::RootCertStore;

    use super::*;

    fn authority() -> CertifiedIssuer<'static, KeyPair> {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
    }

    fn webpki(authority: &CertifiedIssuer<'static, KeyPair>) -> Arc<WebPkiServerVerifier> {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap()
    }

    fn server(authority: &CertifiedIssuer<'static, KeyPair>) -> CertificateDer<'static> {
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.not_after = rcgen::date_time_ymd(2026, 1, 1) + Duration::from_secs(60);
        parameters.signed_by(&KeyPair::generate().unwrap(), authority).unwrap().der().clone()
    }

    #[test]
    fn what_was_found_good_is_not_verified_again_and_nothing_else_gains_by_it() {
        let (ours, strange) = (authority(), authority());
        let (own, other, forged) = (server(&ours), server(&ours), server(&strange));
        let mut strict = Strict { webpki: webpki(&ours), trusted: Vec::new(), known: KnownChains::default() };
        // 2026-01-01, and seconds.
        let at = |seconds: u64| UnixTime::since_unix_epoch(Duration::from_secs(1_767_225_600 + seconds));
        let verdict = |strict: &Strict, certificate: &CertificateDer<'static>, name: &str, seconds| {
            let name = ServerName::try_from(name.to_owned()).unwrap();
            match strict.verify_server_cert(certificate, &[], &name, &[], at(seconds)) {
                Ok(_) => None,
                Err(error) => Some(TlsFailure::from(error).kind),
            }
        };
        assert_eq!(verdict(&strict, &own, "localhost", 0), None);
        assert_eq!(verdict(&strict, &own, "example.org", 1), Some(TlsFailureKind::HostnameMismatch));
        assert_eq!(verdict(&strict, &forged, "localhost", 1), Some(TlsFailureKind::BadCertificate));
        assert_eq!(verdict(&strict, &forged, "localhost", 1), Some(TlsFailureKind::BadCertificate), "refused for good");
        assert_eq!(verdict(&strict, &own, "localhost", 61), Some(TlsFailureKind::Expired));

        // Who would be asked believes none of them any more, and so is seen to be asked.
        strict.webpki = webpki(&strange);
        assert_eq!(verdict(&strict, &own, "localhost", 59), None);
        assert_eq!(verdict(&strict, &other, "localhost", 59), Some(TlsFailureKind::BadCertificate));
    }
}
