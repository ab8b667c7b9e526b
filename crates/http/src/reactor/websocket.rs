//! WebSockets on the reactor: an exchange with a channel whose response was `101 Switching Protocols`.

use std::time::Instant;

use super::connection::{Connection, Intake, Progress};
use super::driver::Driver;
use crate::channel::{Channel, Piece, PieceKind};
use crate::exchange::ConnectionId;
use crate::failure::Failure;
use crate::websocket::SocketMessage;

impl Intake {
    /// Whether what comes is no longer HTTP. Asked once the head is complete.
    pub(super) fn is_upgraded(&self, channel: &Channel) -> bool {
        channel.session().is_some() && self.decoder.status() == 101
    }

    pub(super) fn absorb_messages(&mut self, bytes: &[u8], channel: &Channel, at: Instant) -> Result<(), Failure> {
        let Some(mut session) = channel.session() else { return Ok(()) };
        session.feed(bytes, |message| {
            let (kind, bytes) = match message {
                SocketMessage::Text(text) => (PieceKind::Text, text),
                SocketMessage::Binary(bytes) => (PieceKind::Binary, bytes),
                SocketMessage::Close(code, reason) => (PieceKind::Close(code), reason.into_bytes()),
            };
            channel.push(Piece { at, kind, bytes });
        })
    }
}

impl Connection {
    /// Adds the frames of what waits to be sent, and of what the protocol itself has to say.
    pub(super) fn append_messages(&mut self, channel: &Channel, progress: &mut Progress) {
        if !self.has_head() || !self.intake.is_upgraded(channel) {
            return;
        }
        let Some(mut session) = channel.session() else { return };
        let mut sent = Vec::new();
        for (message, number) in channel.take_messages() {
            if let Err(failure) = session.send(message) {
                *progress = Progress::Failed(failure);
                return;
            }
            if number != 0 {
                sent.push(number);
            }
        }
        let frames = session.take_outgoing();
        drop(session);
        if !frames.is_empty() {
            self.append(frames);
        }
        let at = Instant::now();
        for number in sent {
            channel.push(Piece { at, kind: PieceKind::Sent(number), bytes: Vec::new() });
        }
    }

    /// A last message may wait; whether it reaches the other side changes nothing.
    pub(super) fn say_goodbye(&mut self, channel: &Channel) {
        let mut progress = Progress::Pending { heard: false };
        self.append_messages(channel, &mut progress);
        if channel.session().is_some() && self.has_head() {
            let _ = self.send();
        }
    }
}

impl Driver {
    /// What has come in may have to be answered: pings, and the end.
    pub(super) fn send_messages(&mut self, id: ConnectionId, channel: &Channel, progress: &mut Progress) {
        let Some(connection) = self.lookup(id) else { return };
        if !matches!(progress, Progress::Pending { .. } | Progress::Unfinished) {
            return;
        }
        connection.append_messages(channel, progress);
        if connection.has_more_to_send()
            && matches!(progress, Progress::Pending { .. } | Progress::Unfinished)
            && let Progress::Failed(failure) = connection.send()
        {
            *progress = Progress::Failed(failure);
        }
    }
}
