//! Answers in Locust's shapes: `/stats/requests`, `/exceptions`, `/tasks`, `/logs`, `/worker-count`.

use std::sync::Arc;

use gregaria_stats::bucket::round_half_even;
use gregaria_stats::{ErrorRow, Row};
use serde_json::{Map, Value, json};

use crate::live::Live;
use crate::messages::Worker;

/// Locust shows no more rows, and no more failures.
const ROWS: usize = 500;

/// Keys in alphabetical order and two spaces, as Locust's server writes JSON; scripts look for `"state": "running"`.
pub fn text(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("values have string keys and memory takes all");
    text.push(b'\n');
    text
}

/// `/stats/requests`.
pub fn requests(live: &Live, has_runner: bool) -> Value {
    let Some(total) = live.total.as_ref().filter(|_| has_runner) else { return without_runner() };
    let rows = live.order.values().take(ROWS).filter_map(|id| live.rows.get(*id as usize)?.as_ref());
    let mut stats: Vec<Value> = rows.map(|row| entry(live, row)).collect();
    stats.push(entry(live, total));
    let errors: Vec<Value> = live.failures.iter().take(ROWS).map(error).collect();
    let labels = live.settings.chart_percentiles.iter().zip(live.current_percentiles_us.iter());
    let current: Map<String, Value> = labels
        .map(|(p, us)| {
            (format!("response_time_percentile_{p}"), us.map_or(Value::Null, |us| whole_or_exact_ms(Some(us))))
        })
        .collect();
    let (total_rps, total_fail_per_sec) = total_rates(live, total);
    let mut answer = json!({
        "stats": stats,
        "errors": errors,
        "current_rps": total.current_rps,
        "current_fail_per_sec": total.current_fail_per_sec,
        "total_rps": total_rps,
        "total_fail_per_sec": total_fail_per_sec,
        "fail_ratio": total.fail_ratio,
        "current_response_time_percentiles": current,
        "state": live.status.state,
        "user_count": live.status.user_count,
    });
    if live.status.paused {
        answer["paused"] = json!(true);
    }
    if live.status.is_distributed {
        answer["workers"] = json!(live.status.workers.iter().map(worker).collect::<Vec<_>>());
        answer["worker_count"] = json!(live.status.workers.len());
    }
    answer
}

fn without_runner() -> Value {
    json!({
        "stats": [],
        "errors": [],
        "total_rps": 0.0,
        "total_fail_per_sec": 0.0,
        "fail_ratio": 0.0,
        "current_response_time_percentile_1": null,
        "current_response_time_percentile_2": null,
        "state": "missing",
        "user_count": 0,
    })
}

/// Rates of the whole run, which change for all rows with every second.
fn total_rates(live: &Live, row: &Row) -> (f64, f64) {
    if live.elapsed_s <= 0.0 {
        return (0.0, 0.0);
    }
    (row.num_requests as f64 / live.elapsed_s, row.num_failures as f64 / live.elapsed_s)
}

fn entry(live: &Live, row: &Row) -> Value {
    let (total_rps, total_fail_per_sec) = total_rates(live, row);
    let mut entry = json!({
        "method": text_of(&row.method),
        "name": text_of(&row.name),
        "num_requests": row.num_requests,
        "num_failures": row.num_failures,
        "min_response_time": row.min_response_time_us.map_or(json!(0), |us| json!(whole_ms(us))),
        "max_response_time": whole_ms(row.max_response_time_us.unwrap_or(0)),
        "current_rps": row.current_rps,
        "current_fail_per_sec": row.current_fail_per_sec,
        "avg_response_time": row.avg_response_time_ms,
        "median_response_time": whole_or_exact_ms(row.median_us),
        "total_rps": total_rps,
        "total_fail_per_sec": total_fail_per_sec,
        "avg_content_length": row.avg_content_length.map_or(json!(0), |bytes| json!(bytes)),
    });
    for (at, p) in live.settings.percentiles.iter().enumerate() {
        let value = whole_or_exact_ms(row.percentiles_us.get(at).copied());
        entry[format!("response_time_percentile_{p}")] = value;
    }
    entry
}

fn text_of(text: &Arc<str>) -> &str {
    text
}

fn error(row: &ErrorRow) -> Value {
    json!({
        "method": text_of(&row.method),
        "name": text_of(&row.name),
        "error": text_of(&row.text),
        "occurrences": row.occurrences,
        "first_seen": row.first_seen,
        "last_seen": row.last_seen,
    })
}

fn whole_ms(us: u64) -> f64 {
    round_half_even(us, 1_000) as f64
}

/// A whole number where it is one, as Locust has it everywhere.
fn whole_or_exact_ms(us: Option<u64>) -> Value {
    match us {
        Some(us) if us % 1_000 != 0 => json!(us as f64 / 1_000.0),
        us => json!(us.unwrap_or(0) / 1_000),
    }
}

/// `/exceptions`.
pub fn exceptions(live: &Live) -> Value {
    json!({ "exceptions": live.exceptions })
}

/// `/tasks`.
pub fn tasks(live: &Live) -> Value {
    json!({ "per_class": live.ratios.per_class, "total": live.ratios.total })
}

fn worker(worker: &Worker) -> Value {
    let Worker { id, state, user_count, cpu_usage, memory_usage, lag_ms: _ } = worker;
    json!({ "id": id, "state": state, "user_count": user_count, "cpu_usage": cpu_usage, "memory_usage": memory_usage })
}

/// `/worker-count`.
pub fn worker_count(live: &Live) -> Value {
    json!({ "worker_count": live.status.workers.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::Feed;
    use crate::live::tests::{settings, tick};
    use gregaria_stats::Stats;

    #[test]
    fn rows_come_by_name_and_the_total_last() {
        let (mut stats, mut feed, mut live) = (Stats::new(1_000.0), Feed::default(), Live::new(settings()));
        for (name, method, us) in [("/b", "GET", 4_500), ("/a", "POST", 2_000), ("/a", "GET", 8_000)] {
            let id = stats.entry(method, name, 1_000.0);
            stats.record(id, 1_002.0, Some(us), 10);
        }
        let id = stats.find("GET", "/b").unwrap();
        stats.record_failure(id, 1_002.0, "E()");
        live.apply(tick(&mut feed, &stats, 1_003.0, "running"));
        let told = requests(&live, true);
        let names: Vec<_> =
            told["stats"].as_array().unwrap().iter().map(|row| (&row["name"], &row["method"])).collect();
        let expected = [("/a", "GET"), ("/a", "POST"), ("/b", "GET"), ("Aggregated", "")];
        assert_eq!(
            names,
            expected
                .map(|(name, method)| (name.into(), method.into()))
                .iter()
                .map(|(a, b): &(Value, Value)| (a, b))
                .collect::<Vec<_>>()
        );
        assert_eq!(told["stats"][2]["median_response_time"], json!(4.5));
        assert_eq!(told["stats"][2]["max_response_time"], json!(4.0));
        assert_eq!(told["stats"][0]["response_time_percentile_0.95"], json!(8));
        assert_eq!(
            (&told["total_rps"], &told["state"], &told["user_count"]),
            (&json!(1.5), &json!("running"), &json!(2))
        );
        assert_eq!(told["errors"][0]["error"], json!("E()"));
        assert!(told["current_response_time_percentiles"]["response_time_percentile_0.5"].is_number());
    }

    #[test]
    fn five_hundred_rows_at_the_most() {
        let (mut stats, mut feed, mut live) = (Stats::new(1_000.0), Feed::default(), Live::new(settings()));
        for number in 0..700 {
            let id = stats.entry("GET", &format!("/{number:03}"), 1_000.0);
            stats.record(id, 1_001.0, Some(1), 1);
        }
        live.apply(tick(&mut feed, &stats, 1_002.0, "running"));
        let told = requests(&live, true);
        assert_eq!(told["stats"].as_array().map(Vec::len), Some(ROWS + 1));
        assert_eq!(told["stats"][ROWS]["num_requests"], json!(700));
    }

    #[test]
    fn without_a_runner_nothing_is_known() {
        assert_eq!(requests(&Live::default(), false)["state"], json!("missing"));
    }
}
