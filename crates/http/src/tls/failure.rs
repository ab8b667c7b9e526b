//! Why TLS failed, as a kind for machines and in OpenSSL's words for people who know those from Locust.
//! Only translation; nothing here decides whether a certificate is good.

use std::fmt;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage};

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TlsFailureKind {
    /// The certificate is signed by itself and not trusted.
    SelfSigned,
    /// The chain ends in a certificate signed by itself that is not trusted.
    SelfSignedInChain,
    /// Nobody trusted has signed the certificate.
    UnknownIssuer,
    /// The certificate's time is over.
    Expired,
    /// The certificate's time has not come.
    NotYetValid,
    /// The certificate is for another host.
    HostnameMismatch,
    /// The certificate has been revoked.
    Revoked,
    /// Any other fault of the certificate.
    BadCertificate,
    /// The server refused the handshake with an alert.
    Alert,
    /// The server does not speak TLS.
    NotTls,
    /// The server closed the connection during the handshake.
    UnexpectedEof,
    /// The host is no name that TLS can ask for.
    BadHost,
    /// Any other breach of the protocol.
    Protocol,
}

impl TlsFailureKind {
    /// Whether the certificate is what failed (`SSLCertVerificationError` in Python).
    pub fn is_certificate(self) -> bool {
        use TlsFailureKind as Kind;
        matches!(
            self,
            Kind::SelfSigned
                | Kind::SelfSignedInChain
                | Kind::UnknownIssuer
                | Kind::Expired
                | Kind::NotYetValid
                | Kind::HostnameMismatch
                | Kind::Revoked
                | Kind::BadCertificate
        )
    }

    /// OpenSSL's number for a certificate fault (`X509_V_ERR_*`), 0 otherwise.
    pub fn verify_code(self) -> i32 {
        match self {
            Self::NotYetValid => 9,
            Self::Expired => 10,
            Self::SelfSigned => 18,
            Self::SelfSignedInChain => 19,
            Self::UnknownIssuer => 20,
            Self::Revoked => 23,
            Self::HostnameMismatch => 62,
            Self::BadCertificate => 1,
            _ => 0,
        }
    }
}

/// `[SSL: reason] text` is what Python's ssl module would say, but for its file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFailure {
    /// For machines.
    pub kind: TlsFailureKind,
    /// OpenSSL's symbolic name, such as `CERTIFICATE_VERIFY_FAILED`.
    pub reason: &'static str,
    /// OpenSSL's sentence, such as `certificate verify failed: self-signed certificate`.
    pub text: String,
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[SSL: {}] {}", self.reason, self.text)
    }
}

impl std::error::Error for TlsFailure {}

impl TlsFailure {
    pub(crate) fn certificate(kind: TlsFailureKind, detail: &str) -> Self {
        Self { kind, reason: "CERTIFICATE_VERIFY_FAILED", text: format!("certificate verify failed: {detail}") }
    }

    pub(crate) fn unexpected_eof() -> Self {
        Self {
            kind: TlsFailureKind::UnexpectedEof,
            reason: "UNEXPECTED_EOF_WHILE_READING",
            text: "EOF occurred in violation of protocol".to_owned(),
        }
    }

    pub(crate) fn bad_host(host: &str) -> Self {
        Self { kind: TlsFailureKind::BadHost, reason: "BAD_HOST", text: format!("{host:?} is no valid host name") }
    }

    fn protocol(kind: TlsFailureKind, reason: &'static str, text: impl Into<String>) -> Self {
        Self { kind, reason, text: text.into() }
    }
}

impl From<Error> for TlsFailure {
    fn from(error: Error) -> Self {
        use TlsFailureKind as Kind;
        match &error {
            Error::InvalidCertificate(CertificateError::Other(other)) => match other.0.downcast_ref::<Self>() {
                Some(failure) => failure.clone(),
                None => Self::certificate(Kind::BadCertificate, &other.0.to_string()),
            },
            Error::InvalidCertificate(reason) => Self::certificate(Kind::BadCertificate, &reason.to_string()),
            Error::AlertReceived(alert) => from_alert(*alert),
            Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
                Self::protocol(Kind::NotTls, "WRONG_VERSION_NUMBER", "wrong version number")
            }
            Error::PeerIncompatible(_) => {
                Self::protocol(Kind::Protocol, "UNSUPPORTED_PROTOCOL", format!("unsupported protocol ({error})"))
            }
            Error::DecryptError => Self::protocol(
                Kind::Protocol,
                "DECRYPTION_FAILED_OR_BAD_RECORD_MAC",
                "decryption failed or bad record mac",
            ),
            _ => Self::protocol(Kind::Protocol, "SSL_ERROR", error.to_string()),
        }
    }
}

fn from_alert(alert: AlertDescription) -> TlsFailure {
    let (reason, text) = match alert {
        AlertDescription::HandshakeFailure => ("SSLV3_ALERT_HANDSHAKE_FAILURE", "sslv3 alert handshake failure"),
        AlertDescription::ProtocolVersion => ("TLSV1_ALERT_PROTOCOL_VERSION", "tlsv1 alert protocol version"),
        AlertDescription::UnrecognisedName => ("TLSV1_UNRECOGNIZED_NAME", "tlsv1 unrecognized name"),
        AlertDescription::UnknownCA => ("TLSV1_ALERT_UNKNOWN_CA", "tlsv1 alert unknown ca"),
        AlertDescription::BadCertificate => ("SSLV3_ALERT_BAD_CERTIFICATE", "sslv3 alert bad certificate"),
        AlertDescription::CertificateRequired => {
            ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "tlsv13 alert certificate required")
        }
        AlertDescription::InternalError => ("TLSV1_ALERT_INTERNAL_ERROR", "tlsv1 alert internal error"),
        other => {
            let text = format!("alert received: {other:?}");
            return TlsFailure { kind: TlsFailureKind::Alert, reason: "SSL_ALERT", text };
        }
    };
    TlsFailure { kind: TlsFailureKind::Alert, reason, text: text.to_owned() }
}
