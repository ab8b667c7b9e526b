//! Prometheus's protobuf format, which has native histograms: messages of `io.prometheus.client`, each with its length before it.

use prost::Message;

use super::buckets::{BOUNDS_S, Buckets, SCHEMA, ZERO_S};
use super::{Family, Kind, Value};

#[derive(Clone, PartialEq, Message)]
struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    /// Counter 0, gauge 1, histogram 4.
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    metric: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Number>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Number {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    sample_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sample_sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    bucket: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    positive_span: Vec<Span>,
    /// Each bucket's count as the difference from the one before.
    #[prost(sint64, repeated, tag = "13")]
    positive_delta: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    cumulative_count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    upper_bound: Option<f64>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(sint32, optional, tag = "1")]
    offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    length: Option<u32>,
}

/// All families, one after the other.
pub fn encode(families: &[Family]) -> Vec<u8> {
    families.iter().flat_map(|family| message(family).encode_length_delimited_to_vec()).collect()
}

fn message(family: &Family) -> MetricFamily {
    let kind = match family.kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Histogram => 4,
    };
    let metric = family.samples.iter().map(|sample| {
        let label = sample
            .labels
            .iter()
            .map(|(name, value)| LabelPair { name: Some((*name).to_owned()), value: Some(value.clone()) });
        let mut metric = Metric { label: label.collect(), ..Metric::default() };
        match &sample.value {
            Value::Histogram(buckets) => metric.histogram = Some(histogram(buckets)),
            Value::Number(value) if family.kind == Kind::Counter => {
                metric.counter = Some(Number { value: Some(*value) })
            }
            Value::Number(value) => metric.gauge = Some(Number { value: Some(*value) }),
        }
        metric
    });
    MetricFamily {
        name: Some(family.name.to_owned()),
        help: Some(family.help.to_owned()),
        kind: Some(kind),
        metric: metric.collect(),
    }
}

fn histogram(buckets: &Buckets) -> Histogram {
    let spans = buckets.spans();
    let classic = BOUNDS_S.iter().zip(buckets.classic);
    let mut before = 0;
    let mut delta = |count: u64| {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        count - std::mem::replace(&mut before, count)
    };
    let mut positive_span: Vec<Span> = spans
        .iter()
        .map(|(offset, counts)| Span { offset: Some(*offset), length: Some(counts.len() as u32) })
        .collect();
    if positive_span.is_empty() {
        // What tells a native histogram without samples from a classic one.
        positive_span.push(Span { offset: Some(0), length: Some(0) });
    }
    Histogram {
        sample_count: Some(buckets.count),
        sample_sum: Some(buckets.sum_s),
        bucket: classic
            .map(|(bound, count)| Bucket { cumulative_count: Some(count), upper_bound: Some(*bound) })
            .collect(),
        schema: Some(SCHEMA),
        zero_threshold: Some(ZERO_S),
        zero_count: Some(buckets.zeros),
        positive_span,
        positive_delta: spans.iter().flat_map(|(_, counts)| counts).map(|count| delta(*count)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Sample;
    use super::*;

    #[test]
    fn native_histograms_are_written_as_spans_and_differences() {
        let buckets =
            Buckets { count: 10, zeros: 1, native: vec![(-3, 1), (-2, 5), (4, 2), (5, 1)], ..Buckets::default() };
        let written = histogram(&buckets);
        let spans: Vec<_> = written.positive_span.iter().map(|span| (span.offset(), span.length())).collect();
        assert_eq!(spans, [(-3, 2), (5, 2)]);
        assert_eq!(written.positive_delta, [1, 4, -3, -1]);
        assert_eq!((written.zero_count(), written.schema(), written.bucket.len()), (1, 3, BOUNDS_S.len()));
        assert_eq!(histogram(&Buckets::default()).positive_span.len(), 1);
    }

    #[test]
    fn each_family_has_its_length_before_it() {
        let family = |name, kind| Family {
            name,
            help: "h",
            kind,
            samples: vec![Sample { labels: vec![("name", "ä".into())], value: Value::Number(2.0) }],
        };
        let bytes = encode(&[family("a_total", Kind::Counter), family("b", Kind::Gauge)]);
        let mut rest = bytes.as_slice();
        let first = MetricFamily::decode_length_delimited(&mut rest).unwrap();
        let second = MetricFamily::decode_length_delimited(&mut rest).unwrap();
        assert!(rest.is_empty());
        assert_eq!(
            (first.name(), first.kind(), first.metric[0].counter.as_ref().unwrap().value()),
            ("a_total", 0, 2.0)
        );
        assert_eq!((second.name(), second.kind(), second.metric[0].gauge.as_ref().unwrap().value()), ("b", 1, 2.0));
        assert_eq!(first.metric[0].label[0].value(), "ä");
        // Field 1, of a length, and the name: as the wire has it.
        assert_eq!(&bytes[1..10], b"\x0a\x07a_total");
    }
}
