//! How long the programs of this crate run: until whoever started them lets go of their standard input, or for a set time.
//! Signals end them as they end any program.

use std::io::Read;
use std::os::unix::fs::FileTypeExt;
use std::time::Duration;

/// Blocks until standard input ends, if it is a pipe or a socket and so can end; otherwise for ever.
pub fn until_stdin_ends() {
    let kind = std::fs::metadata("/proc/self/fd/0").map(|metadata| metadata.file_type());
    if kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket()) {
        let mut sink = [0u8; 64];
        while std::io::stdin().read(&mut sink).is_ok_and(|count| count > 0) {}
        return;
    }
    loop {
        std::thread::park();
    }
}

/// Blocks until standard input ends or `limit` has passed, whichever is first.
pub fn until_stdin_ends_or(limit: Option<Duration>) {
    let Some(limit) = limit else {
        return until_stdin_ends();
    };
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        until_stdin_ends();
        let _ = sender.send(());
    });
    let _ = receiver.recv_timeout(limit);
}
