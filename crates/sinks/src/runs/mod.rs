//! The runs of a project that are kept: a small database (SQLite) with the result file of each, packed, and the few figures
//! that a list shows.
//!
//! Several processes may use one store at the same time. It is bounded: the oldest runs make place for new ones. A store
//! that is broken, or of a newer version, is told about and left alone.

mod schema;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use crate::result::{ReadError, ResultFile, read_bytes};

/// The file's name in the store's folder.
pub const FILE: &str = "runs.sqlite3";
/// A result of more bytes is not unpacked.
const MOST_BYTES: u64 = 1 << 30;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Runs of one project.
    pub runs: u64,
    /// Packed results of all projects in the store.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { runs: 200, bytes: 512 << 20 }
    }
}

/// Why the store does not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot make the folder '{path}'")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the store of runs '{path}' is broken; move it away, and a new one is made", path = path.display())]
    Broken { path: PathBuf, source: rusqlite::Error },
    #[error(
        "the store of runs '{path}' is of a newer Gregaria (its version is {found}); use that one, or another folder"
    )]
    Newer { path: PathBuf, found: i64 },
    #[error("the store of runs '{path}' cannot be used")]
    Database { path: PathBuf, source: rusqlite::Error },
    #[error("the result cannot be packed")]
    Pack(#[source] std::io::Error),
    #[error("the kept result is broken")]
    Unpack(#[source] std::io::Error),
    #[error("the kept result cannot be read")]
    Result(#[source] ReadError),
}

impl StoreError {
    /// The whole sentence, the system's reason included.
    pub fn sentence(&self) -> String {
        match std::error::Error::source(self) {
            Some(source) => format!("{self} ({source})"),
            None => self.to_string(),
        }
    }
}

/// A run as a list shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct StoredRun {
    pub id: i64,
    /// Seconds since the epoch.
    pub started: f64,
    pub ended: f64,
    /// "finished" or "interrupted".
    pub state: String,
    pub exit_code: Option<i32>,
    pub locustfile: String,
    pub host: Option<String>,
    pub profile: Option<String>,
    /// The most there were.
    pub users: u64,
    pub requests: u64,
    pub failures: u64,
    /// Over the whole run.
    pub rps: f64,
    pub p95_ms: Option<f64>,
    /// Thresholds that failed.
    pub failed_thresholds: u64,
    /// Of the packed result.
    pub bytes: u64,
}

/// See the module's text.
#[derive(Debug)]
pub struct RunStore {
    path: PathBuf,
    project: String,
    limits: Limits,
    connection: Mutex<Connection>,
}

const COLUMNS: &str = "id, started, ended, state, exit_code, locustfile, host, profile, users, requests, failures, rps, \
                       p95_ms, failed_thresholds, length(result)";

impl RunStore {
    /// Open the store in this folder, made if need be, for the runs of one project.
    pub fn open(folder: &Path, project: &str, limits: Limits) -> Result<Self, StoreError> {
        make_folder(folder).map_err(|source| StoreError::Folder { path: folder.into(), source })?;
        let path = folder.join(FILE);
        let connection = schema::open(&path)?;
        Ok(RunStore { path, project: project.to_owned(), limits, connection: Mutex::new(connection) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        schema::error_of(&self.path, source)
    }

    /// Keep a result; its number.
    pub fn add(&self, result: &ResultFile) -> Result<i64, StoreError> {
        let packed = packed(result).map_err(StoreError::Pack)?;
        let (run, total) = (&result.run, &result.total);
        let p95_ms = total.percentiles_us.get("95").map(|us| *us as f64 / 1_000.0);
        let failed_thresholds = result.thresholds.iter().filter(|threshold| threshold.failed).count() as u64;
        let state = match run.state {
            crate::result::RunState::Interrupted => "interrupted",
            _ => "finished",
        };
        let mut connection = self.connection();
        let added = (|| -> rusqlite::Result<i64> {
            let change = connection.transaction()?;
            change.execute(
                "INSERT INTO runs (project, started, ended, state, exit_code, locustfile, host, profile, users, requests, \
                 failures, rps, p95_ms, failed_thresholds, result) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                params![
                    self.project,
                    run.started_at,
                    run.ended_at,
                    state,
                    run.exit_code,
                    run.locustfiles.join(", "),
                    run.host,
                    run.profile,
                    run.users_peak,
                    total.requests,
                    total.failures,
                    total.requests_per_second,
                    p95_ms,
                    failed_thresholds,
                    packed,
                ],
            )?;
            let id = change.last_insert_rowid();
            change.execute(
                "DELETE FROM runs WHERE project = ?1 AND id NOT IN \
                 (SELECT id FROM runs WHERE project = ?1 ORDER BY id DESC LIMIT ?2)",
                params![self.project, self.limits.runs],
            )?;
            // The sum from the newest down to each: those beyond the limit go, but never the one that has just come.
            change.execute(
                "DELETE FROM runs WHERE id IN (SELECT id FROM (SELECT id, sum(length(result)) OVER (ORDER BY id DESC) AS \
                 together FROM runs) WHERE together > ?1) AND id <> ?2",
                params![self.limits.bytes, id],
            )?;
            change.commit()?;
            Ok(id)
        })();
        added.inspect(|_| give_back(&connection)).map_err(|error| self.failed(error))
    }

    /// All runs of the project, the newest first.
    pub fn list(&self) -> Result<Vec<StoredRun>, StoreError> {
        let connection = self.connection();
        let listed = (|| -> rusqlite::Result<Vec<StoredRun>> {
            let mut statement =
                connection.prepare(&format!("SELECT {COLUMNS} FROM runs WHERE project = ?1 ORDER BY id DESC"))?;
            statement.query_map(params![self.project], stored)?.collect()
        })();
        listed.map_err(|error| self.failed(error))
    }

    /// The result of a run in JSON, packed with gzip; `None` if there is no such run of this project.
    pub fn packed(&self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        self.connection()
            .query_row("SELECT result FROM runs WHERE project = ?1 AND id = ?2", params![self.project, id], |row| {
                row.get(0)
            })
            .optional()
            .map_err(|error| self.failed(error))
    }

    /// The result of a run.
    pub fn result(&self, id: i64) -> Result<Option<ResultFile>, StoreError> {
        let Some(packed) = self.packed(id)? else { return Ok(None) };
        let bytes = unpacked(&packed).map_err(StoreError::Unpack)?;
        let name = PathBuf::from(format!("run {id}"));
        read_bytes(&bytes, &name).map(Some).map_err(StoreError::Result)
    }

    /// Forget a run; false if there is no such run of this project.
    pub fn delete(&self, id: i64) -> Result<bool, StoreError> {
        let connection = self.connection();
        let deleted = connection.execute("DELETE FROM runs WHERE project = ?1 AND id = ?2", params![self.project, id]);
        give_back(&connection);
        deleted.map(|runs| runs > 0).map_err(|error| self.failed(error))
    }
}

/// What deleted runs took goes back to the disk. Not worth an error.
fn give_back(connection: &Connection) {
    connection.execute_batch("PRAGMA incremental_vacuum").ok();
}

/// A folder that is made is for this user alone.
fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredRun> {
    Ok(StoredRun {
        id: row.get(0)?,
        started: row.get(1)?,
        ended: row.get(2)?,
        state: row.get(3)?,
        exit_code: row.get(4)?,
        locustfile: row.get(5)?,
        host: row.get(6)?,
        profile: row.get(7)?,
        users: row.get(8)?,
        requests: row.get(9)?,
        failures: row.get(10)?,
        rps: row.get(11)?,
        p95_ms: row.get(12)?,
        failed_thresholds: row.get(13)?,
        bytes: row.get(14)?,
    })
}

fn packed(result: &ResultFile) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut encoder, result)?;
    encoder.flush()?;
    encoder.finish()
}

/// What a packed result holds.
pub fn unpacked(packed: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(packed).take(MOST_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
