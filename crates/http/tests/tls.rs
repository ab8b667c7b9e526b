//! TLS over real sockets: who is believed, who is not and why, large bodies, resumption, servers that speak no TLS.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use gregaria_http::{
    ClientCertificate, Command, Failure, Origin, Request, TlsFailure, TlsFailureKind, TlsSettings, Verify,
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use support::{Client, HANG, Server, get, given_time, ok, origin, post, read_request};

/// What a test certificate is made of.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    pem: String,
    key_pem: String,
}

impl Identity {
    fn new(key: &KeyPair, pem: String, chain: Vec<CertificateDer<'static>>) -> Self {
        let der = PrivateKeyDer::try_from(key.serialize_der()).expect("rcgen writes PKCS 8");
        Self { chain, key: der, pem, key_pem: key.serialize_pem() }
    }

    fn self_signed(change: impl Fn(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = parameters();
        change(&mut parameters);
        let certificate = parameters.self_signed(&key).expect("a certificate");
        Self::new(&key, certificate.pem(), vec![certificate.der().clone()])
    }

    fn signed_by(authority: &Authority, change: impl Fn(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = parameters();
        change(&mut parameters);
        let certificate = parameters.signed_by(&key, authority).expect("a certificate");
        Self::new(&key, certificate.pem(), vec![certificate.der().clone()])
    }
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut parameters = CertificateParams::default();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().expect("a key")).expect("an authority")
}

fn parameters() -> CertificateParams {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let mut parameters = CertificateParams::new(names.to_vec()).expect("names");
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "a server of ours");
    parameters
}

fn config(identity: &Identity) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has all versions")
        .with_no_client_auth();
    Arc::new(builder.with_single_cert(identity.chain.clone(), identity.key.clone_key()).expect("key and certificate"))
}

type Secured = StreamOwned<ServerConnection, TcpStream>;

fn serving(config: Arc<ServerConfig>, script: impl Fn(Secured) + Send + Sync + 'static) -> Server {
    Server::new(move |stream, _| {
        let connection = ServerConnection::new(Arc::clone(&config)).expect("a good configuration");
        script(StreamOwned::new(connection, stream));
    })
}

fn answering(config: Arc<ServerConfig>) -> Server {
    serving(config, |mut stream| {
        while read_request(&mut stream).is_some() {
            if stream.write_all(&ok("secret")).is_err() {
                break;
            }
        }
    })
}

/// A file of this test's own, in the build's scratch directory.
fn file(name: &str, content: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, content).expect("the scratch directory is writable");
    path
}

fn settings(verify: Verify) -> Option<Arc<TlsSettings>> {
    Some(Arc::new(TlsSettings::new(&verify, None).expect("good settings")))
}

fn failure(server: &Server, host: &str, verify: Verify) -> TlsFailure {
    let failure = Client::new().failure(&origin(host, server.address.port(), settings(verify)));
    match failure {
        Failure::Tls(failure) => failure,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_self_signed_certificate_is_believed_only_if_asked_to() {
    for is_ca in [IsCa::NoCa, IsCa::Ca(BasicConstraints::Unconstrained)] {
        let identity = Identity::self_signed(|parameters| parameters.is_ca = is_ca);
        let server = answering(config(&identity));
        let refused = failure(&server, "localhost", Verify::Roots);
        assert_eq!(refused.kind, TlsFailureKind::SelfSigned);
        let expected = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate";
        assert_eq!(refused.to_string(), expected);
        let bundle = file(&format!("own-{}.pem", is_ca == IsCa::NoCa), &identity.pem);
        for verify in [Verify::Off, Verify::Bundle(bundle)] {
            for host in ["localhost", "127.0.0.1"] {
                let origin = origin(host, server.address.port(), settings(verify.clone()));
                let client = Client::new();
                let first = client.get(&origin, None);
                assert_eq!(first.result.unwrap().body(), b"secret");
                assert!(client.get(&origin, first.connection).timings.reused);
            }
        }
    }
}

#[test]
fn an_authority_of_ones_own_is_believed_and_a_strange_one_is_not() {
    let (authority, stranger) = (authority("one"), authority("another"));
    let server = answering(config(&Identity::signed_by(&authority, |_| ())));
    let bundle = Verify::Bundle(file("authority.pem", &authority.pem()));
    let trusted = origin("localhost", server.address.port(), settings(bundle));
    assert_eq!(Client::new().response(&trusted).body(), b"secret");
    let refused = failure(&server, "localhost", Verify::Bundle(file("stranger.pem", &stranger.pem())));
    assert_eq!(refused.kind, TlsFailureKind::UnknownIssuer);
    let mut with_chain = Identity::signed_by(&authority, |_| ());
    with_chain.chain.push(authority.der().clone());
    let refused = failure(&answering(config(&with_chain)), "localhost", Verify::Roots);
    assert_eq!(refused.kind, TlsFailureKind::SelfSignedInChain);
}

#[test]
fn names_and_dates_count() {
    let authority = authority("one");
    let bundle = Verify::Bundle(file("dates.pem", &authority.pem()));
    let kind = |host: &str, change: &dyn Fn(&mut CertificateParams)| {
        let server = answering(config(&Identity::signed_by(&authority, change)));
        failure(&server, host, bundle.clone())
    };
    let expired = kind("localhost", &|parameters| parameters.not_after = rcgen::date_time_ymd(2020, 1, 1));
    assert_eq!(expired.kind, TlsFailureKind::Expired);
    let early = kind("localhost", &|parameters| parameters.not_before = rcgen::date_time_ymd(4000, 1, 1));
    assert_eq!(early.kind, TlsFailureKind::NotYetValid);
    let other = |parameters: &mut CertificateParams| parameters.subject_alt_names.truncate(0);
    let mismatch = kind("localhost", &other);
    assert_eq!(mismatch.kind, TlsFailureKind::HostnameMismatch);
    assert!(mismatch.text.ends_with("Hostname mismatch, certificate is not valid for 'localhost'."), "{mismatch}");
    let mismatch = kind("127.0.0.1", &other);
    assert!(mismatch.text.ends_with("IP address mismatch, certificate is not valid for '127.0.0.1'."), "{mismatch}");
}

#[test]
fn a_certificate_in_the_bundle_must_still_fit() {
    let identity = Identity::self_signed(|parameters| parameters.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let server = answering(config(&identity));
    let refused = failure(&server, "localhost", Verify::Bundle(file("expired.pem", &identity.pem)));
    assert!(refused.kind.is_certificate(), "{refused:?}");
}

/// A server that shows a certificate whose key it does not have.
fn impostor(shown: &Identity, key: &Identity) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = provider.key_provider.load_private_key(key.key.clone_key()).expect("a key");
    let certified = Arc::new(CertifiedKey::new(shown.chain.clone(), key));
    let builder = ServerConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().expect("ring has all versions");
    Arc::new(builder.with_no_client_auth().with_cert_resolver(Arc::new(SingleCertAndKey::from(certified))))
}

#[test]
fn a_server_that_was_believed_helps_nobody_else() {
    let authority = authority("one");
    let settings = settings(Verify::Bundle(file("believed.pem", &authority.pem())));
    let identity = Identity::signed_by(&authority, |_| ());
    let (good, client) = (answering(config(&identity)), Client::new());
    let at = |host: &str, server: &Server| origin(host, server.address.port(), settings.clone());
    for _ in 0..2 {
        assert_eq!(client.response(&at("localhost", &good)).body(), b"secret");
    }
    let kind = |origin: &Arc<Origin>| match client.failure(origin) {
        Failure::Tls(failure) => failure.kind,
        other => panic!("{other:?}"),
    };
    let stranger = answering(config(&Identity::self_signed(|_| ())));
    assert_eq!(kind(&at("localhost", &stranger)), TlsFailureKind::SelfSigned);
    let thief = answering(impostor(&identity, &Identity::signed_by(&authority, |_| ())));
    assert_eq!(kind(&at("localhost", &thief)), TlsFailureKind::BadCertificate, "the signature is not of its key");
    let (port, addresses) = (good.address.port(), vec![good.address.ip()]);
    client.submit([Command::Resolve { host: "shop.example".to_owned(), port, addresses }]);
    assert_eq!(kind(&at("shop.example", &good)), TlsFailureKind::HostnameMismatch);
    assert_eq!(client.response(&at("localhost", &good)).body(), b"secret");
}

#[test]
fn a_client_certificate_is_shown_to_who_asks() {
    let (server_authority, client_authority) = (authority("one"), authority("another"));
    let identity = Identity::signed_by(&server_authority, |_| ());
    let mut roots = RootCertStore::empty();
    roots.add(client_authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain.clone(), identity.key.clone_key())
        .unwrap();
    let server = answering(Arc::new(config));
    let mine = Identity::signed_by(&client_authority, |_| ());
    let shown = ClientCertificate {
        certificate: file("client.pem", &mine.pem),
        key: Some(file("client-key.pem", &mine.key_pem)),
    };
    let settings = Arc::new(TlsSettings::new(&Verify::Off, Some(&shown)).unwrap());
    let accepted = origin("localhost", server.address.port(), Some(settings));
    assert_eq!(Client::new().response(&accepted).body(), b"secret");
    let refused = failure(&server, "localhost", Verify::Off);
    assert_eq!((refused.kind, refused.reason), (TlsFailureKind::Alert, "TLSV13_ALERT_CERTIFICATE_REQUIRED"));
}

#[test]
fn large_bodies_go_both_ways() {
    let server = serving(config(&Identity::self_signed(|_| ())), |mut stream| {
        let request = read_request(&mut stream).unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&request).unwrap();
        let _ = stream.read(&mut [0]);
    });
    let origin = origin("127.0.0.1", server.address.port(), settings(Verify::Off));
    let request = post(1, &origin, &vec![b'x'; 3 << 20]);
    let bytes = request.bytes.clone();
    let completion = Client::new().send(request);
    assert!(completion.result.unwrap().body() == bytes, "3 MiB come back as they went");
    assert!(completion.connection.is_some());
}

#[test]
fn later_connections_resume_the_session() {
    let (kind_sender, kinds) = mpsc::channel();
    let server = serving(config(&Identity::self_signed(|_| ())), move |mut stream| {
        read_request(&mut stream);
        kind_sender.send(stream.conn.handshake_kind()).unwrap();
        let _ = stream.write_all(&ok("x"));
        let _ = stream.read(&mut [0]);
    });
    let origin = origin("localhost", server.address.port(), settings(Verify::Off));
    let client = Client::new();
    for expected in [HandshakeKind::Full, HandshakeKind::Resumed] {
        assert!(client.get(&origin, None).result.is_ok());
        assert_eq!(kinds.recv_timeout(HANG).unwrap(), Some(expected));
    }
}

#[test]
fn the_name_is_told_in_the_handshake_and_an_address_is_not() {
    let (name_sender, names) = mpsc::channel();
    let server = serving(config(&Identity::self_signed(|_| ())), move |mut stream| {
        read_request(&mut stream);
        name_sender.send(stream.conn.server_name().map(str::to_owned)).unwrap();
        // A client that has gone shows in its own result.
        let _ = stream.write_all(&ok("x"));
    });
    let client = Client::new();
    let (port, addresses) = (server.address.port(), vec![server.address.ip()]);
    // As `--resolve` sends connections elsewhere: the name stays what it was.
    client.submit([Command::Resolve { host: "shop.example".to_owned(), port, addresses }]);
    for (host, told) in [("localhost", Some("localhost")), ("shop.example", Some("shop.example")), ("127.0.0.1", None)]
    {
        let origin = origin(host, port, settings(Verify::Off));
        assert!(client.get(&origin, None).result.is_ok(), "{host}");
        assert_eq!(names.recv_timeout(HANG).unwrap().as_deref(), told);
    }
}

#[test]
fn an_end_without_a_goodbye_ends_a_body_without_a_length() {
    let server = serving(config(&Identity::self_signed(|_| ())), |mut stream| {
        read_request(&mut stream);
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil the end").unwrap();
        // Dropped without close_notify.
    });
    let origin = origin("localhost", server.address.port(), settings(Verify::Off));
    assert_eq!(Client::new().response(&origin).body(), b"until the end");
}

#[test]
fn a_server_that_speaks_no_tls() {
    let not_tls = Server::new(|mut stream, _| {
        let _ = stream.read(&mut [0; 2000]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    assert_eq!(failure(&not_tls, "localhost", Verify::Off).kind, TlsFailureKind::NotTls);
    let closing = Server::new(|mut stream, _| {
        let _ = stream.read(&mut [0; 2000]);
    });
    assert_eq!(failure(&closing, "localhost", Verify::Off).kind, TlsFailureKind::UnexpectedEof);
    let silent = Server::new(|mut stream, _| while matches!(stream.read(&mut [0; 2000]), Ok(1..)) {});
    let origin = origin("localhost", silent.address.port(), settings(Verify::Off));
    given_time(|scale| {
        let connect_timeout = Some(Duration::from_millis(30) * scale);
        let completion = Client::new().send(Request { connect_timeout, ..get(1, &origin) });
        completion.result.unwrap_err() == Failure::HandshakeTimeout
    });
}
