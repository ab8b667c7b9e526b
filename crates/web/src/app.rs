//! What all handlers share: settings, the live state, the way to the hub, and the streams.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gregaria_sinks::runs::RunStore;
use tokio::sync::{Semaphore, broadcast, watch};

use crate::asks::Asks;
use crate::details::Details;
use crate::frame::Frame;
use crate::guard::Guard;
use crate::live::{Live, Tick};
use crate::login::{Login, Secrets};
use crate::messages::StreamSettings;
use crate::metrics::Source;

/// How long an answer waits for the newest figures; a hub that is busy for longer is answered for with older ones.
const FRESH_WITHIN: Duration = Duration::from_millis(250);
/// Updates kept for slow streams; one that is further behind gets a snapshot.
const BEHIND: usize = 8;
/// Streams at the same time.
pub const STREAMS: usize = 400;
/// Ticks that may wait to be taken in.
const TICKS: usize = 4;

/// How the server is set up.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// "" or "/something".
    pub base_path: String,
    pub guard: Guard,
    pub secrets: Secrets,
    pub key: [u8; 32],
    pub stream: StreamSettings,
    pub has_runner: bool,
    /// Cookies are for HTTPS only.
    pub secure: bool,
}

/// See the module's text.
pub struct App {
    pub settings: Settings,
    pub asks: Asks,
    live: Mutex<Live>,
    login: Mutex<Login>,
    runs: Mutex<Option<Arc<RunStore>>>,
    metrics: Mutex<Option<Source>>,
    details: Mutex<Option<Arc<dyn Details>>>,
    /// Everything that Locust's server would answer goes through the hub, because there is a Flask application.
    pub through_flask: AtomicBool,
    pub streams: broadcast::Sender<Arc<Frame>>,
    pub stream_places: Arc<Semaphore>,
    applied: watch::Sender<u64>,
    ticks_waiting: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl App {
    pub fn new(settings: Settings, asks: Asks) -> Self {
        Self {
            live: Mutex::new(Live::new(settings.stream.clone())),
            login: Mutex::new(Login::new(settings.secrets.clone(), settings.key)),
            runs: Mutex::default(),
            metrics: Mutex::default(),
            details: Mutex::default(),
            settings,
            asks,
            through_flask: AtomicBool::new(false),
            streams: broadcast::channel(BEHIND).0,
            stream_places: Arc::new(Semaphore::new(STREAMS)),
            applied: watch::channel(0).0,
            ticks_waiting: AtomicUsize::new(0),
        }
    }

    pub fn live(&self) -> MutexGuard<'_, Live> {
        lock(&self.live)
    }

    pub fn login(&self) -> MutexGuard<'_, Login> {
        lock(&self.login)
    }

    /// The runs that are kept, if any are.
    pub fn runs(&self) -> Option<Arc<RunStore>> {
        lock(&self.runs).clone()
    }

    /// Show these runs.
    pub fn set_runs(&self, runs: Arc<RunStore>) {
        *lock(&self.runs) = Some(runs);
    }

    /// Where the counts of `/metrics` come from.
    pub fn metrics_source(&self) -> Option<Source> {
        lock(&self.metrics).clone()
    }

    /// Take the counts of `/metrics` from here.
    pub fn set_metrics_source(&self, source: Source) {
        *lock(&self.metrics) = Some(source);
    }

    /// What is only told when somebody asks for it.
    pub fn details(&self) -> Option<Arc<dyn Details>> {
        lock(&self.details).clone()
    }

    /// Ask this for what no update carries.
    pub fn set_details(&self, details: Arc<dyn Details>) {
        *lock(&self.details) = Some(details);
    }

    /// For the hub: whether a tick would be taken in soon; otherwise it is better kept for later.
    pub fn wants_tick(&self) -> bool {
        self.ticks_waiting.load(Ordering::Relaxed) < TICKS
    }

    /// For the hub: a tick is on its way.
    pub fn tick_sent(&self) {
        self.ticks_waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Take in a tick and tell all streams.
    pub fn apply(&self, tick: Tick) {
        self.ticks_waiting.fetch_sub(1, Ordering::Relaxed);
        let mut live = self.live();
        let update = live.apply(tick);
        if self.streams.receiver_count() > 0 {
            let frame = Frame::new("update", Some(update.sequence), &update);
            // Nobody there is no error.
            let _ = self.streams.send(Arc::new(frame));
        }
        let sequence = live.sequence;
        drop(live);
        self.applied.send_replace(sequence);
    }

    /// Ask the hub for the newest figures and wait for them, but not for long.
    pub async fn refresh(&self) {
        let mut applied = self.applied.subscribe();
        applied.mark_unchanged();
        self.asks.refresh();
        // In time or not, the answer is given with what is known.
        let _ = tokio::time::timeout(FRESH_WITHIN, applied.changed()).await;
    }

    /// Wait until the hub has told anything at all.
    pub fn told_yet(&self) -> watch::Receiver<u64> {
        self.applied.subscribe()
    }
}

/// Seconds since the epoch.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
