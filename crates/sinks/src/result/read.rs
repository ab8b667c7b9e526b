//! Reading a result file: what is broken, foreign or from a newer version is refused with a sentence that says so.

use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::format::{FORMAT, History, ResultFile, VERSION};

/// A result of more bytes is not read.
const MOST_BYTES: u64 = 1 << 30;

#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("cannot read '{path}'")]
    File { path: PathBuf, source: io::Error },
    #[error("'{path}' is no result file of Gregaria: {reason}")]
    Foreign { path: PathBuf, reason: String },
    #[error("'{path}' has version {found} of the result format; this Gregaria reads up to {VERSION}: use a newer one")]
    Newer { path: PathBuf, found: u64 },
    #[error("'{path}' is broken: {reason}")]
    Broken { path: PathBuf, reason: String },
}

impl ReadError {
    /// The whole sentence, the system's reason included.
    pub fn sentence(&self) -> String {
        match self {
            Self::File { source, .. } => format!("{self}: {source}"),
            _ => self.to_string(),
        }
    }
}

#[derive(Deserialize)]
struct Label {
    format: Option<serde_json::Value>,
    version: Option<serde_json::Value>,
}

/// Read a result file.
pub fn read(path: &Path) -> Result<ResultFile, ReadError> {
    let failed = |source| ReadError::File { path: path.into(), source };
    let about = std::fs::metadata(path).map_err(failed)?;
    if about.len() > MOST_BYTES {
        let reason = format!("it has {} bytes", about.len());
        return Err(ReadError::Foreign { path: path.into(), reason });
    }
    read_bytes(&std::fs::read(path).map_err(failed)?, path)
}

/// Read a result file's content; `path` is for messages.
pub fn read_bytes(bytes: &[u8], path: &Path) -> Result<ResultFile, ReadError> {
    let broken = |reason| ReadError::Broken { path: path.to_path_buf(), reason };
    let read = serde_json::from_slice::<ResultFile>(bytes);
    let ours = read.as_ref().is_ok_and(|result| result.format == FORMAT && (1..=VERSION).contains(&result.version));
    if !ours {
        // Whether it is none of ours, or newer, is said before what is wrong within.
        check_label(bytes, path)?;
    }
    let result = read.map_err(|error| broken(error.to_string()))?;
    check(&result).map_err(broken)?;
    Ok(result)
}

/// See that these bytes are a result file, of a version that is known here.
fn check_label(bytes: &[u8], path: &Path) -> Result<(), ReadError> {
    let path = || path.to_path_buf();
    let foreign = |reason: &str| ReadError::Foreign { path: path(), reason: reason.into() };
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(foreign("it is empty"));
    }
    let label: Label = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof if bytes.starts_with(b"{\"format\":\"gregaria-result\"") => {
            ReadError::Broken { path: path(), reason: format!("it ends in the middle ({error})") }
        }
        serde_json::error::Category::Data => foreign("it holds no JSON object"),
        _ => foreign(&format!("it is no JSON ({error})")),
    })?;
    if label.format.as_ref().and_then(|format| format.as_str()) != Some(FORMAT) {
        return Err(foreign(&format!("its \"format\" is not \"{FORMAT}\"")));
    }
    let version = label.version.as_ref().and_then(serde_json::Value::as_u64);
    match version {
        Some(found) if found > u64::from(VERSION) => Err(ReadError::Newer { path: path(), found }),
        Some(1..) => Ok(()),
        _ => Err(ReadError::Broken { path: path(), reason: "its \"version\" is no number from 1".into() }),
    }
}

/// What types cannot say.
fn check(result: &ResultFile) -> Result<(), String> {
    for entry in result.entries.iter().chain([&result.total]) {
        let known = format!("of '{} {}'", entry.method, entry.name);
        if entry.requests != entry.without_time.saturating_add(entry.histogram.len()) {
            return Err(format!("the requests {known} are not as many as its histogram holds"));
        }
    }
    [Some(&result.history), result.overview.as_ref()]
        .into_iter()
        .flatten()
        .try_for_each(|history| check_history(history, result.entries.len()))
}

fn check_history(history: &History, entries: usize) -> Result<(), String> {
    for of_entry in &history.entries {
        if of_entry.entry >= entries {
            return Err(format!("its history speaks of an entry {} that is not there", of_entry.entry));
        }
    }
    let totals = history.total.iter().map(|segment| &segment.windows);
    let names = history.entries.iter().flat_map(|of_entry| &of_entry.segments);
    for segment in totals.chain(names) {
        let length = segment.start.len();
        let lengths = [
            segment.requests.len(),
            segment.failures.len(),
            segment.bytes.len(),
            segment.mean_us.len(),
            segment.p50_us.len(),
            segment.p95_us.len(),
            segment.p99_us.len(),
            segment.max_us.len(),
        ];
        if segment.step_s == 0 || lengths.iter().any(|other| *other != length) {
            return Err("the lists of a segment of its history have different lengths".into());
        }
    }
    let wrong = |segment: &super::TotalSegment| {
        [segment.users.len(), segment.heat.len()].iter().any(|length| *length != segment.windows.start.len())
            || segment.heat.iter().any(|pairs| pairs.len() % 2 == 1)
    };
    if history.total.iter().any(wrong) {
        return Err("the lists of a segment of its history have different lengths".into());
    }
    Ok(())
}
