//! The connecting side: connects, and connects again whenever the connection is lost, until it is dropped.
//! Messages wait while there is no connection, as many as a ZeroMQ socket keeps.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::pump::{Gone, outbox, pump};
use super::server::describe;
use super::{Error, Settings, prepare, runtime};
use crate::zmtp::{Event, Session};

/// Messages kept while there is no connection; the oldest go first.
const MOST_WAITING: usize = 1_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// What happens at a client.
#[derive(Debug)]
pub enum ClientEvent {
    Connected,
    Message(Vec<u8>),
    /// The connection was lost or could not be made; the next attempt follows by itself.
    Lost {
        reason: String,
        /// Trying again is no use: the links are of different kinds, or the secret is wrong.
        hopeless: bool,
        /// As it is when a server is not there yet, or has ended.
        ordinary: bool,
    },
}

/// Takes what happens, on the client's thread.
pub trait ClientSink: Send + Sync + 'static {
    fn event(&self, event: ClientEvent);

    /// There is a connection (again): what goes out before all that waits, since the last one may have lost it.
    fn to_be_sent_again(&self) -> Vec<Vec<u8>> {
        Vec::new()
    }
}

enum Order {
    Send(Vec<u8>),
    Reconnect,
    Close,
}

/// A client; dropping it closes the connection once what was sent before has been written.
pub struct Client {
    orders: UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

/// See [`Client::sender`].
#[derive(Clone)]
pub struct ClientSender(UnboundedSender<Order>);

impl ClientSender {
    /// As [`Client::send`].
    pub fn send(&self, payload: Vec<u8>) {
        self.0.send(Order::Send(payload)).ok();
    }
}

impl Client {
    /// Starts to connect, and returns at once.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn connect(
        address: (String, u16),
        identity: &str,
        settings: Settings,
        sink: Arc<dyn ClientSink>,
    ) -> Result<Self, Error> {
        let runtime = runtime()?;
        let (orders, inbox) = unbounded_channel();
        let identity = identity.as_bytes().to_vec();
        let run = Run { address, identity, settings, sink, inbox, waiting: VecDeque::new() };
        let thread = std::thread::Builder::new()
            .name("cluster".to_owned())
            .spawn(move || runtime.block_on(run.run()))
            .map_err(Error::Thread)?;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// Send, now or as soon as there is a connection. From any thread.
    pub fn send(&self, payload: Vec<u8>) {
        self.orders.send(Order::Send(payload)).ok();
    }

    /// Close the connection and make a new one.
    pub fn reconnect(&self) {
        self.orders.send(Order::Reconnect).ok();
    }

    /// A way to send that can be kept elsewhere; does not keep the client alive.
    pub fn sender(&self) -> ClientSender {
        ClientSender(self.orders.clone())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.orders.send(Order::Close).ok();
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != std::thread::current().id()
        {
            thread.join().ok();
        }
    }
}

struct Run {
    address: (String, u16),
    identity: Vec<u8>,
    settings: Settings,
    sink: Arc<dyn ClientSink>,
    inbox: UnboundedReceiver<Order>,
    waiting: VecDeque<Vec<u8>>,
}

impl Run {
    async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(self.address.clone()));
            tokio::pin!(connecting);
            let attempt = loop {
                tokio::select! {
                    attempt = &mut connecting => break attempt,
                    order = self.inbox.recv() => if self.keep(order) { return },
                }
            };
            let reason = match attempt {
                Ok(Ok(stream)) => match self.serve(stream).await {
                    Some((reason, was_open)) => {
                        if was_open {
                            pause = FIRST_PAUSE;
                        }
                        reason
                    }
                    None => return,
                },
                Ok(Err(error)) => Gone::Io(error),
                Err(_) => Gone::Silent,
            };
            let hopeless = matches!(reason, Gone::Protocol(_));
            let ordinary = match &reason {
                Gone::Io(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
                Gone::Closed | Gone::Dropped => true,
                Gone::Silent | Gone::Stuck | Gone::Protocol(_) => false,
            };
            self.sink.event(ClientEvent::Lost { reason: describe(&reason), hopeless, ordinary });
            let over = tokio::time::sleep(pause);
            tokio::pin!(over);
            loop {
                tokio::select! {
                    () = &mut over => break,
                    order = self.inbox.recv() => if self.keep(order) { return },
                }
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Keeps a message for later; whether there will be no more orders.
    fn keep(&mut self, order: Option<Order>) -> bool {
        match order {
            Some(Order::Send(payload)) => {
                if self.waiting.len() == MOST_WAITING {
                    self.waiting.pop_front();
                }
                self.waiting.push_back(payload);
                false
            }
            Some(Order::Reconnect) => false,
            Some(Order::Close) | None => true,
        }
    }

    /// Why the connection ended and whether it was ever open; `None` if the client was dropped.
    async fn serve(&mut self, stream: TcpStream) -> Option<(Gone, bool)> {
        prepare(&stream).ok();
        let mut session =
            Session::connecting(self.identity.clone(), self.settings.secret.clone(), self.settings.limits);
        let (way_out, mut outgoing) = outbox();
        let mut way_out = Some(way_out);
        let (opened, mut is_open) = tokio::sync::watch::channel(false);
        let sink = Arc::clone(&self.sink);
        let pumping = pump(stream, &mut session, &mut outgoing, |event| match event {
            Event::Ready { .. } => {
                opened.send_replace(true);
                sink.event(ClientEvent::Connected);
            }
            Event::Message(payload) => sink.event(ClientEvent::Message(payload)),
        });
        tokio::pin!(pumping);
        let mut dropped = false;
        let reason = loop {
            tokio::select! {
                biased;
                reason = &mut pumping => break reason,
                changed = is_open.changed(), if !*is_open.borrow() => {
                    if changed.is_ok() && let Some(way_out) = &way_out {
                        let again = self.sink.to_be_sent_again();
                        again.into_iter().chain(self.waiting.drain(..)).for_each(|payload| { way_out.put(payload); });
                    }
                }
                order = self.inbox.recv(), if !dropped => match order {
                    Some(Order::Send(payload)) => match &way_out {
                        Some(way_out) if *is_open.borrow() => { way_out.put(payload); }
                        _ => { self.keep(Some(Order::Send(payload))); }
                    },
                    // The pump writes what is queued, and then ends by itself.
                    Some(Order::Reconnect) => way_out = None,
                    Some(Order::Close) | None => {
                        way_out = None;
                        dropped = true;
                        if !*is_open.borrow() {
                            return None;
                        }
                    }
                },
            }
        };
        let was_open = *is_open.borrow();
        if dropped { None } else { Some((reason, was_open)) }
    }
}
