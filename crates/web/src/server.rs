//! The server's thread: a small tokio runtime that accepts connections and serves them until it is told to stop.
//!
//! Connections are bounded in number, and each must say what it wants in time: half a request holds nobody up.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::Uri;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::error::Error;
use crate::hub::Remote;
use crate::live::Tick;
use crate::reply;
use crate::routes::{Target, outside, router};

/// Connections at the same time; more wait in the system's queue.
const CONNECTIONS: usize = 2_000;
/// So long a connection may take to say what it wants, and so long it may be idle.
const HEAD_WITHIN: Duration = Duration::from_secs(30);
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);

/// What HTTPS is served with.
pub type TlsConfig = Arc<ServerConfig>;

/// Certificate and key as rustls wants them.
pub fn tls_config(certificate: &Path, key: &Path) -> Result<TlsConfig, Error> {
    let bad = |path: &Path, reason: String| Error::Tls { path: path.to_owned(), reason };
    let certificates = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| bad(certificate, error.to_string()))?;
    if certificates.is_empty() {
        return Err(bad(certificate, "there is no certificate in it".into()));
    }
    let key_der = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, key_der))
        .map_err(|error| bad(certificate, error.to_string()))?;
    Ok(Arc::new(config))
}

/// A socket that listens already, so that a port in use is told before anything else happens.
pub fn bind(addresses: &[SocketAddr]) -> io::Result<StdListener> {
    let listener = StdListener::bind(addresses)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// A server that runs.
pub struct Server {
    pub app: Arc<App>,
    ticks: mpsc::UnboundedSender<Tick>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Serve on a thread of its own.
    pub fn start(app: Arc<App>, listener: StdListener, tls: Option<Arc<ServerConfig>>) -> io::Result<Self> {
        let (ticks, inbox) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&app);
        let thread = std::thread::Builder::new().name("gregaria-web".into()).spawn(move || {
            runtime.block_on(serve(shared, listener, tls, inbox, stopped));
            runtime.shutdown_timeout(Duration::from_millis(200));
        })?;
        Ok(Self { app, ticks, stop, thread: Some(thread) })
    }

    /// Hand over what the hub tells. Never waits.
    pub fn tick(&self, tick: Tick) {
        self.app.tick_sent();
        // A server that has ended needs no ticks.
        let _ = self.ticks.send(tick);
    }

    /// Stop listening, end all connections, and wait for the thread. A second call does nothing.
    pub fn stop(&mut self) {
        self.app.asks.close();
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // It has nothing left to say if it panicked.
            let _ = thread.join();
        }
    }
}

async fn serve(
    app: Arc<App>,
    listener: StdListener,
    tls: Option<Arc<ServerConfig>>,
    mut ticks: mpsc::UnboundedReceiver<Tick>,
    mut stopped: watch::Receiver<bool>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let routes = router(Arc::clone(&app));
    let acceptor = tls.map(TlsAcceptor::from);
    let ends = stopped.clone();
    loop {
        let place = Arc::clone(&places).acquire_owned();
        tokio::select! {
            _ = stopped.changed() => return,
            Some(tick) = ticks.recv() => app.apply(tick),
            (place, accepted) = async { (place.await, listener.accept().await) } => {
                let (Ok(place), Ok((stream, remote))) = (place, accepted) else {
                    // Out of descriptors, most likely: some will be free soon.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                let connection = connection(stream, remote, acceptor.clone(), (routes.clone(), Arc::clone(&app)), ends.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    remote: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    served: (Router, Arc<App>),
    stopped: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => http(stream, remote, served, stopped).await,
        Some(acceptor) => {
            // A handshake that fails is the client's affair.
            if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(stream)).await {
                http(stream, remote, served, stopped).await;
            }
        }
    }
}

async fn http<S>(stream: S, remote: SocketAddr, (routes, app): (Router, Arc<App>), mut stopped: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let (routes, app) = (routes.clone(), Arc::clone(&app));
        async move { Ok::<_, Infallible>(answer(routes, &app, request, remote).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(64 << 10);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // How it ended is the client's affair.
        _ = connection => {}
        _ = stopped.changed() => {}
    }
}

/// Take the base path off and let the routes answer.
async fn answer(mut routes: Router, app: &Arc<App>, request: hyper::Request<Incoming>, remote: SocketAddr) -> Response {
    let mut request: Request = request.map(Body::new);
    let target = request.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    let base = app.settings.base_path.as_str();
    if !base.is_empty() {
        match target.strip_prefix(base) {
            Some("") => return reply::redirect(&format!("{base}/")),
            Some(rest) if rest.starts_with('?') => return reply::redirect(&format!("{base}/{rest}")),
            Some(rest) if rest.starts_with('/') => match rest.parse::<Uri>() {
                Ok(uri) => *request.uri_mut() = uri,
                Err(_) => return reply::text(axum::http::StatusCode::BAD_REQUEST, "this is no address"),
            },
            // Routes of a Flask application need not be below the base path; ours are.
            _ => routes = outside(app),
        }
    }
    request.extensions_mut().insert(Target(target));
    request.extensions_mut().insert(Remote(remote));
    let answered = tower_service::Service::call(&mut routes, request).await;
    answered.unwrap_or_else(|never: Infallible| match never {})
}
