//! The master's machine on a server.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::{Heard, Hub};
use crate::action::{Action, Level, Tell};
use crate::master::{Master, Settings};
use crate::message::Message;
use crate::report::{Report, Unpacker};
use crate::transport::{self, Server, ServerEvent, ServerSender, ServerSink};

/// Strangers that are named in the log; more are only counted by nobody.
const MOST_NAMED_STRANGERS: usize = 50;

struct Core {
    master: Mutex<Master>,
    unpacker: Mutex<Unpacker>,
    sender: OnceLock<ServerSender>,
    hub: Arc<dyn Hub>,
    strangers: Mutex<HashSet<(IpAddr, String)>>,
}

/// A running master.
pub struct MasterDriver {
    core: Arc<Core>,
    server: Server,
}

impl MasterDriver {
    /// Listens for workers.
    ///
    /// # Errors
    /// The address cannot be had.
    pub fn start(
        (host, port): (&str, u16),
        links: transport::Settings,
        settings: Settings,
        hub: Arc<dyn Hub>,
    ) -> Result<Self, transport::Error> {
        let master = Mutex::new(Master::new(settings));
        let (unpacker, strangers) = (Mutex::default(), Mutex::default());
        let core = Arc::new(Core { master, unpacker, sender: OnceLock::new(), hub, strangers });
        let server = Server::bind(host, port, links, Arc::<Core>::clone(&core))?;
        core.sender.set(server.sender()).ok();
        Ok(Self { core, server })
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Look at the machine, or change its settings.
    pub fn with<R>(&self, action: impl FnOnce(&mut Master) -> R) -> R {
        action(&mut self.core.lock())
    }

    /// Another run begins: returns when all that was reported of the last one is in the statistics.
    pub fn begin_run(&self, run: u64) {
        let merging = self.core.unpacker.lock().unwrap_or_else(PoisonError::into_inner);
        self.core.lock().run = Some(run);
        drop(merging);
    }

    /// A second has passed.
    pub fn tick(&self) {
        let actions = self.core.lock().tick();
        self.core.carry_out(actions);
    }

    /// Send to the node that the message names; whether it is there.
    pub fn send(&self, message: &Message) -> bool {
        self.server.send(&message.node_id, message.encode())
    }
}

impl Core {
    fn lock(&self) -> MutexGuard<'_, Master> {
        self.master.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry_out(&self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(message) => {
                    self.sender.wait().send(&message.node_id, message.encode());
                }
                Action::Log(level, text) => self.hub.hear(Heard::Log(level, text)),
                Action::Tell(tell) => self.hub.hear(Heard::Tell(tell)),
            }
        }
    }

    fn on_payload(&self, identity: &str, payload: Vec<u8>) {
        let outcome = match Message::kind_of(&payload) {
            Some("stats") => self.on_report(identity, payload),
            _ => Message::decode(&payload).map(|message| self.lock().on_message(identity, message)),
        };
        let actions = outcome.unwrap_or_else(|error| {
            let text = match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            };
            self.lock().on_garbage(identity, &text)
        });
        self.carry_out(actions);
    }

    fn on_report(&self, identity: &str, payload: Vec<u8>) -> Result<Vec<Action>, crate::message::Error> {
        let mut unpacker = self.unpacker.lock().unwrap_or_else(PoisonError::into_inner);
        let mut report = Report::decode(&payload, &mut unpacker)?;
        let (counts, mut actions, tell) = {
            let mut master = self.lock();
            let (counts, actions) = master.on_report(identity, &report);
            if !report.health.is_empty() {
                master.nodes.note_health(identity, report.health);
            }
            (counts, actions, master.settings.tell_reports)
        };
        if counts {
            report.counted.came_from(identity);
            self.hub.merge(report.counted, report.now);
            if tell {
                actions.push(Action::Tell(Tell::Report { payload }));
            }
        }
        Ok(actions)
    }
}

impl ServerSink for Core {
    fn event(&self, event: ServerEvent) {
        match event {
            ServerEvent::Message { identity, payload } => self.on_payload(&identity, payload),
            ServerEvent::Left { identity, reason } => {
                self.hub.hear(Heard::Log(Level::Debug, format!("The connection of worker {identity} ended: {reason}")));
            }
            ServerEvent::Refused { address, reason } => {
                let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
                if strangers.len() < MOST_NAMED_STRANGERS && strangers.insert((address.ip(), reason.clone())) {
                    let text = format!("Turned away a connection from {}: {reason}", address.ip());
                    self.hub.hear(Heard::Log(Level::Warning, text));
                }
            }
        }
    }
}
