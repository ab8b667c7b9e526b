//! The two text formats: Prometheus's own and OpenMetrics.

use std::fmt::Write;

use super::buckets::{BOUNDS_S, Buckets};
use super::{Family, Kind, Sample, Value};

/// Version 0.0.4.
pub fn prometheus(families: &[Family]) -> String {
    let mut text = String::new();
    families.iter().for_each(|family| write_family(&mut text, family, family.name));
    text
}

/// Version 1.0.0.
pub fn open_metrics(families: &[Family]) -> String {
    let mut text = String::new();
    // A counter is called what its samples are called, without the ending.
    families.iter().for_each(|family| write_family(&mut text, family, family.name.trim_end_matches("_total")));
    text.push_str("# EOF\n");
    text
}

fn write_family(text: &mut String, family: &Family, title: &str) {
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    put(text, format_args!("# HELP {title} {}\n# TYPE {title} {kind}\n", family.help));
    for sample in &family.samples {
        match &sample.value {
            Value::Number(value) => line(text, family.name, "", sample, None, *value),
            Value::Histogram(buckets) => histogram(text, family.name, sample, buckets),
        }
    }
}

fn histogram(text: &mut String, name: &str, sample: &Sample, buckets: &Buckets) {
    for (bound, count) in BOUNDS_S.iter().zip(buckets.classic) {
        line(text, name, "_bucket", sample, Some(&number(*bound)), count as f64);
    }
    line(text, name, "_bucket", sample, Some("+Inf"), buckets.count as f64);
    line(text, name, "_sum", sample, None, buckets.sum_s);
    line(text, name, "_count", sample, None, buckets.count as f64);
}

fn line(text: &mut String, name: &str, ending: &str, sample: &Sample, bound: Option<&str>, value: f64) {
    text.push_str(name);
    text.push_str(ending);
    let labels =
        sample.labels.iter().map(|(key, value)| (*key, value.as_str())).chain(bound.map(|bound| ("le", bound)));
    let mut opened = false;
    for (key, value) in labels {
        put(text, format_args!("{}{key}=\"{}\"", if opened { "," } else { "{" }, escaped(value)));
        opened = true;
    }
    if opened {
        text.push('}');
    }
    put(text, format_args!(" {}\n", number(value)));
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("writing to a string does not fail");
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A number as both formats read it; whole ones below 2^53 without an exponent, bounds always with a point.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".into()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".into() } else { "-Inf".into() }
    } else {
        format!("{value:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families() -> Vec<Family> {
        let sample = |labels: &[(&'static str, &str)], value| Sample {
            labels: labels.iter().map(|(key, value)| (*key, (*value).to_owned())).collect(),
            value,
        };
        let buckets = Buckets { count: 3, sum_s: 0.25, classic: [1; BOUNDS_S.len()], ..Buckets::default() };
        vec![
            Family {
                name: "gregaria_requests_total",
                help: "Requests.",
                kind: Kind::Counter,
                samples: vec![sample(&[("name", "a \"b\" \\ c\nd")], Value::Number(5.0))],
            },
            Family {
                name: "gregaria_users",
                help: "Users.",
                kind: Kind::Gauge,
                samples: vec![sample(&[], Value::Number(f64::NAN))],
            },
            Family {
                name: "gregaria_response_time_seconds",
                help: "Times.",
                kind: Kind::Histogram,
                samples: vec![sample(&[("method", "GET")], Value::Histogram(buckets))],
            },
        ]
    }

    #[test]
    fn labels_are_escaped_and_histograms_end_with_infinity() {
        let text = prometheus(&families());
        assert!(text.starts_with(
            "# HELP gregaria_requests_total Requests.\n# TYPE gregaria_requests_total counter\n\
             gregaria_requests_total{name=\"a \\\"b\\\" \\\\ c\\nd\"} 5.0\n"
        ));
        assert!(text.contains("\ngregaria_users NaN\n"));
        assert!(text.contains("gregaria_response_time_seconds_bucket{method=\"GET\",le=\"0.001\"} 1.0\n"));
        assert!(text.contains("gregaria_response_time_seconds_bucket{method=\"GET\",le=\"1.0\"} 1.0\n"));
        assert!(text.ends_with(
            "_bucket{method=\"GET\",le=\"+Inf\"} 3.0\ngregaria_response_time_seconds_sum{method=\"GET\"} 0.25\n\
             gregaria_response_time_seconds_count{method=\"GET\"} 3.0\n"
        ));
    }

    #[test]
    fn open_metrics_names_counters_without_their_ending_and_says_where_it_ends() {
        let text = open_metrics(&families());
        assert!(text.contains("# TYPE gregaria_requests counter\ngregaria_requests_total{"));
        assert!(text.ends_with("# EOF\n"));
    }
}
