//! Exchanges with a channel: the completion comes with the head, the body follows piece by piece, and what is written
//! meanwhile goes out. Reading stops while the reader is behind.

use std::sync::Arc;
use std::time::Instant;

use super::connection::{Connection, Intake, Progress, Stage};
use super::driver::Driver;
use crate::channel::{Channel, Piece, PieceKind};
use crate::exchange::{Completion, ConnectionId, Event};
use crate::failure::{Failure, Phase};

impl Connection {
    pub fn has_channel(&self) -> bool {
        self.request.as_ref().is_some_and(|request| request.channel.is_some())
    }

    pub(super) fn channel(&self) -> Option<Arc<Channel>> {
        self.request.as_ref()?.channel.clone()
    }

    /// Whether the head of the response is complete.
    pub fn has_head(&self) -> bool {
        self.intake.expecting && self.intake.decoder.phase() == Phase::Body
    }

    /// Adds to what is to be sent.
    pub(super) fn append(&mut self, bytes: Vec<u8>) {
        let Some(request) = &mut self.request else { return };
        if self.written == request.bytes.len() {
            request.bytes = bytes;
            self.written = 0;
        } else {
            request.bytes.extend_from_slice(&bytes);
        }
    }

    fn unsent(&self) -> usize {
        self.request.as_ref().map_or(0, |request| request.bytes.len() - self.written)
    }
}

impl Intake {
    fn absorb_streamed(&mut self, bytes: &[u8], channel: &Channel) -> Result<(), Failure> {
        if !self.expecting || self.complete {
            self.spoiled = true;
            return Ok(());
        }
        self.heard = true;
        let at = *self.first_byte.get_or_insert_with(Instant::now);
        let at = if self.announced { Instant::now() } else { at };
        let mut used = 0;
        if self.announced && self.is_upgraded(channel) {
            return self.absorb_messages(bytes, channel, at);
        }
        while used < bytes.len() && !self.complete {
            let stretch = self.decoder.feed_stretch(&bytes[used..])?;
            used += stretch.used;
            if self.decoder.phase() == Phase::Body && self.is_upgraded(channel) {
                return self.absorb_messages(&bytes[used..], channel, at);
            }
            self.complete = stretch.done;
            if self.decoder.phase() == Phase::Body {
                let kind = if stretch.ends_chunk { PieceKind::ChunkEnd } else { PieceKind::Data };
                let bytes = self.decoder.take_body();
                if !bytes.is_empty() {
                    channel.push(Piece { at, kind, bytes });
                }
            }
        }
        self.spoiled |= used < bytes.len();
        Ok(())
    }
}

impl Driver {
    /// The other side of a channel has something to say.
    pub(super) fn attend(&mut self, channel: &Arc<Channel>) {
        let Some(id) = channel.connection() else { return };
        let Some(connection) = self.lookup(id) else { return };
        if connection.stage == Stage::Multiplexed {
            return self.attend_shared(id, channel);
        }
        if !connection.channel().is_some_and(|own| Arc::ptr_eq(&own, channel)) {
            return;
        }
        if channel.is_abandoned() {
            connection.say_goodbye(channel);
            return self.close(id);
        }
        self.send_streamed(id);
        if channel.resume() {
            // Whether the peer has closed meanwhile is not known, so reading goes on to the end.
            self.receive_streamed(id, true);
        }
        if channel.reader_waits() && self.lookup(id).is_some_and(|connection| connection.has_channel()) {
            self.set_deadline(id, |request| request.read_timeout);
        }
        self.stir(channel);
    }

    pub(super) fn send_streamed(&mut self, id: ConnectionId) {
        let Some(connection) = self.lookup(id) else { return };
        let Some(channel) = connection.channel() else { return };
        channel.opened(id);
        let outgoing = channel.take_outgoing();
        if !outgoing.is_empty() {
            connection.append(outgoing);
        }
        let mut progress = Progress::Pending { heard: false };
        connection.append_messages(&channel, &mut progress);
        if matches!(progress, Progress::Pending { .. }) {
            progress = connection.send();
        }
        let announced = connection.intake.announced;
        channel.sent(connection.unsent());
        if !announced && !channel.is_uploading() {
            self.set_deadline(id, |request| request.read_timeout);
        }
        match progress {
            Progress::PeerGone => self.receive_streamed(id, true),
            progress => self.settle(id, progress),
        }
        self.stir(&channel);
    }

    pub(super) fn receive_streamed(&mut self, id: ConnectionId, closing: bool) {
        let Some(connection) = self.connections.get_mut(id.slot()).filter(|connection| connection.id == id) else {
            return;
        };
        let Some(channel) = connection.channel() else { return };
        if channel.is_paused() {
            return;
        }
        let mut progress =
            connection.receive_by(&mut self.buffers, closing, |intake, bytes| intake.absorb_streamed(bytes, &channel));
        if connection.has_head() {
            // The reader's patience is measured from when it begins to wait.
            connection.deadline.clear();
            self.announce(id);
            self.send_messages(id, &channel, &mut progress);
        }
        match progress {
            Progress::Pending { .. } => {}
            Progress::Unfinished if channel.is_paused() => {}
            Progress::Unfinished => self.unfinished.push(id),
            progress => self.settle(id, progress),
        }
        self.stir(&channel);
    }

    /// The head is there: that is the completion of the request.
    fn announce(&mut self, id: ConnectionId) {
        let Some(connection) = self.lookup(id) else { return };
        if std::mem::replace(&mut connection.intake.announced, true) {
            return;
        }
        let result = Ok(connection.intake.decoder.head_only());
        let timings = connection.timings(Instant::now());
        let Some(request) = &connection.request else { return };
        let completion = Completion { id: request.id, result, broken: None, connection: None, timings };
        self.events.push(Event::Completed(Box::new(completion)));
    }

    pub(super) fn complete_streamed(&mut self, id: ConnectionId) {
        self.announce(id);
        let Some(connection) = self.lookup(id) else { return };
        let Some(channel) = connection.channel() else { return };
        let reusable = connection.is_reusable() && connection.intake.decoder.keep_alive() && !channel.is_uploading();
        // What came with the last read, or was made complete by the end of the connection.
        let rest = connection.intake.decoder.take_body();
        connection.end();
        if !rest.is_empty() {
            channel.push(Piece { at: Instant::now(), kind: PieceKind::Data, bytes: rest });
        }
        match reusable {
            true => self.rest(id, Instant::now()),
            false => self.close(id),
        }
        if let Some(unclaimed) = channel.finish(Ok(reusable.then_some(id))) {
            self.close(unclaimed);
        }
        self.stir(&channel);
    }

    pub(super) fn fail_streamed(&mut self, id: ConnectionId, failure: Failure) {
        let Some(connection) = self.lookup(id) else { return };
        if connection.has_head() {
            self.announce(id);
        }
        let Some(connection) = self.lookup(id) else { return };
        let (channel, announced) = (connection.channel(), connection.intake.announced);
        let timings = connection.timings(Instant::now());
        let request = connection.end();
        self.close(id);
        if let Some(request) = request.filter(|_| !announced) {
            let result = Err(failure.clone());
            let completion = Completion { id: request.id, result, broken: None, connection: None, timings };
            self.events.push(Event::Completed(Box::new(completion)));
        }
        if let Some(channel) = channel {
            channel.finish(Err(failure));
            self.stir(&channel);
        }
    }

    pub(super) fn stir(&mut self, channel: &Channel) {
        if let Some(waiter) = channel.stir() {
            self.events.push(Event::Stirred(waiter));
        }
    }
}
