//! From what was measured to a result file. Opens no file and looks at no live statistics.

use std::collections::BTreeMap;

use gregaria_stats::history::{self, Point, TotalPoint};
use gregaria_stats::phases::VERSIONS;
use gregaria_stats::{Entry, ErrorRecord, Phase, Phases, samples};
use serde_json::Value;

use super::format::{self as file, FORMAT, ResultFile, VERSION};
use crate::cells::percentile_label;
use crate::sink::ExceptionRow;

/// The percentiles that are written out beside the histogram.
const PERCENTILES: [f64; 11] = [0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0];
/// So many points of names are written, which is some 10 MB.
pub const MOST_POINTS: usize = 200_000;

/// The figures of one entry at the moment they were taken.
pub struct Measured {
    pub entry: Entry,
    pub requests_per_second: f64,
    pub failures_per_second: f64,
    /// Empty for the total.
    pub history: Vec<history::Segment<Point>>,
    pub overview: Vec<history::Segment<Point>>,
}

/// Everything that the engine has measured.
pub struct Everything {
    pub now: f64,
    pub total: Measured,
    pub entries: Vec<Measured>,
    pub history: Vec<history::Segment<TotalPoint>>,
    pub overview: Vec<history::Segment<TotalPoint>>,
    pub users_peak: u64,
    pub failures: Vec<ErrorRecord>,
    pub exceptions: Vec<ExceptionRow>,
    pub samples: Vec<file::Exchange>,
    pub other_names: u64,
    pub history_lost: u64,
}

/// The result of `measured`. `about` is a JSON object with what else there is to say: run, environment, settings, ratios,
/// thresholds, generator, as in the result file but for what `measured` knows itself.
pub fn make(measured: Everything, about: &str) -> Result<ResultFile, serde_json::Error> {
    let mut about: Value = serde_json::from_str(about)?;
    let mut part = |name: &str, known: &[(&str, Value)]| {
        let mut part = about.get_mut(name).map_or(Value::Null, Value::take);
        if let Some(object) = part.as_object_mut() {
            object.extend(known.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        }
        part
    };
    let run = [
        ("started_at", measured.total.entry.start_time().into()),
        ("ended_at", measured.now.into()),
        ("users_peak", measured.users_peak.into()),
    ];
    let generator = [("other_names", measured.other_names.into()), ("history_lost", measured.history_lost.into())];
    let mut entries = measured.entries;
    entries.sort_by(|a, b| (a.entry.name(), a.entry.method()).cmp(&(b.entry.name(), b.entry.method())));
    Ok(ResultFile {
        format: FORMAT.to_owned(),
        version: VERSION,
        run: serde_json::from_value(part("run", &run))?,
        environment: serde_json::from_value(part("environment", &[]))?,
        settings: serde_json::from_value(part("settings", &[]))?,
        ratios: serde_json::from_value(part("ratios", &[]))?,
        marks: serde_json::from_value::<Option<Vec<_>>>(part("marks", &[]))?.unwrap_or_default(),
        thresholds: serde_json::from_value::<Option<_>>(part("thresholds", &[]))?.unwrap_or_default(),
        generator: serde_json::from_value(part("generator", &generator))?,
        history: file::History {
            total: measured.history.iter().map(total_segment).collect(),
            entries: histories(&entries, |entry| &entry.history),
        },
        overview: Some(file::History {
            total: measured.overview.iter().map(total_segment).collect(),
            entries: histories(&entries, |entry| &entry.overview),
        }),
        total: figures(measured.total),
        entries: entries.into_iter().map(figures).collect(),
        failures: measured.failures.iter().map(failure).collect(),
        exceptions: measured.exceptions.into_iter().map(exception).collect(),
        samples: measured.samples,
    })
}

fn figures(measured: Measured) -> file::Entry {
    let entry = measured.entry;
    let told = entry.percentiles_us(&PERCENTILES);
    let label = |p: &f64| percentile_label(*p).trim_end_matches('%').to_owned();
    file::Entry {
        method: entry.method().to_string(),
        name: entry.name().to_string(),
        requests: entry.num_requests(),
        failures: entry.num_failures(),
        without_time: entry.num_none_requests(),
        total_us: entry.total_response_time_us(),
        min_us: entry.min_response_time_us(),
        max_us: entry.max_response_time_us(),
        bytes: entry.total_content_length(),
        requests_per_second: measured.requests_per_second,
        failures_per_second: measured.failures_per_second,
        percentiles_us: PERCENTILES.iter().map(label).zip(told).collect::<BTreeMap<_, _>>(),
        phases: entry.phases().map(phases),
        histogram: entry.into_histogram(),
    }
}

fn phases(measured: &Phases) -> file::Phases {
    let told = Phase::ALL.into_iter().map(|phase| (phase.name().to_owned(), measured.times(phase).histogram.clone()));
    let histograms = told.filter(|(_, histogram)| !histogram.is_empty()).collect();
    let versions = VERSIONS.iter().zip(measured.versions).filter(|(_, count)| *count > 0);
    let http_versions =
        versions.map(|(version, count)| (format!("{}.{}", version / 10, version % 10), count)).collect();
    file::Phases { reused_connections: measured.reused, http_versions, histograms }
}

/// The series of as many names as fit, those with the most requests first to come.
fn histories(
    entries: &[Measured],
    series: impl Fn(&Measured) -> &Vec<history::Segment<Point>>,
) -> Vec<file::EntryHistory> {
    let mut busiest: Vec<usize> = (0..entries.len()).collect();
    busiest.sort_by_key(|at| std::cmp::Reverse(entries[*at].entry.num_requests()));
    let mut points = 0;
    let mut chosen: Vec<usize> = busiest
        .into_iter()
        .take_while(|at| {
            points += series(&entries[*at]).iter().map(|segment| segment.points.len()).sum::<usize>();
            points <= MOST_POINTS
        })
        .filter(|at| !series(&entries[*at]).is_empty())
        .collect();
    chosen.sort_unstable();
    let of = |at: usize| file::EntryHistory { entry: at, segments: series(&entries[at]).iter().map(segment).collect() };
    chosen.into_iter().map(of).collect()
}

/// A segment of a name's series in the shape of the file.
pub fn segment(segment: &history::Segment<Point>) -> file::Segment {
    windows(segment.step_s, segment.points.iter())
}

/// A segment of the total's series in the shape of the file.
pub fn total_segment(segment: &history::Segment<TotalPoint>) -> file::TotalSegment {
    let pairs =
        |total: &TotalPoint| total.heat.iter().flat_map(|(class, amount)| [u32::from(*class), *amount]).collect();
    file::TotalSegment {
        windows: windows(segment.step_s, segment.points.iter().map(|total| &total.point)),
        users: segment.points.iter().map(|total| total.users).collect(),
        heat: segment.points.iter().map(pairs).collect(),
    }
}

fn windows<'a>(step_s: u32, points: impl Iterator<Item = &'a Point> + Clone) -> file::Segment {
    fn list<'a, T>(points: impl Iterator<Item = &'a Point>, field: impl Fn(&Point) -> T) -> Vec<T> {
        points.map(field).collect()
    }
    file::Segment {
        step_s,
        start: list(points.clone(), |point| point.start),
        requests: list(points.clone(), |point| point.requests),
        failures: list(points.clone(), |point| point.failures),
        bytes: list(points.clone(), |point| point.bytes),
        mean_us: list(points.clone(), |point| point.mean_us),
        p50_us: list(points.clone(), |point| point.percentiles_us[0]),
        p95_us: list(points.clone(), |point| point.percentiles_us[1]),
        p99_us: list(points.clone(), |point| point.percentiles_us[2]),
        max_us: list(points, |point| point.max_us),
    }
}

fn failure(record: &ErrorRecord) -> file::Failure {
    file::Failure {
        method: record.method.to_string(),
        name: record.name.to_string(),
        error: record.text.to_string(),
        occurrences: record.occurrences,
        first_seen: record.first_seen,
        last_seen: record.last_seen,
    }
}

/// A sample in the shape of the file.
pub fn exchange(why: samples::Kept, exchange: &samples::Exchange) -> file::Exchange {
    let body = |body: &samples::Body| file::Body {
        text: body.text.clone(),
        bytes: body.bytes,
        complete: body.complete,
        is_hex: body.is_hex,
    };
    let phases = exchange.phases.iter().flat_map(|phases| {
        Phase::ALL.into_iter().filter_map(|phase| Some((phase.name().to_owned(), phases.get(phase)?)))
    });
    file::Exchange {
        kept: match why {
            samples::Kept::First => file::Kept::First,
            samples::Kept::Last => file::Kept::Last,
            samples::Kept::Slowest => file::Kept::Slowest,
        },
        method: exchange.method.clone(),
        name: exchange.name.clone(),
        error: exchange.error.clone(),
        at: exchange.at,
        response_time_us: exchange.response_time_us.unwrap_or(0),
        user_class: exchange.user_class.clone(),
        worker: exchange.worker.clone(),
        url: exchange.url.clone(),
        request_head: exchange.request_head.clone(),
        request_body: exchange.request_body.as_ref().map(body),
        response_head: exchange.response_head.clone(),
        response_body: exchange.response_body.as_ref().map(body),
        phases_us: phases.collect(),
        reused_connection: exchange.phases.map(|phases| phases.opened == 0),
    }
}

fn exception(row: ExceptionRow) -> file::TaskException {
    let ExceptionRow { count, message, traceback, nodes } = row;
    file::TaskException { count, message, traceback, nodes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::read_bytes;
    use gregaria_stats::{History, Stats};
    use std::path::Path;

    const ABOUT: &str = r#"{
        "run": {"state": "finished", "locustfiles": ["a.py"], "user_classes": ["U"]},
        "environment": {"gregaria": "0", "python": "3", "platform": "p", "hostname": "h", "cpus": 2},
        "settings": {"users": 3}, "thresholds": null,
        "generator": {"was_the_limit": null, "verdict": "none", "started": 0, "completed": 0, "aborted": 0, "late_answers": 0,
                      "queued_total_s": 0.0, "queued_max_s": 0.0}
    }"#;

    fn measured(names: u32, seconds: u32) -> Everything {
        let (mut stats, mut history, mut samples) = (Stats::new(1_000.0), History::default(), Vec::new());
        stats.follow();
        for second in 0..seconds {
            for name in 0..names {
                let now = 1_000.0 + f64::from(second);
                let id = stats.entry("GET", &format!("/{name}"), now);
                stats.record(id, now, Some(u64::from(1_000 + name + second)), 5);
                if second == name {
                    stats.record_failure(id, now, "E()");
                }
            }
            stats.take_samples(&mut samples);
            history.take_in(&samples);
        }
        history.close(1_000.0 + f64::from(seconds));
        let of = |number: u32, entry: &Entry| {
            let (requests_per_second, failures_per_second) = stats.total_rates(entry);
            let (series, overview) = (history.name(number, 0), history.name_overview(number, history.overview_tier()));
            Measured { entry: entry.clone(), requests_per_second, failures_per_second, history: series, overview }
        };
        Everything {
            now: 1_000.0 + f64::from(seconds),
            total: of(u32::MAX, stats.total()),
            entries: stats.numbered_entries().map(|(number, entry)| of(number, entry)).collect(),
            history: history.total(0),
            overview: history.total_overview(history.overview_tier()),
            users_peak: 3,
            failures: stats.errors().records().to_vec(),
            exceptions: Vec::new(),
            samples: Vec::new(),
            other_names: 0,
            history_lost: 0,
        }
    }

    #[test]
    fn what_is_made_can_be_read_and_adds_up() {
        let result = make(measured(12, 9), ABOUT).unwrap();
        let read = read_bytes(&serde_json::to_vec(&result).unwrap(), Path::new("r")).unwrap();
        assert_eq!(read, result);
        assert_eq!((result.total.requests, result.run.users_peak), (108, 3));
        let names: Vec<_> = result.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert!(names.is_sorted());
        let mut sum = gregaria_stats::Histogram::new();
        result.entries.iter().for_each(|entry| sum.merge(&entry.histogram));
        assert_eq!(sum, result.total.histogram);
        let of_total: u32 = result.history.total.iter().flat_map(|segment| &segment.windows.requests).sum();
        let of_names = result.history.entries.iter().flat_map(|it| &it.segments).flat_map(|segment| &segment.requests);
        assert_eq!((u64::from(of_total), of_names.sum::<u32>()), (108, 108));
        assert_eq!(result.entries[0].percentiles_us["99.99"], 1_008);
        assert_eq!(result.failures.iter().map(|failure| failure.occurrences).sum::<u64>(), 9);
    }

    #[test]
    fn with_very_many_points_the_busiest_names_have_them() {
        let mut everything = measured(30, 2);
        let many = everything.entries[7].history[0].points[0];
        for (at, entry) in everything.entries.iter_mut().enumerate() {
            entry.history[0].points = vec![many; if at == 29 { 10 } else { MOST_POINTS / 4 }];
        }
        assert_eq!(make(everything, ABOUT).unwrap().history.entries.len(), 4);
    }

    #[test]
    fn what_python_forgot_to_say_is_named() {
        let error = make(measured(1, 1), r#"{"run": {}}"#).unwrap_err();
        assert!(error.to_string().contains("missing field `state`"), "{error}");
    }
}
