//! The foot of a terminal, kept for the live view by a scroll region, and the thread that paints it.
//!
//! ```text
//!   rows 1 ..= rows - HEIGHT    scrolls: whatever anybody writes
//!   the rest                    is painted over, whole, with every view; the cursor is put back
//! ```
//!
//! A terminal that takes nothing (Ctrl-S) holds up this thread and nobody else; views are then left out.

use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::view::{HEIGHT, View};
use crate::error::Error;

const SAVE: &str = "\x1b7";
const RESTORE: &str = "\x1b8";
const PLAIN: &str = "\x1b[0m";
/// So many lines must be left for what scrolls.
const LEAST_ABOVE: u16 = 6;
const LEAST_COLUMNS: u16 = 60;

/// Columns and rows of a terminal.
pub type Size = (u16, u16);

enum Message {
    View(Box<View>, Size),
    Close,
}

/// A terminal with a live view at its foot.
pub struct LiveScreen {
    inbox: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

impl LiveScreen {
    /// Whether a terminal of this size has room for it.
    pub fn fits((columns, rows): Size) -> bool {
        columns >= LEAST_COLUMNS && rows >= HEIGHT + LEAST_ABOVE
    }

    /// Begin; nothing is painted before the first view.
    pub fn open(terminal: impl Write + Send + 'static) -> Result<Self, Error> {
        let (inbox, messages) = sync_channel(2);
        let thread = std::thread::Builder::new()
            .name("gregaria-live".into())
            .spawn(move || paint_all(terminal, &messages))
            .map_err(|source| Error::Thread { sink: "the live view".into(), source })?;
        Ok(Self { inbox, thread: Some(thread) })
    }

    /// Paint a view on a terminal that has this size now. Never waits.
    pub fn show(&self, view: View, size: Size) {
        self.inbox.try_send(Message::View(Box::new(view), size)).ok();
    }

    /// Give the whole terminal back.
    pub fn close(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.inbox.send(Message::Close).ok();
            thread.join().ok();
        }
    }
}

impl Drop for LiveScreen {
    fn drop(&mut self) {
        self.close();
    }
}

fn paint_all(mut terminal: impl Write, messages: &Receiver<Message>) {
    let mut painter = Painter::default();
    for message in messages {
        let (bytes, last) = match message {
            Message::View(view, size) => (painter.paint(&view, size), false),
            Message::Close => (painter.leave(), true),
        };
        // A terminal that is gone is no reason to end a test.
        if terminal.write_all(&bytes).and_then(|()| terminal.flush()).is_err() || last {
            return;
        }
    }
}

/// Makes the bytes; each is one write, so that nobody else's text comes in between.
#[derive(Default)]
struct Painter {
    /// The size for which the region is set.
    size: Option<Size>,
}

impl Painter {
    fn paint(&mut self, view: &View, size: Size) -> Vec<u8> {
        if !LiveScreen::fits(size) {
            return self.leave();
        }
        let mut bytes = if self.size == Some(size) { Vec::new() } else { self.enter(size) };
        let area = Rect::new(0, size.1 - HEIGHT, size.0, HEIGHT);
        let mut buffer = Buffer::empty(area);
        view.draw(area, &mut buffer);
        bytes.extend_from_slice(SAVE.as_bytes());
        bytes.extend(cells(&buffer));
        bytes.extend_from_slice(format!("{PLAIN}{RESTORE}").as_bytes());
        bytes
    }

    /// Make room. At first by scrolling; after a change of size where the cursor is, nobody knows.
    fn enter(&mut self, size: Size) -> Vec<u8> {
        let bottom = size.1 - HEIGHT;
        let known = self.size.replace(size).is_some();
        if known {
            return format!("\x1b[r\x1b[{};1H\x1b[J\x1b[1;{bottom}r\x1b[{bottom};1H", bottom + 1).into_bytes();
        }
        let lines = "\n".repeat(usize::from(HEIGHT));
        format!("{lines}\x1b[{HEIGHT}A{SAVE}\x1b[1;{bottom}r{RESTORE}").into_bytes()
    }

    fn leave(&mut self) -> Vec<u8> {
        let Some((_, rows)) = self.size.take() else { return Vec::new() };
        format!("{SAVE}\x1b[r\x1b[{};1H\x1b[J{RESTORE}", rows - HEIGHT + 1).into_bytes()
    }
}

/// All cells of the buffer, at their places.
fn cells(buffer: &Buffer) -> Vec<u8> {
    let mut bytes = Vec::new();
    let area = buffer.area;
    let places = (area.top()..area.bottom()).flat_map(|y| (area.left()..area.right()).map(move |x| (x, y)));
    CrosstermBackend::new(&mut bytes)
        .draw(places.map(|(x, y)| (x, y, &buffer[(x, y)])))
        .expect("writing to memory does not fail");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Terminal(Arc<Mutex<Vec<u8>>>);

    impl Write for Terminal {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[test]
    fn the_region_is_set_once_and_reset_at_the_end() {
        let mut painter = Painter::default();
        let first = text(&painter.paint(&View::default(), (80, 40)));
        assert!(first.starts_with(&format!("{}\x1b[14A\x1b7\x1b[1;26r\x1b8\x1b7", "\n".repeat(14))), "{first:?}");
        assert!(first.ends_with("\x1b[0m\x1b8"));
        let second = text(&painter.paint(&View::default(), (80, 40)));
        assert!(second.starts_with("\x1b7") && !second.contains("26r") && second.ends_with("\x1b8"));
        assert_eq!(text(&painter.leave()), "\x1b7\x1b[r\x1b[27;1H\x1b[J\x1b8");
        assert_eq!(painter.leave(), b"");
    }

    #[test]
    fn a_terminal_that_changes_its_size() {
        let mut painter = Painter::default();
        painter.paint(&View::default(), (80, 40));
        let larger = text(&painter.paint(&View::default(), (100, 50)));
        assert!(larger.starts_with("\x1b[r\x1b[37;1H\x1b[J\x1b[1;36r\x1b[36;1H"), "{larger:?}");
        let small = text(&painter.paint(&View::default(), (100, 10)));
        assert!(small.contains("\x1b[r") && !small.contains("users"));
        assert_eq!(painter.paint(&View::default(), (40, 50)), b"");
        assert!(text(&painter.paint(&View::default(), (100, 50))).contains("\x1b[1;36r"));
    }

    #[test]
    fn paints_on_a_thread_of_its_own() {
        let terminal = Terminal::default();
        let mut screen = LiveScreen::open(terminal.clone()).unwrap();
        screen.show(View { title: "a test".into(), ..View::default() }, (80, 40));
        screen.close();
        screen.close();
        let painted = text(&terminal.0.lock().unwrap());
        assert!(painted.contains("a test") && painted.ends_with("\x1b[J\x1b8"));
    }

    #[test]
    fn a_terminal_that_takes_nothing_holds_nobody_up() {
        struct Stuck(Receiver<()>, Sender<()>);
        impl Write for Stuck {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.1.send(()).ok();
                self.0.recv().ok();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let ((open, gate), (told, writes)) = (channel(), channel());
        let mut screen = LiveScreen::open(Stuck(gate, told)).unwrap();
        for _ in 0..100 {
            screen.show(View::default(), (80, 40));
        }
        writes.recv().unwrap();
        drop(open);
        screen.close();
        assert!(writes.iter().count() < 10);
    }
}
