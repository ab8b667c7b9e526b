//! The four CSV files of a run: requests, history, failures and exceptions. Written by the thread of a
//! [`crate::Service`]; each report is written through to the files, also the last one.

mod pace;
mod rows;

use std::path::{Path, PathBuf};

use gregaria_stats::Snapshot;

pub use pace::Pace;

use crate::error::Error;
use crate::files::{GrowingFile, ReplacedFile};
use crate::sink::{Report, Sink};

/// What the files are called and what they contain.
#[derive(Debug, Clone)]
pub struct CsvSettings {
    /// Path and beginning of the files' names.
    pub prefix: PathBuf,
    /// Percentiles that snapshots are taken with.
    pub percentiles: Vec<f64>,
    /// A history line for each entry, not only for all together; percentiles in it are those of the last seconds.
    pub full_history: bool,
}

impl CsvSettings {
    /// The path of one file: the prefix followed by an ending such as `_stats.csv`.
    pub fn path(&self, ending: &str) -> PathBuf {
        let mut path = self.prefix.clone().into_os_string();
        path.push(ending);
        path.into()
    }
}

struct Files {
    requests: ReplacedFile,
    history: GrowingFile,
    failures: ReplacedFile,
    exceptions: ReplacedFile,
}

/// The whole file of requests. The snapshot was taken with these percentiles.
pub fn requests_file(snapshot: &Snapshot, percentiles: &[f64]) -> Vec<u8> {
    rows::requests(snapshot, percentiles)
}

/// The whole file of failures.
pub fn failures_file(snapshot: &Snapshot) -> Vec<u8> {
    rows::failures(snapshot)
}

/// The whole file of exceptions.
pub fn exceptions_file(report: &Report) -> Vec<u8> {
    rows::exceptions(report)
}

/// The CSV files as a sink.
pub struct CsvSink {
    settings: CsvSettings,
    files: Option<Files>,
    last_timestamp: Option<i64>,
}

impl CsvSink {
    pub fn new(settings: CsvSettings) -> Self {
        Self { settings, files: None, last_timestamp: None }
    }

    fn open(&self) -> Result<Files, Error> {
        let settings = &self.settings;
        if let Some(folder) = settings.prefix.parent().filter(|folder| *folder != Path::new("")) {
            std::fs::create_dir_all(folder).map_err(|source| Error::Create { path: folder.into(), source })?;
        }
        let mut files = Files {
            requests: ReplacedFile::create(settings.path("_stats.csv"))?,
            history: GrowingFile::create(settings.path("_stats_history.csv"))?,
            failures: ReplacedFile::create(settings.path("_failures.csv"))?,
            exceptions: ReplacedFile::create(settings.path("_exceptions.csv"))?,
        };
        files.requests.replace(&rows::requests_header(&settings.percentiles))?;
        files.history.append(&rows::history_header(&settings.percentiles))?;
        files.failures.replace(&rows::failures_header())?;
        files.exceptions.replace(&rows::exceptions_header())?;
        Ok(files)
    }

    /// Write all files; every one is tried, and the first error told.
    fn write(&mut self, report: &Report, last: bool) -> Result<(), Error> {
        let settings = &self.settings;
        let Some(files) = &mut self.files else { return Ok(()) };
        let timestamp = report.stats.now as i64;
        let history = rows::history(report, settings);
        let grown = if last && self.last_timestamp == Some(timestamp) {
            files.history.replace_last(&history)
        } else {
            files.history.append(&history)
        };
        self.last_timestamp = Some(timestamp);
        if !report.whole {
            return grown;
        }
        let results = [
            files.requests.replace(&rows::requests(&report.stats, &settings.percentiles)),
            grown,
            files.failures.replace(&rows::failures(&report.stats)),
            files.exceptions.replace(&rows::exceptions(report)),
        ];
        results.into_iter().collect()
    }
}

impl Sink for CsvSink {
    fn name(&self) -> String {
        format!("the CSV files '{}_*.csv'", self.settings.prefix.display())
    }

    fn start(&mut self) -> Result<(), Error> {
        self.files = Some(self.open()?);
        Ok(())
    }

    fn snapshot(&mut self, report: &Report) -> Result<(), Error> {
        self.write(report, false)
    }

    fn finish(&mut self, report: &Report) -> Result<(), Error> {
        let written = self.write(report, true);
        self.files = None;
        written
    }
}

#[cfg(test)]
mod tests;
