//! The tables of the store, their version, and what an error of the database means.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::StoreError;

/// Raised with every change of the tables.
const VERSION: i64 = 1;
/// How long to wait for another process that writes.
const BUSY: Duration = Duration::from_secs(5);

const TABLES: &str = "
    PRAGMA auto_vacuum = INCREMENTAL;
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS runs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        project TEXT NOT NULL,
        started REAL NOT NULL,
        ended REAL NOT NULL,
        state TEXT NOT NULL,
        exit_code INTEGER,
        locustfile TEXT NOT NULL,
        host TEXT,
        profile TEXT,
        users INTEGER NOT NULL,
        requests INTEGER NOT NULL,
        failures INTEGER NOT NULL,
        rps REAL NOT NULL,
        p95_ms REAL,
        failed_thresholds INTEGER NOT NULL,
        result BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS runs_of_project ON runs (project, id);
    PRAGMA user_version = 1;
    COMMIT;
";

/// Open the file, made if need be, and see that it is ours.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    let failed = |error| error_of(path, error);
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
    match version {
        0 => connection.execute_batch(TABLES).map_err(failed)?,
        VERSION => {}
        found => return Err(StoreError::Newer { path: path.into(), found }),
    }
    // A table that cannot be read is found now rather than at the end of a run.
    connection.query_row("SELECT count(*) FROM runs", [], |row| row.get::<_, i64>(0)).map_err(failed)?;
    Ok(connection)
}

/// What the database says, with the store's name and what to do.
pub fn error_of(path: &Path, source: rusqlite::Error) -> StoreError {
    let broken = match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => true,
        // A table or column that is not there.
        Some(ErrorCode::Unknown) => true,
        _ => matches!(source, rusqlite::Error::InvalidColumnType(..) | rusqlite::Error::FromSqlConversionFailure(..)),
    };
    let path = path.into();
    if broken { StoreError::Broken { path, source } } else { StoreError::Database { path, source } }
}
