//! The tables on the console, line by line as Locust lays them out. Only text: printing and colours are the caller's.

use gregaria_stats::{Row, Snapshot};

use crate::cells::{percentile_label, rounded_ms};

/// Widths of the first two columns.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    pub type_width: usize,
    pub name_width: usize,
}

impl Layout {
    /// The summary's name column, which is narrower or wider than the others' by a fixed difference.
    fn summary_name_width(self) -> isize {
        self.name_width as isize - self.type_width as isize + 4
    }
}

/// Whether rates are those of the last seconds or of the whole run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rates {
    Current,
    Total,
}

fn dashes(width: isize) -> String {
    "-".repeat(width.max(0) as usize)
}

/// The table of requests: counts, response times and rates by entry, and of all together.
pub fn summary(snapshot: &Snapshot, rates: Rates, layout: Layout) -> Vec<String> {
    let (type_width, name_width) = (layout.type_width, layout.summary_name_width().unsigned_abs());
    let header = format!(
        "{:<type_width$} {:<name_width$} {:>7} {:>12} |{:>7} {:>7} {:>7}{:>7} | {:>7} {:>11}",
        "Type", "Name", "# reqs", "# fails", "Avg", "Min", "Max", "Med", "req/s", "failures/s"
    );
    let widths = [layout.type_width as isize, layout.summary_name_width(), 7, 13, 7, 7, 7, 7, 8, 11];
    let separator = widths.map(dashes).join("|");
    let mut lines = vec![header, separator.clone()];
    lines.extend(snapshot.sorted_entries().into_iter().map(|row| summary_line(row, rates, layout)));
    lines.push(separator);
    lines.push(summary_line(&snapshot.total, rates, layout));
    lines
}

/// One row of the table of requests.
pub fn summary_line(row: &Row, rates: Rates, layout: Layout) -> String {
    let (type_width, name_width) = (layout.type_width, layout.summary_name_width().unsigned_abs());
    let (per_second, fails_per_second) = match rates {
        Rates::Current => (row.current_rps, row.current_fail_per_sec),
        Rates::Total => (row.total_rps, row.total_fail_per_sec),
    };
    let method = if row.method.is_empty() { String::new() } else { format!("{} ", row.method) };
    let fails = format!("{}({:.2}%)", row.num_failures, row.fail_ratio * 100.0);
    let whole_ms = |us: Option<u64>| us.unwrap_or(0) / 1_000;
    format!(
        "{method:<type_width$} {:<name_width$} {:>7} {fails:>12} |{:>7} {:>7} {:>7}{:>7} | {per_second:>7.2} {fails_per_second:>11.2}",
        row.name,
        row.num_requests,
        row.avg_response_time_ms as u64,
        whole_ms(row.min_response_time_us),
        whole_ms(row.max_response_time_us),
        median_ms(row),
    )
}

/// The median as Locust shows it: rounded, but never beyond minimum and maximum.
fn median_ms(row: &Row) -> u64 {
    let (Some(median), Some(min), Some(max)) = (row.median_us, row.min_response_time_us, row.max_response_time_us)
    else {
        return 0;
    };
    (rounded_ms(median) * 1_000).clamp(min, max) / 1_000
}

/// The table of percentiles. `percentiles` are those the snapshot was taken with.
pub fn percentiles(snapshot: &Snapshot, percentiles: &[f64], layout: Layout) -> Vec<String> {
    let (type_width, name_width) = (layout.type_width, layout.name_width);
    let mut header = format!("{:<type_width$} {:<name_width$}", "Type", "Name");
    let labels = percentiles.iter().map(|p| percentile_label(*p)).chain(["# reqs".to_owned()]);
    push_columns(&mut header, labels);
    let mut separator = [type_width, name_width, 8].map(|width| dashes(width as isize)).join("|");
    separator.push_str(&format!("|{}", dashes(6)).repeat(percentiles.len()));
    let has_samples = |row: &&Row| row.median_us.is_some();
    let mut lines = vec!["Response time percentiles (approximated)".to_owned(), header, separator.clone()];
    let rows = snapshot.sorted_entries().into_iter().filter(has_samples);
    lines.extend(rows.map(|row| percentiles_line(row, layout)));
    lines.push(separator);
    lines.extend(Some(&snapshot.total).filter(has_samples).map(|row| percentiles_line(row, layout)));
    lines
}

/// One row of the table of percentiles.
pub fn percentiles_line(row: &Row, layout: Layout) -> String {
    let (type_width, name_width) = (layout.type_width, layout.name_width);
    let mut line = format!("{:<type_width$} {:<name_width$}", row.method, row.name);
    let values = row.percentiles_us.iter().map(|us| rounded_ms(*us)).chain([row.num_requests]);
    push_columns(&mut line, values.map(|value| value.to_string()));
    line
}

fn push_columns(line: &mut String, values: impl Iterator<Item = String>) {
    for (at, value) in values.enumerate() {
        let width = if at == 0 { 8 } else { 6 };
        line.push_str(&format!(" {value:>width$}"));
    }
}

/// The table of failures, with the blank line that ends it.
pub fn error_report(snapshot: &Snapshot, layout: Layout) -> Vec<String> {
    let separator = format!("{}|{}", dashes(18), dashes(61 + layout.name_width as isize));
    let mut lines =
        vec!["Error report".to_owned(), format!("{:<18} {:<100}", "# occurrences", "Error"), separator.clone()];
    lines.extend(snapshot.errors.iter().map(|error| format!("{:<18} {:<100}", error.occurrences, error.to_name())));
    lines.push(separator);
    lines.push(String::new());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use gregaria_stats::{Detail, Stats};

    const WIDE: Layout = Layout { type_width: 8, name_width: 80 };
    const PERCENTILES: [f64; 11] = [0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0];

    fn snapshot() -> Snapshot {
        let mut stats = Stats::new(1_000.0);
        let root = stats.entry("GET", "/", 1_000.0);
        for at in 0..33u32 {
            stats.record(root, 1_000.0 + f64::from(at) / 8.0, Some(u64::from(at % 4) * 1_000 + 700), 5);
        }
        let fail = stats.entry("GET", "/fail", 1_000.0);
        for _ in 0..31 {
            stats.record(fail, 1_005.0, Some(43_000), 5);
            stats.record_failure(fail, 1_005.0, "HTTPError('500 Server Error: INTERNAL SERVER ERROR for url: /fail')");
        }
        stats.snapshot(1_006.0, &Detail { percentiles: PERCENTILES.to_vec(), errors: true, ..Detail::default() })
    }

    #[test]
    fn requests() {
        let lines = summary(&snapshot(), Rates::Total, WIDE);
        assert_eq!(
            lines,
            [
                "Type     Name                                                                          # reqs      # fails |    Avg     Min     Max    Med |   req/s  failures/s",
                "--------|----------------------------------------------------------------------------|-------|-------------|-------|-------|-------|-------|--------|-----------",
                "GET      /                                                                                 33     0(0.00%) |      2       0       3      2 |    6.60        0.00",
                "GET      /fail                                                                             31  31(100.00%) |     43      43      43     43 |    6.20        6.20",
                "--------|----------------------------------------------------------------------------|-------|-------------|-------|-------|-------|-------|--------|-----------",
                "         Aggregated                                                                        64   31(48.44%) |     21       0      43      4 |   12.80        6.20",
            ]
        );
    }

    #[test]
    fn response_time_percentiles() {
        let lines = percentiles(&snapshot(), &PERCENTILES, WIDE);
        assert_eq!(
            lines[1..4],
            [
                "Type     Name                                                                                  50%    66%    75%    80%    90%    95%    98%    99%  99.9% 99.99%   100% # reqs",
                "--------|--------------------------------------------------------------------------------|--------|------|------|------|------|------|------|------|------|------|------|------",
                "GET      /                                                                                       2      3      3      4      4      4      4      4      4      4      4     33",
            ]
        );
        assert_eq!(lines.len(), 7);
    }

    #[test]
    fn failures() {
        let lines = error_report(&snapshot(), WIDE);
        assert_eq!(
            lines,
            [
                "Error report",
                "# occurrences      Error                                                                                               ",
                "------------------|---------------------------------------------------------------------------------------------------------------------------------------------",
                "31                 GET /fail: HTTPError('500 Server Error: INTERNAL SERVER ERROR for url: /fail')                      ",
                "------------------|---------------------------------------------------------------------------------------------------------------------------------------------",
                "",
            ]
        );
    }

    #[test]
    fn nothing_measured_yet() {
        let snapshot =
            Stats::new(1_000.0).snapshot(1_000.0, &Detail { percentiles: PERCENTILES.to_vec(), ..Detail::default() });
        assert_eq!(summary(&snapshot, Rates::Current, WIDE).len(), 4);
        assert_eq!(percentiles(&snapshot, &PERCENTILES, WIDE).len(), 4);
    }

    #[test]
    fn a_narrow_terminal_still_gets_a_table() {
        let lines = summary(&snapshot(), Rates::Total, Layout { type_width: 8, name_width: 0 });
        assert_eq!(lines[1], "--------||-------|-------------|-------|-------|-------|-------|--------|-----------");
        assert!(lines[0].starts_with("Type     Name  # reqs"));
    }
}
