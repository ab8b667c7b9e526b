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
    fitting(result, PLAIN_NAMES, MOST_PLAIN_BYTES, plain::page)
}

/// The data of a report: a result file in JSON, with what does not fit left out; gzipped and in base64 if it is large.
pub fn data(result: &ResultFile) -> String {
    fitting(result, MOST_NAMES, MOST_BYTES, pack)
}

/// What `make` makes of the result with as many names, up to `most`, as fit into so many bytes.
fn fitting(result: &ResultFile, most: usize, bytes: usize, make: fn(&ResultFile) -> String) -> String {
    let mut names = most.min(result.entries.len().max(1));
    loop {
        let made = make(&thin::thin(result, thin::Limits::of(names)));
        if made.len() <= bytes || names == 1 {
            return made;
        }
        let share = bytes as f64 / made.len() as f64;
        names = ((names as f64 * share * 0.9) as usize).clamp(1, names - 1);
    }
}

fn pack(result: &ResultFile) -> String {
    let json = serde_json::to_string(result).expect("a result has nothing that JSON has not");
    if json.len() <= READABLE_BYTES {
        return json;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(6));
    let written = encoder.write_all(json.as_bytes()).and_then(|()| encoder.finish());
    STANDARD.encode(written.expect("writing to memory does not fail"))
}

#[cfg(test)]
mod tests;
