//! The worker's machine on a client, with a thread that keeps its time and writes its reports, so that neither costs the hub.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use gregaria_stats::Taken;
use rmpv::Value;

use super::{Heard, Hub};
use crate::action::{Action, Level};
use crate::message::Message;
use crate::report::{fine_field, plain_fields, user_fields};
use crate::transport::{self, Client, ClientEvent, ClientSender, ClientSink};
use crate::worker::{Settings, Worker};

/// What a report is made of.
#[derive(Debug)]
pub struct Reporting {
    pub taken: Taken,
    /// Users that run, by class.
    pub users: Vec<(String, u64)>,
    /// How the engine has been doing, by figure.
    pub health: Vec<(String, f64)>,
    /// Keys of the failures, for masters that are not ours.
    pub error_keys: Vec<String>,
    /// The run that this was measured in.
    pub run: Option<u64>,
    /// A report that listeners have had their hands on; it goes as it is.
    pub written: Option<Vec<(Value, Value)>>,
    /// Seconds since the epoch.
    pub now: f64,
}

enum Job {
    Send(Message),
    Report(Box<Reporting>),
    Leave,
    Register,
}

struct Core {
    worker: Mutex<Worker>,
    sender: OnceLock<ClientSender>,
    hub: Arc<dyn Hub>,
    began: Instant,
    last_loss: Mutex<Option<String>>,
}

/// A running worker.
pub struct WorkerDriver {
    core: Arc<Core>,
    client: Client,
    jobs: Option<Sender<Job>>,
    /// Jobs that are not done yet.
    open_jobs: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl WorkerDriver {
    /// Connects and registers, both for as long as it takes.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        address: (String, u16),
        links: transport::Settings,
        settings: Settings,
        hub: Arc<dyn Hub>,
    ) -> Result<Self, transport::Error> {
        let id = settings.id.clone();
        let core = Arc::new(Core {
            worker: Mutex::new(Worker::new(settings, 0.0)),
            sender: OnceLock::new(),
            hub,
            began: Instant::now(),
            last_loss: Mutex::default(),
        });
        let client = Client::connect(address, &id, links, Arc::<Core>::clone(&core))?;
        core.sender.set(client.sender()).ok();
        let (jobs, inbox) = channel();
        let open_jobs = Arc::<AtomicUsize>::default();
        let (working, open) = (Arc::clone(&core), Arc::clone(&open_jobs));
        let thread = std::thread::Builder::new()
            .name("cluster-clock".to_owned())
            .spawn(move || working.work(&inbox, &open))
            .map_err(transport::Error::Thread)?;
        Ok(Self { core, client, jobs: Some(jobs), open_jobs, thread: Some(thread) })
    }

    /// Look at the machine, or change it; with the seconds on its clock.
    pub fn with<R>(&self, action: impl FnOnce(&mut Worker, f64) -> R) -> R {
        let now = self.core.now();
        action(&mut self.core.lock(), now)
    }

    /// Send in the order of the calls, reports included.
    pub fn send(&self, message: Message) {
        self.put(Job::Send(message));
    }

    /// Write and send a report.
    pub fn report(&self, reporting: Reporting) {
        self.put(Job::Report(Box::new(reporting)));
    }

    /// Tell the master that the test is over here. There are no heartbeats until [`Self::register`].
    pub fn leave(&self) {
        self.put(Job::Leave);
    }

    /// Register with the master, when all that was to be sent before is written.
    pub fn register(&self) {
        self.put(Job::Register);
    }

    fn put(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            self.open_jobs.fetch_add(1, Ordering::AcqRel);
            jobs.send(job).ok();
        }
    }

    /// Whether something that was to be sent is not written yet.
    pub fn has_jobs(&self) -> bool {
        self.open_jobs.load(Ordering::Acquire) > 0
    }

    /// Close the connection and make a new one.
    pub fn reconnect(&self) {
        self.client.reconnect();
    }
}

impl Drop for WorkerDriver {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

impl Core {
    fn lock(&self) -> MutexGuard<'_, Worker> {
        self.worker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn work(&self, inbox: &Receiver<Job>, open_jobs: &AtomicUsize) {
        self.hub.begin_writing();
        loop {
            let pause_s = self.lock().pause_s(self.now());
            match inbox.recv_timeout(Duration::from_secs_f64(pause_s)) {
                Ok(job) => {
                    match job {
                        Job::Send(message) => self.sender.wait().send(message.encode()),
                        Job::Report(reporting) => self.write_report(*reporting),
                        Job::Leave => self.with_worker(|worker, _| vec![worker.leave()]),
                        Job::Register => self.with_worker(|worker, now| {
                            worker.register(now);
                            Vec::new()
                        }),
                    }
                    open_jobs.fetch_sub(1, Ordering::AcqRel);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.with_worker(Worker::tick);
        }
    }

    fn with_worker(&self, step: impl FnOnce(&mut Worker, f64) -> Vec<Action>) {
        let actions = step(&mut self.lock(), self.now());
        self.carry_out(actions);
    }

    fn write_report(&self, reporting: Reporting) {
        let (id, ours, number) = {
            let mut worker = self.lock();
            (worker.settings.id.clone(), worker.master_is_ours(), worker.next_report_number())
        };
        let mut fields = match (reporting.written, ours) {
            (Some(written), _) => written,
            (None, Some(false)) => {
                [plain_fields(&Taken::default(), &[], reporting.now), user_fields(&reporting.users)].concat()
            }
            (None, _) => {
                let statistics = plain_fields(&reporting.taken, &reporting.error_keys, reporting.now);
                [statistics, user_fields(&reporting.users)].concat()
            }
        };
        if ours.is_some() {
            fields.push(fine_field(&reporting.taken, number, reporting.run, &reporting.health, reporting.now));
        }
        let bytes = Message::new("stats", Value::Map(fields), &id).encode();
        if ours.is_some() && !reporting.taken.is_empty() {
            self.lock().keep_report(number, bytes.clone());
        }
        self.sender.wait().send(bytes);
    }

    fn carry_out(&self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(message) => self.sender.wait().send(message.encode()),
                Action::Log(level, text) => self.hub.hear(Heard::Log(level, text)),
                Action::Tell(tell) => self.hub.hear(Heard::Tell(tell)),
            }
        }
    }

    fn on_lost(&self, reason: String, hopeless: bool, ordinary: bool) {
        let mut last = self.last_loss.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref() != Some(&reason) {
            let level = if ordinary { Level::Debug } else { Level::Warning };
            self.hub.hear(Heard::Log(level, format!("No connection to the master: {reason}")));
            *last = Some(reason.clone());
        }
        drop(last);
        if hopeless {
            let actions = self.lock().on_hopeless(reason);
            self.carry_out(actions);
        }
    }
}

impl ClientSink for Core {
    fn event(&self, event: ClientEvent) {
        match event {
            ClientEvent::Connected => *self.last_loss.lock().unwrap_or_else(PoisonError::into_inner) = None,
            ClientEvent::Message(payload) => match Message::decode(&payload) {
                Ok(message) => {
                    let actions = self.lock().on_message(message, self.now());
                    self.carry_out(actions);
                }
                Err(error) => {
                    let text = format!("RPCError found when receiving from master: {error}");
                    self.hub.hear(Heard::Log(Level::Error, text));
                }
            },
            ClientEvent::Lost { reason, hopeless, ordinary } => self.on_lost(reason, hopeless, ordinary),
        }
    }

    fn to_be_sent_again(&self) -> Vec<Vec<u8>> {
        self.lock().on_connected()
    }
}
