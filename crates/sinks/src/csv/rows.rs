//! Rows of the CSV files as bytes: which columns, and how their cells are written. Opens no file.

use csv::{Terminator, Writer, WriterBuilder};
use gregaria_stats::{Row, Snapshot};

use super::CsvSettings;
use crate::cells::{exact_ms, float, percentile_label, rounded_ms, shortest_ms, utc};
use crate::sink::Report;

type Cells = Vec<String>;

const REQUESTS: [&str; 11] = [
    "Type",
    "Name",
    "Request Count",
    "Failure Count",
    "Median Response Time",
    "Average Response Time",
    "Min Response Time",
    "Max Response Time",
    "Average Content Size",
    "Requests/s",
    "Failures/s",
];
const HISTORY: [&str; 6] = ["Timestamp", "User Count", "Type", "Name", "Requests/s", "Failures/s"];
const HISTORY_TOTALS: [&str; 7] = [
    "Total Request Count",
    "Total Failure Count",
    "Total Median Response Time",
    "Total Average Response Time",
    "Total Min Response Time",
    "Total Max Response Time",
    "Total Average Content Size",
];
const FAILURES: [&str; 6] = ["Method", "Name", "Error", "Occurrences", "First Seen", "Last Seen"];
const EXCEPTIONS: [&str; 4] = ["Count", "Message", "Traceback", "Nodes"];

/// CRLF line ends and quotes only where needed, as Python's `csv.writer` has them.
fn bytes(rows: impl IntoIterator<Item = Cells>) -> Vec<u8> {
    let mut writer: Writer<Vec<u8>> =
        WriterBuilder::new().terminator(Terminator::CRLF).flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("writing to memory does not fail");
    }
    writer.into_inner().expect("writing to memory does not fail")
}

fn header(columns: &[&str]) -> Cells {
    columns.iter().map(|column| (*column).to_owned()).collect()
}

fn labels(percentiles: &[f64]) -> impl Iterator<Item = String> {
    percentiles.iter().map(|p| percentile_label(*p))
}

pub(super) fn requests_header(percentiles: &[f64]) -> Vec<u8> {
    bytes([requests_columns(percentiles)])
}

fn requests_columns(percentiles: &[f64]) -> Cells {
    header(&REQUESTS).into_iter().chain(labels(percentiles)).collect()
}

/// The whole file of requests.
pub(super) fn requests(snapshot: &Snapshot, percentiles: &[f64]) -> Vec<u8> {
    let rows = snapshot.sorted_entries().into_iter().chain([&snapshot.total]);
    bytes([requests_columns(percentiles)].into_iter().chain(rows.map(|row| request_cells(row, percentiles.len()))))
}

fn request_cells(row: &Row, percentiles: usize) -> Cells {
    let mut cells = vec![row.method.to_string(), row.name.to_string()];
    cells.extend(figures(row));
    cells.extend([float(row.total_rps), float(row.total_fail_per_sec)]);
    cells.extend(percentile_cells(row, Some(&row.percentiles_us), percentiles));
    cells
}

/// Counts, response times and content size, which two files share.
fn figures(row: &Row) -> [String; 7] {
    [
        row.num_requests.to_string(),
        row.num_failures.to_string(),
        shortest_ms(row.median_us),
        float(row.avg_response_time_ms),
        exact_ms(row.min_response_time_us),
        exact_ms(row.max_response_time_us),
        row.avg_content_length.map_or_else(|| "0".into(), float),
    ]
}

fn percentile_cells(row: &Row, values_us: Option<&Vec<u64>>, amount: usize) -> Cells {
    if row.num_requests == 0 {
        return vec!["N/A".into(); amount];
    }
    match values_us {
        Some(values) if !values.is_empty() => values.iter().map(|us| rounded_ms(*us).to_string()).collect(),
        _ => vec!["0".into(); amount],
    }
}

pub(super) fn history_header(percentiles: &[f64]) -> Vec<u8> {
    let columns = header(&HISTORY).into_iter().chain(labels(percentiles)).chain(header(&HISTORY_TOTALS));
    bytes([columns.collect()])
}

/// The lines that one report adds to the history.
pub(super) fn history(report: &Report, settings: &CsvSettings) -> Vec<u8> {
    let entries = if settings.full_history { report.stats.sorted_entries() } else { Vec::new() };
    let rows = entries.into_iter().chain([&report.stats.total]);
    bytes(rows.map(|row| history_cells(row, report, settings)))
}

fn history_cells(row: &Row, report: &Report, settings: &CsvSettings) -> Cells {
    let mut cells = vec![
        (report.stats.now as i64).to_string(),
        report.user_count.to_string(),
        row.method.to_string(),
        row.name.to_string(),
        format!("{:.6}", row.current_rps),
        format!("{:.6}", row.current_fail_per_sec),
    ];
    let current = row.current_percentiles_us.as_ref().filter(|_| settings.full_history);
    let values = current.or(Some(&row.percentiles_us));
    cells.extend(percentile_cells(row, values, settings.percentiles.len()));
    cells.extend(figures(row));
    cells
}

pub(super) fn failures_header() -> Vec<u8> {
    bytes([header(&FAILURES)])
}

/// The whole file of failures, in the order in which they were first seen.
pub(super) fn failures(snapshot: &Snapshot) -> Vec<u8> {
    let time = |seconds: Option<f64>| seconds.map_or_else(String::new, utc);
    let rows = snapshot.errors.iter().map(|error| {
        vec![
            error.method.to_string(),
            error.name.to_string(),
            error.text.to_string(),
            error.occurrences.to_string(),
            time(error.first_seen),
            time(error.last_seen),
        ]
    });
    bytes([header(&FAILURES)].into_iter().chain(rows))
}

pub(super) fn exceptions_header() -> Vec<u8> {
    bytes([header(&EXCEPTIONS)])
}

/// The whole file of exceptions.
pub(super) fn exceptions(report: &Report) -> Vec<u8> {
    let rows = report.exceptions.iter().map(|exception| {
        vec![
            exception.count.to_string(),
            exception.message.clone(),
            exception.traceback.clone(),
            exception.nodes.clone(),
        ]
    });
    bytes([header(&EXCEPTIONS)].into_iter().chain(rows))
}
