//! The reactor alone under load, without users and Python: N connections in a closed loop for some seconds, to be set
//! beside `wrk -t1 -cN`. Prints requests per second and CPU time per request.
//!
//! `bare_load HOST:PORT [CONNECTIONS] [SECONDS] [PATH] [http2]`, with `https://HOST:PORT` for TLS without verification.

use std::error::Error;
use std::sync::{Arc, OnceLock, mpsc};
use std::time::{Duration, Instant};

use gregaria_http::{
    Command, Completion, ConnectionId, Event, EventSink, HttpVersion, Network, Origin, Reactor, Request, Scheme,
    Settings, SharedConnection, Submitter, TlsSettings, Verify,
};

struct Loop {
    origin: Arc<Origin>,
    bytes: Vec<u8>,
    /// By request id: each has its own, as users do.
    shared: Vec<Option<Arc<SharedConnection>>>,
    submitter: Arc<OnceLock<Submitter>>,
    commands: Vec<Command>,
    until: Instant,
    in_flight: usize,
    totals: Totals,
    done: mpsc::Sender<Totals>,
}

#[derive(Default, Clone)]
struct Totals {
    requests: u64,
    failures: u64,
    body_bytes: u64,
    response_time: Duration,
    last_failure: Option<String>,
}

impl Loop {
    fn request(&self, id: u64, connection: Option<ConnectionId>) -> Command {
        let shared = self.shared[id as usize].clone();
        let request = Request::new(Arc::clone(&self.origin), self.bytes.clone());
        Command::Send(Box::new(Request { id, connection, shared, ..request }))
    }

    fn completed(&mut self, completion: &Completion) {
        match &completion.result {
            Ok(response) if response.status() < 400 => self.totals.body_bytes += response.body().len() as u64,
            Ok(response) => {
                self.totals.failures += 1;
                self.totals.last_failure = Some(format!("status {}", response.status()));
            }
            Err(failure) => {
                self.totals.failures += 1;
                self.totals.last_failure = Some(failure.to_string());
            }
        }
        self.totals.requests += 1;
        self.totals.response_time += completion.timings.finished - completion.timings.started;
        if completion.timings.finished < self.until {
            self.commands.push(self.request(completion.id, completion.connection));
        } else {
            self.in_flight -= 1;
        }
    }
}

impl EventSink for Loop {
    fn deliver(&mut self, events: &mut Vec<Event>) {
        for event in events.drain(..) {
            if let Event::Completed(completion) = event {
                self.completed(&completion);
            }
        }
        if let Some(submitter) = self.submitter.get() {
            submitter.submit(&mut self.commands);
        }
        if self.in_flight == 0 {
            let _ = self.done.send(std::mem::take(&mut self.totals));
        }
    }
}

/// User and system time of this process, from the 14th and 15th field of /proc/self/stat.
fn cpu_ticks() -> Result<(u64, u64), Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    Ok((fields[11].parse()?, fields[12].parse()?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let target = arguments.get(1).map_or("127.0.0.1:8080", String::as_str);
    let connections: usize = arguments.get(2).map_or(Ok(50), |text| text.parse())?;
    let seconds: u64 = arguments.get(3).map_or(Ok(3), |text| text.parse())?;
    let path = arguments.get(4).map_or("/", String::as_str);
    let (scheme, address) = match target.strip_prefix("https://") {
        Some(address) => (Scheme::Https, address),
        None => (Scheme::Http, target),
    };
    let (host, port) = address.rsplit_once(':').ok_or("HOST:PORT, please")?;
    let tls = (scheme == Scheme::Https).then(|| TlsSettings::shared(&Verify::Off, None)).transpose()?;
    let is_two = arguments.get(5).is_some_and(|text| text == "http2");
    let network = is_two.then(|| Arc::new(Network { http_version: HttpVersion::Two, ..Network::default() }));
    let origin = Arc::new(Origin { scheme, host: host.to_owned(), port: port.parse()?, tls, proxy: None, network });
    let bytes = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes();

    let (sender, receiver) = mpsc::channel();
    let submitter = Arc::new(OnceLock::new());
    let start = Instant::now();
    let sink = Loop {
        origin,
        bytes,
        shared: (0..connections).map(|_| is_two.then(Arc::default)).collect(),
        submitter: Arc::clone(&submitter),
        commands: Vec::new(),
        until: start + Duration::from_secs(seconds),
        in_flight: connections,
        totals: Totals::default(),
        done: sender,
    };
    let mut commands = (0..connections as u64).map(|id| sink.request(id, None)).collect();
    let reactor = Reactor::spawn(Settings::default(), Box::new(sink))?;
    let _ = submitter.set(reactor.submitter());
    reactor.submit(&mut commands);
    let totals = receiver.recv()?;
    let elapsed = start.elapsed().as_secs_f64();
    drop(reactor);
    let (user, system) = cpu_ticks()?;
    let requests = totals.requests as f64;
    println!(
        "{:.0} requests/s, {:.2} us CPU per request (user {:.2}, system {:.2}), mean {:.3} ms, {} requests, {} failed{}",
        requests / elapsed,
        (user + system) as f64 * 1e4 / requests,
        user as f64 * 1e4 / requests,
        system as f64 * 1e4 / requests,
        totals.response_time.as_secs_f64() * 1e3 / requests,
        totals.requests,
        totals.failures,
        totals.last_failure.map(|text| format!(" ({text})")).unwrap_or_default(),
    );
    Ok(())
}
