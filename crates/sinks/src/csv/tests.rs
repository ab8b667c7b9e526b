//! The CSV files, read back from disk.

use super::*;
use crate::service::Service;
use crate::sink::ExceptionRow;
use gregaria_stats::{Detail, Stats, Windows};
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicU32, Ordering};

const PERCENTILES: [f64; 3] = [0.5, 0.95, 1.0];

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("gregaria-csv-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn settings(&self, full_history: bool) -> CsvSettings {
        CsvSettings { prefix: self.0.join("deep/er/run"), percentiles: PERCENTILES.to_vec(), full_history }
    }

    fn read(&self, ending: &str) -> String {
        std::fs::read_to_string(self.settings(false).path(ending)).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn report(stats: &Stats, now: f64) -> Report {
    let detail =
        Detail { percentiles: PERCENTILES.to_vec(), current_percentiles: true, errors: true, ..Detail::default() };
    Report { stats: stats.snapshot(now, &detail).into(), whole: true, user_count: 3, exceptions: Vec::new() }
}

fn stats() -> Stats {
    let mut stats = Stats::new(1_795_237_580.0);
    let id = stats.entry("GET", "/a,\"b\"", 1_795_237_580.0);
    for (second, us) in [(0.5, 2_319), (1.0, 5_488), (2.0, 7_245)] {
        stats.record(id, 1_795_237_580.0 + second, Some(us), 5);
    }
    stats.record_failure(id, 1_795_237_582.0, "ValueError('two\nlines')");
    stats
}

#[test]
fn files_of_a_run() {
    let folder = Folder::new();
    let mut service = Service::spawn(Box::new(CsvSink::new(folder.settings(false)))).unwrap();
    service.send(report(&Stats::new(1_795_237_580.0), 1_795_237_580.0));
    let mut last = report(&stats(), 1_795_237_585.2);
    last.exceptions = vec![ExceptionRow {
        count: 2,
        message: "boom".into(),
        traceback: "Traceback\n  here".into(),
        nodes: "local".into(),
    }];
    assert!(service.finish(last).is_empty());
    assert_eq!(
        folder.read("_stats.csv"),
        "Type,Name,Request Count,Failure Count,Median Response Time,Average Response Time,Min Response Time,\
         Max Response Time,Average Content Size,Requests/s,Failures/s,50%,95%,100%\r\n\
         GET,\"/a,\"\"b\"\"\",3,1,5.49,5.017333333333333,2.319,7.245,5.0,1.5,0.5,5,7,7\r\n\
         ,Aggregated,3,1,5.49,5.017333333333333,2.319,7.245,5.0,1.5,0.5,5,7,7\r\n"
    );
    assert_eq!(
        folder.read("_stats_history.csv"),
        "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,95%,100%,Total Request Count,Total Failure Count,\
         Total Median Response Time,Total Average Response Time,Total Min Response Time,Total Max Response Time,\
         Total Average Content Size\r\n\
         1795237580,3,,Aggregated,0.000000,0.000000,N/A,N/A,N/A,0,0,0,0.0,0,0,0\r\n\
         1795237585,3,,Aggregated,0.000000,0.000000,5,7,7,3,1,5.49,5.017333333333333,2.319,7.245,5.0\r\n"
    );
    assert_eq!(
        folder.read("_failures.csv"),
        "Method,Name,Error,Occurrences,First Seen,Last Seen\r\n\
         GET,\"/a,\"\"b\"\"\",\"ValueError('two\nlines')\",1,2026-11-21T05:06:22Z,2026-11-21T05:06:22Z\r\n"
    );
    assert_eq!(
        folder.read("_exceptions.csv"),
        "Count,Message,Traceback,Nodes\r\n2,boom,\"Traceback\n  here\",local\r\n"
    );
}

#[test]
fn the_last_second_is_not_written_twice() {
    let folder = Folder::new();
    let mut sink = CsvSink::new(folder.settings(false));
    sink.start().unwrap();
    sink.snapshot(&report(&Stats::new(1.0), 100.1)).unwrap();
    sink.snapshot(&report(&Stats::new(1.0), 101.1)).unwrap();
    sink.finish(&report(&stats(), 101.9)).unwrap();
    let history = folder.read("_stats_history.csv");
    let lines: Vec<&str> = history.lines().skip(1).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("100,") && lines[1].starts_with("101,"));
    assert!(lines[1].contains(",3,1,5.49,"));
}

#[test]
fn full_history_has_a_line_for_each_entry_with_current_percentiles() {
    let folder = Folder::new();
    let mut stats = Stats::new(100.0);
    stats.set_windows(Windows::Everybody, 100.0);
    let id = stats.entry("GET", "/", 100.0);
    for second in 0..40 {
        stats.record(id, 100.5 + f64::from(second), Some(if second < 20 { 900_000 } else { 10_000 }), 0);
    }
    let mut sink = CsvSink::new(folder.settings(true));
    sink.start().unwrap();
    sink.finish(&report(&stats, 139.9)).unwrap();
    let history = folder.read("_stats_history.csv");
    let lines: Vec<&str> = history.lines().skip(1).collect();
    assert_eq!(lines[0], "139,3,GET,/,1.000000,0.000000,10,10,10,40,0,900,455.0,10.0,900.0,0.0");
    assert!(lines[1].starts_with("139,3,,Aggregated,1.000000,0.000000,10,10,10,40,0,"));
    assert!(folder.read("_stats.csv").contains(",900,900,900\r\n"));
}

#[test]
fn a_report_of_the_total_only_adds_to_the_history() {
    let folder = Folder::new();
    let mut sink = CsvSink::new(folder.settings(false));
    sink.start().unwrap();
    sink.snapshot(&report(&stats(), 101.0)).unwrap();
    let before = (folder.read("_stats.csv"), folder.read("_failures.csv"), folder.read("_exceptions.csv"));
    let detail = Detail { percentiles: vec![0.5, 0.95, 1.0], ..Detail::default() };
    let totals =
        Report { stats: stats().totals(102.0, &detail).into(), whole: false, user_count: 3, exceptions: Vec::new() };
    sink.snapshot(&totals).unwrap();
    assert_eq!(before, (folder.read("_stats.csv"), folder.read("_failures.csv"), folder.read("_exceptions.csv")));
    let history = folder.read("_stats_history.csv");
    let lines: Vec<&str> = history.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[2].starts_with("102,3,,Aggregated,") && lines[1].split(',').skip(6).eq(lines[2].split(',').skip(6)));
}

#[test]
fn a_table_that_shrinks_leaves_nothing_behind() {
    let folder = Folder::new();
    let mut sink = CsvSink::new(folder.settings(false));
    sink.start().unwrap();
    sink.snapshot(&report(&stats(), 101.0)).unwrap();
    sink.snapshot(&report(&Stats::new(100.0), 102.0)).unwrap();
    assert_eq!(folder.read("_stats.csv").lines().count(), 2);
    assert_eq!(folder.read("_failures.csv").lines().count(), 1);
}

#[test]
fn a_path_that_cannot_be_written_is_told_at_once() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("deep"), "a file where a folder should be").unwrap();
    let error = Service::spawn(Box::new(CsvSink::new(folder.settings(false)))).err().unwrap();
    let (path, reason) = error.file().unwrap();
    assert_eq!(path, &folder.0.join("deep/er"));
    assert!(reason.raw_os_error().is_some());

    let folder = Folder::new();
    std::fs::create_dir_all(folder.settings(false).path("_failures.csv")).unwrap();
    let error = CsvSink::new(folder.settings(false)).start().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot create '{}'", folder.settings(false).path("_failures.csv").display())
    );
}

#[test]
fn a_full_disk_is_told_once_and_stops_nothing() {
    let folder = Folder::new();
    let mut sink = CsvSink::new(folder.settings(false));
    sink.start().unwrap();
    let files = sink.files.as_mut().unwrap();
    let full = folder.0.join("full");
    symlink("/dev/full", &full).unwrap();
    files.history = GrowingFile::create(full.clone()).unwrap();
    let error = sink.snapshot(&report(&stats(), 101.0)).unwrap_err();
    assert_eq!(
        error.file().map(|(path, source)| (path.clone(), source.kind())),
        Some((full, std::io::ErrorKind::StorageFull))
    );
    sink.snapshot(&report(&stats(), 102.0)).unwrap();
    assert!(folder.read("_stats.csv").contains("Aggregated"));
    assert!(folder.read("_failures.csv").contains("two\nlines"));
}
