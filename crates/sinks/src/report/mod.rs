//! The HTML report of a result: one self-contained file under a megabyte, whatever the run. `thin.rs` makes the result
//! small enough; the page that `webui` has built draws it. Without that, `plain.rs` writes tables.

mod plain;
mod thin;

pub(crate) use plain::escape;

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::result::ResultFile;

/// So large the data may be in the page.
const MOST_BYTES: usize = 560_000;
/// Data of this size are left readable.
const READABLE_BYTES: usize = 100_000;
/// So large a page of tables may be.
const MOST_PLAIN_BYTES: usize = 900_000;
/// The tables of the plain report hold so many names at most.
const PLAIN_NAMES: usize = 2_000;
/// So many names are tried first.
const MOST_NAMES: usize = 10_000;
/// So many pieces of the data are compressed to learn how well all of it can be.
const PIECES: usize = 24;
const PIECE_BYTES: usize = 8_192;

/// The report as a page.
pub fn html(result: &ResultFile) -> String {
    if gregaria_webui::BUILT { gregaria_webui::report(&data(result)) } else { plain(result) }
}

/// The report as a page that begins with that theme, `light` or `dark`; any other leaves it to the reader's system.
pub fn themed(result: &ResultFile, theme: &str) -> String {
    let page = html(result);
    match theme {
        "light" | "dark" => {
            page.replacen("<html lang=\"en\">", &format!("<html lang=\"en\" data-theme=\"{theme}\">"), 1)
        }
        _ => page,
    }
}

/// The report as a page of tables, with as many names as fit.
fn plain(result: &ResultFile) -> String {
    fitting(result, PLAIN_NAMES, MOST_PLAIN_BYTES, tables)
}

/// The data of a report: a result file in JSON, with what does not fit left out; gzipped and in base64 if it is large.
pub fn data(result: &ResultFile) -> String {
    fitting(result, MOST_NAMES, MOST_BYTES, pack)
}

/// Makes a text of so many bytes at most of a result, or says how many bytes it would have.
type Make = fn(&ResultFile, usize) -> Result<String, usize>;

/// What `make` makes of the result with as many names, up to `most`, as fit into so many bytes. Room for so many names is
/// room for failures, samples and points of charts too, of which a few names can have many.
fn fitting(result: &ResultFile, most: usize, bytes: usize, make: Make) -> String {
    let mut room = most.min(result.entries.len().max(thin::AMPLE_ROOM));
    loop {
        let allowed = if room == 1 { usize::MAX } else { bytes };
        match make(&thin::thin(result, thin::Limits::of(room)), allowed) {
            Ok(made) => return made,
            Err(size) => {
                let share = bytes as f64 / size as f64;
                room = ((room as f64 * share * 0.95) as usize).clamp(1, room - 1);
            }
        }
    }
}

fn tables(result: &ResultFile, allowed: usize) -> Result<String, usize> {
    within(plain::page(result), allowed)
}

fn pack(result: &ResultFile, allowed: usize) -> Result<String, usize> {
    let json = serde_json::to_string(result).expect("a result has nothing that JSON has not");
    if json.len() <= READABLE_BYTES {
        return within(json, allowed);
    }
    // Compressing is what takes long: what is clearly too large is not compressed.
    let guessed = packed_bytes(json.as_bytes());
    if guessed as f64 * 0.95 > allowed as f64 {
        return Err(guessed);
    }
    within(STANDARD.encode(gzip([json.as_bytes()])), allowed)
}

fn within(made: String, allowed: usize) -> Result<String, usize> {
    if made.len() <= allowed { Ok(made) } else { Err(made.len()) }
}

fn gzip<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let written = parts.into_iter().try_for_each(|part| encoder.write_all(part)).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
}

/// About how many bytes this is when it is packed: as evenly spread pieces of it tell.
fn packed_bytes(json: &[u8]) -> usize {
    let every = json.len().div_ceil(PIECES).max(PIECE_BYTES);
    let pieces = || json.chunks(every).map(|part| &part[..part.len().min(PIECE_BYTES)]);
    let tried: usize = pieces().map(<[u8]>::len).sum();
    let share = gzip(pieces()).len() as f64 / tried.max(1) as f64;
    (json.len() as f64 * share * 4.0 / 3.0) as usize
}

#[cfg(test)]
mod tests;
