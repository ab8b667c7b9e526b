//! Rows of the CSV files as bytes: which columns, and how their cells are written. Opens no file.

use gregaria_stats::{Row, Snapshot};

use super::CsvSettings;
use crate::cells::{
    percentile_label, rounded_ms, utc, write_count, write_exact_ms, write_float, write_rate, write_shortest_ms,
};
use crate::sink::Report;

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
/// A usual row has fewer bytes.
const ROW_BYTES: usize = 256;
const EXCEPTIONS: [&str; 4] = ["Count", "Message", "Traceback", "Nodes"];

/// Rows with CRLF line ends and quotes only where needed, as Python's `csv.writer` has them. Of ten thousand rows with
/// twenty cells each none has memory of its own.
struct Table {
    text: String,
}

impl Table {
    fn new() -> Self {
        Self::of_size(0)
    }

    /// For about so many bytes.
    fn of_size(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes) }
    }

    /// A cell that needs no quotes.
    #[inline]
    fn made(&mut self, make: impl FnOnce(&mut String)) {
        make(&mut self.text);
        self.text.push(',');
    }

    fn text(&mut self, cell: &str) {
        self.made(|text| match cell.contains([',', '"', '\r', '\n']) {
            false => text.push_str(cell),
            true => {
                text.push('"');
                text.push_str(&cell.replace('"', "\"\""));
                text.push('"');
            }
        });
    }

    fn count(&mut self, count: u64) {
        self.made(|text| write_count(text, count));
    }

    fn float(&mut self, value: f64) {
        self.made(|text| write_float(text, value));
    }

    fn columns(&mut self, columns: &[&str]) {
        columns.iter().for_each(|column| self.text(column));
    }

    fn labels(&mut self, percentiles: &[f64]) {
        percentiles.iter().for_each(|p| self.text(&percentile_label(*p)));
    }

    /// Every cell has ended with a comma; the last one does not keep it.
    fn end_row(&mut self) {
        self.text.pop();
        self.text.push_str("\r\n");
    }

    /// Counts, response times and content size, which two files share.
    fn figures(&mut self, row: &Row) {
        self.count(row.num_requests);
        self.count(row.num_failures);
        self.made(|text| write_shortest_ms(text, row.median_us));
        self.float(row.avg_response_time_ms);
        self.made(|text| write_exact_ms(text, row.min_response_time_us));
        self.made(|text| write_exact_ms(text, row.max_response_time_us));
        match row.avg_content_length {
            Some(length) => self.float(length),
            None => self.text("0"),
        }
    }

    fn percentiles(&mut self, row: &Row, values_us: &[u64], amount: usize) {
        if row.num_requests == 0 || values_us.is_empty() {
            let unknown = if row.num_requests == 0 { "N/A" } else { "0" };
            return (0..amount).for_each(|_| self.text(unknown));
        }
        values_us.iter().for_each(|us| self.count(rounded_ms(*us)));
    }

    fn bytes(self) -> Vec<u8> {
        self.text.into_bytes()
    }
}

pub(super) fn requests_header(percentiles: &[f64]) -> Vec<u8> {
    requests_table(percentiles, 1).bytes()
}

fn requests_table(percentiles: &[f64], rows: usize) -> Table {
    let mut table = Table::of_size(rows * ROW_BYTES);
    table.columns(&REQUESTS);
    table.labels(percentiles);
    table.end_row();
    table
}

/// The whole file of requests.
pub(super) fn requests(snapshot: &Snapshot, percentiles: &[f64]) -> Vec<u8> {
    let mut table = requests_table(percentiles, snapshot.entries.len() + 2);
    for row in snapshot.sorted_entries().into_iter().chain([&snapshot.total]) {
        table.text(&row.method);
        table.text(&row.name);
        table.figures(row);
        table.float(row.total_rps);
        table.float(row.total_fail_per_sec);
        table.percentiles(row, &row.percentiles_us, percentiles.len());
        table.end_row();
    }
    table.bytes()
}

pub(super) fn history_header(percentiles: &[f64]) -> Vec<u8> {
    let mut table = Table::new();
    table.columns(&HISTORY);
    table.labels(percentiles);
    table.columns(&HISTORY_TOTALS);
    table.end_row();
    table.bytes()
}

/// The lines that one report adds to the history.
pub(super) fn history(report: &Report, settings: &CsvSettings) -> Vec<u8> {
    let entries = if settings.full_history { report.stats.sorted_entries() } else { Vec::new() };
    let begin = format!("{},{}", report.stats.now as i64, report.user_count);
    let mut table = Table::of_size((entries.len() + 1) * ROW_BYTES);
    for row in entries.into_iter().chain([&report.stats.total]) {
        table.made(|text| text.push_str(&begin));
        table.text(&row.method);
        table.text(&row.name);
        for rate in [row.current_rps, row.current_fail_per_sec] {
            table.made(|text| write_rate(text, rate));
        }
        let current = row.current_percentiles_us.as_deref().filter(|_| settings.full_history);
        let values = current.unwrap_or(&row.percentiles_us);
        table.percentiles(row, values, settings.percentiles.len());
        table.figures(row);
        table.end_row();
    }
    table.bytes()
}

pub(super) fn failures_header() -> Vec<u8> {
    failures_table().bytes()
}

fn failures_table() -> Table {
    let mut table = Table::new();
    table.columns(&FAILURES);
    table.end_row();
    table
}

/// The whole file of failures, in the order in which they were first seen.
pub(super) fn failures(snapshot: &Snapshot) -> Vec<u8> {
    let time = |seconds: Option<f64>| seconds.map_or_else(String::new, utc);
    let mut table = failures_table();
    for error in &snapshot.errors {
        table.columns(&[&error.method, &error.name, &error.text]);
        table.count(error.occurrences);
        table.columns(&[&time(error.first_seen), &time(error.last_seen)]);
        table.end_row();
    }
    table.bytes()
}

pub(super) fn exceptions_header() -> Vec<u8> {
    exceptions_table().bytes()
}

fn exceptions_table() -> Table {
    let mut table = Table::new();
    table.columns(&EXCEPTIONS);
    table.end_row();
    table
}

/// The whole file of exceptions.
pub(super) fn exceptions(report: &Report) -> Vec<u8> {
    let mut table = exceptions_table();
    for exception in &report.exceptions {
        table.count(exception.count);
        table.columns(&[&exception.message, &exception.traceback, &exception.nodes]);
        table.end_row();
    }
    table.bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use csv::{Terminator, WriterBuilder};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_are_quoted_where_they_must_be(rows in proptest::collection::vec(proptest::collection::vec("[a ,\"\r\n\té;#]{0,8}", 2..5), 0..6)) {
            let mut builder = WriterBuilder::new();
            let mut writer = builder.terminator(Terminator::CRLF).flexible(true).from_writer(Vec::new());
            let mut table = Table::new();
            for row in &rows {
                writer.write_record(row).unwrap();
                row.iter().for_each(|cell| table.text(cell));
                table.end_row();
            }
            prop_assert_eq!(table.bytes(), writer.into_inner().unwrap());
        }
    }
}
