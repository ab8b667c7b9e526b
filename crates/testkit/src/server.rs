//! The listeners and the threads: one per connection, so that a route may block, and thousands of kept-alive clients are
//! fine. Listens on 127.0.0.1 only and stops when dropped.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::ServerConfig;

use crate::Error;
use crate::connection;
use crate::counts::Counts;
use crate::request::Request;
use crate::routes;
use crate::shop::Shop;
use crate::tls::{Certificates, Configs};
use crate::two;
use crate::wire::{After, Wire};

/// A compressor's state lies on the stack in debug builds; pages that are not touched cost nothing.
const STACK_BYTES: usize = 1024 * 1024;
const BACKLOG: i32 = 4096;

/// What is served: decides the answer to every request.
pub(crate) trait Site: Send + Sync {
    fn answer(&self, request: &Request, wire: &mut Wire) -> io::Result<After>;
}

struct TestSite;

impl Site for TestSite {
    fn answer(&self, request: &Request, wire: &mut Wire) -> io::Result<After> {
        routes::find(request.path()).unwrap_or(routes::not_found)(request, wire)
    }
}

/// A running test server; dropping it closes every connection and stops it.
#[derive(Debug)]
pub struct Server {
    /// Plain HTTP.
    pub addr: SocketAddr,
    /// HTTPS with a good certificate, signed by `certificates().authority()`.
    pub tls_addr: SocketAddr,
    pub self_signed_addr: SocketAddr,
    /// Signed by the authority, until some years ago.
    pub expired_addr: SocketAddr,
    /// Signed by the authority, for another host's name.
    pub wrong_host_addr: SocketAddr,
    /// As `tls_addr`, for clients that show a certificate of the authority.
    pub asking_addr: SocketAddr,
    /// HTTP/2 with prior knowledge.
    pub two_addr: SocketAddr,
    /// As `tls_addr`, but for HTTP/2 only.
    pub two_tls_addr: SocketAddr,
    listeners: Listeners,
    _two: two::Listeners,
    certificates: Certificates,
}

impl Server {
    /// Listens on free ports.
    pub fn start() -> Result<Self, Error> {
        Self::start_on(0)
    }

    /// Plain HTTP on this port, the rest on free ones.
    pub fn start_on(port: u16) -> Result<Self, Error> {
        let configs = Configs::generate()?;
        let mut listeners = Listeners::new(Box::new(TestSite));
        let two = two::Listeners::start(&listeners.shared, &configs.good)?;
        Ok(Self {
            two_addr: two.plain,
            two_tls_addr: two.tls,
            _two: two,
            addr: listeners.listen(port, None)?,
            tls_addr: listeners.listen(0, Some(configs.good))?,
            self_signed_addr: listeners.listen(0, Some(configs.self_signed))?,
            expired_addr: listeners.listen(0, Some(configs.expired))?,
            wrong_host_addr: listeners.listen(0, Some(configs.wrong_host))?,
            asking_addr: listeners.listen(0, Some(configs.asking))?,
            listeners,
            certificates: configs.files,
        })
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// `https://127.0.0.1:PORT`, without a slash at the end.
    pub fn tls_url(&self) -> String {
        format!("https://{}", self.tls_addr)
    }

    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// What `GET /__counts` answers: requests, paths, connections (that had a request), open, failed_handshakes.
    pub fn counts(&self) -> serde_json::Value {
        self.listeners.shared.counts.to_json()
    }

    /// Blocks until that many requests have come, or for `limit`; says whether they have.
    pub fn wait_for_requests(&self, count: u64, limit: Duration) -> bool {
        self.listeners.shared.counts.wait_for_requests(count, limit)
    }

    pub fn reset_counts(&self) {
        self.listeners.shared.counts.reset();
    }

    /// Closes every open connection, as a server does that restarts; goes on listening.
    pub fn close_connections(&self) {
        self.listeners.close_connections();
    }
}

/// The running demo shop, plain HTTP only; dropping it stops it.
#[derive(Debug)]
pub struct DemoShop {
    pub addr: SocketAddr,
    _listeners: Listeners,
}

impl DemoShop {
    /// Listens on this port; 0 takes a free one.
    pub fn start(port: u16) -> Result<Self, Error> {
        let mut listeners = Listeners::new(Box::new(Shop::default()));
        Ok(Self { addr: listeners.listen(port, None)?, _listeners: listeners })
    }
}

pub(crate) struct Shared {
    pub site: Box<dyn Site>,
    pub counts: Counts,
    stopping: AtomicBool,
    pub next_connection: AtomicU64,
    open: Mutex<HashMap<u64, Arc<TcpStream>>>,
}

struct Listeners {
    shared: Arc<Shared>,
    acceptors: Vec<(SocketAddr, JoinHandle<()>)>,
}

impl std::fmt::Debug for Listeners {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.acceptors.iter().map(|(address, _)| address)).finish()
    }
}

impl Listeners {
    fn new(site: Box<dyn Site>) -> Self {
        raise_file_limit();
        let shared = Shared {
            site,
            counts: Counts::default(),
            stopping: AtomicBool::new(false),
            next_connection: AtomicU64::new(0),
            open: Mutex::default(),
        };
        Self { shared: Arc::new(shared), acceptors: Vec::new() }
    }

    fn listen(&mut self, port: u16, tls: Option<Arc<ServerConfig>>) -> Result<SocketAddr, Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(Error::Listen)?;
        // std listens with a backlog of 128, too little for thousands of clients at once.
        rustix::net::listen(&listener, BACKLOG).map_err(|errno| Error::Listen(errno.into()))?;
        let address = listener.local_addr().map_err(Error::Listen)?;
        let shared = Arc::clone(&self.shared);
        let acceptor = thread::spawn(move || accept(&listener, tls.as_ref(), &shared));
        self.acceptors.push((address, acceptor));
        Ok(address)
    }

    fn close_connections(&self) {
        for socket in self.shared.open.lock().expect("no holder of this lock panics").values() {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        for (address, acceptor) in self.acceptors.drain(..) {
            // An accept that blocks sees the flag when something connects.
            let _ = TcpStream::connect(address);
            let _ = acceptor.join();
        }
        self.close_connections();
    }
}

fn accept(listener: &TcpListener, tls: Option<&Arc<ServerConfig>>, shared: &Arc<Shared>) {
    // The threads of the connections inherit it: sleeps then end within microseconds of their time.
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
    for socket in listener.incoming() {
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok(socket) = socket.map(Arc::new) else {
            continue;
        };
        let number = shared.next_connection.fetch_add(1, Ordering::Relaxed) + 1;
        shared.open.lock().expect("no holder of this lock panics").insert(number, Arc::clone(&socket));
        let (served, tls) = (Arc::clone(shared), tls.cloned());
        let work = move || {
            connection::serve(&socket, tls, (&served.counts, served.site.as_ref()), number);
            forget(&served, number);
        };
        if thread::Builder::new().stack_size(STACK_BYTES).spawn(work).is_err() {
            forget(shared, number);
        }
    }
}

fn forget(shared: &Shared, number: u64) {
    shared.open.lock().expect("no holder of this lock panics").remove(&number);
}

fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
