//! A thread that feeds one sink, so that whoever measures never waits for it.
//!
//! ```text
//!   hub:     send ── send ── send ─────── finish (waits)
//!              │       │       │             │
//!   thread:    snapshot  snapshot  snapshot  finish, end
//! ```

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::error::Error;
use crate::sink::{Report, Sink};

/// So many reports may wait; more are left out, which is told once.
const WAITING_REPORTS: usize = 30;

/// Makes a report on the sink's thread.
pub type MakeReport = Box<dyn FnOnce() -> Report + Send>;

enum Message {
    Snapshot(MakeReport),
    Finish(Box<Report>),
}

type Errors = Arc<Mutex<Vec<Error>>>;

/// The handle on a running sink. Dropped without [`Service::finish`], the thread ends without a last report.
pub struct Service {
    name: String,
    inbox: SyncSender<Message>,
    errors: Errors,
    lost: u64,
    thread: JoinHandle<()>,
}

impl Service {
    /// Start the sink, on this thread, and then a thread that feeds it.
    pub fn spawn(mut sink: Box<dyn Sink>) -> Result<Self, Error> {
        sink.start()?;
        let name = sink.name();
        let (inbox, messages) = sync_channel(WAITING_REPORTS);
        let errors = Errors::default();
        let reports = Arc::clone(&errors);
        let thread = std::thread::Builder::new()
            .name("gregaria-sink".into())
            .spawn(move || feed(&mut *sink, &messages, &reports))
            .map_err(|source| Error::Thread { sink: name.clone(), source })?;
        Ok(Self { name, inbox, errors, lost: 0, thread })
    }

    /// Hand over a report without waiting. If the sink is too far behind, the report is left out.
    pub fn send(&mut self, report: Report) {
        self.send_later(Box::new(move || report));
    }

    /// As [`Service::send`], with a report that the sink's thread makes when it comes to it.
    pub fn send_later(&mut self, make: MakeReport) {
        match self.inbox.try_send(Message::Snapshot(make)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.lost += 1,
            Err(TrySendError::Disconnected(_)) if self.lost == 0 => {
                self.lost = 1;
                push(&self.errors, Error::Died { sink: self.name.clone() });
            }
            Err(TrySendError::Disconnected(_)) => {}
        }
    }

    /// The oldest error that was not taken yet.
    pub fn take_error(&mut self) -> Option<Error> {
        let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        (!errors.is_empty()).then(|| errors.remove(0))
    }

    /// Hand over the last report, wait until everything is written, and give back the errors not taken yet.
    pub fn finish(self, report: Report) -> Vec<Error> {
        let told = self.inbox.send(Message::Finish(Box::new(report))).is_ok();
        let ended = self.thread.join().is_ok();
        if self.lost > 0 && told {
            push(&self.errors, Error::Behind { sink: self.name.clone(), lost: self.lost });
        }
        if !told || !ended {
            push(&self.errors, Error::Died { sink: self.name });
        }
        std::mem::take(&mut *self.errors.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn feed(sink: &mut dyn Sink, messages: &Receiver<Message>, errors: &Errors) {
    for message in messages {
        let (result, last) = match message {
            Message::Snapshot(make) => (sink.snapshot(&make()), false),
            Message::Finish(report) => (sink.finish(&report), true),
        };
        if let Err(error) = result {
            push(errors, error);
        }
        if last {
            return;
        }
    }
}

fn push(errors: &Errors, error: Error) {
    errors.lock().unwrap_or_else(PoisonError::into_inner).push(error);
}

#[cfg(test)]
mod tests {
    use super::*;
    use gregaria_stats::{Detail, Stats};
    use std::sync::mpsc::{Sender, channel};

    struct Probe {
        told: Sender<&'static str>,
        gate: Receiver<()>,
        broken: bool,
    }

    impl Sink for Probe {
        fn name(&self) -> String {
            "the probe".into()
        }

        fn start(&mut self) -> Result<(), Error> {
            self.told.send("start").map_err(|_| Error::Died { sink: self.name() })
        }

        fn snapshot(&mut self, _report: &Report) -> Result<(), Error> {
            self.gate.recv().ok();
            self.told.send("snapshot").ok();
            if self.broken { Err(Error::Behind { sink: self.name(), lost: 7 }) } else { Ok(()) }
        }

        fn finish(&mut self, _report: &Report) -> Result<(), Error> {
            self.told.send("finish").ok();
            Ok(())
        }
    }

    fn report() -> Report {
        Report {
            stats: Stats::new(0.0).snapshot(1.0, &Detail::default()).into(),
            whole: true,
            user_count: 0,
            exceptions: Vec::new(),
        }
    }

    fn service(broken: bool) -> (Service, Receiver<&'static str>, Sender<()>) {
        let ((told, calls), (open, gate)) = (channel(), channel());
        (Service::spawn(Box::new(Probe { told, gate, broken })).unwrap(), calls, open)
    }

    #[test]
    fn calls_come_in_order_and_finish_waits_for_the_last() {
        let (mut service, calls, open) = service(false);
        service.send(report());
        open.send(()).unwrap();
        assert!(service.finish(report()).is_empty());
        assert_eq!(calls.iter().collect::<Vec<_>>(), ["start", "snapshot", "finish"]);
    }

    #[test]
    fn errors_can_be_taken_while_the_run_goes_on() {
        let (mut service, calls, open) = service(true);
        for _ in 0..2 {
            service.send(report());
            open.send(()).unwrap();
        }
        let errors = service.finish(report());
        assert_eq!(errors.len(), 2);
        assert_eq!(calls.iter().last(), Some("finish"));
    }

    #[test]
    fn a_sink_that_is_stuck_loses_reports_but_holds_nobody_up() {
        let (mut service, calls, open) = service(false);
        assert_eq!(calls.recv(), Ok("start"));
        for _ in 0..WAITING_REPORTS + 10 {
            service.send(report());
        }
        drop(open);
        let errors = service.finish(report());
        assert!(matches!(errors[..], [Error::Behind { lost: 9 | 10, .. }]), "{errors:?}");
    }

    #[test]
    fn a_sink_that_dies_is_reported() {
        struct Dying;
        impl Sink for Dying {
            fn name(&self) -> String {
                "the dying one".into()
            }
            fn start(&mut self) -> Result<(), Error> {
                Ok(())
            }
            fn snapshot(&mut self, _report: &Report) -> Result<(), Error> {
                unreachable!("only finish is called")
            }
            fn finish(&mut self, _report: &Report) -> Result<(), Error> {
                panic!("as the test wants it")
            }
        }
        let service = Service::spawn(Box::new(Dying)).unwrap();
        assert!(matches!(service.finish(report())[..], [Error::Died { .. }]));
    }
}
