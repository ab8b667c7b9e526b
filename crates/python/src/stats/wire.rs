//! Entries as they travel: the dictionaries that `StatsEntry.serialize` writes and `unserialize` reads.

use gregaria_stats::Figures;
use gregaria_stats::entry::Parts;
use gregaria_stats::histogram::{Bucket, Histogram};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::{bytes, microseconds};

/// Counts by second, without the empty ones.
pub fn counts<'py>(py: Python<'py>, seconds: impl Iterator<Item = (i64, u32)>) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (second, amount) in seconds.filter(|(_, amount)| *amount > 0) {
        dict.set_item(second, amount)?;
    }
    Ok(dict)
}

/// What `serialize` wrote, here or in a Locust process.
pub fn parts(data: &Bound<'_, PyDict>) -> PyResult<Parts> {
    let required = |key: &str| data.as_any().get_item(key);
    let mut per_second = Vec::new();
    for (second, amount) in required("num_reqs_per_sec")?.cast::<PyDict>()? {
        per_second.push((second.extract()?, amount.extract()?, 0));
    }
    for (second, amount) in required("num_fail_per_sec")?.cast::<PyDict>()? {
        per_second.push((second.extract()?, 0, amount.extract()?));
    }
    let mut histogram = Histogram::new();
    for (ms, amount) in required("response_times")?.cast::<PyDict>()? {
        histogram.record_many(Bucket::of(microseconds(&ms)?.unwrap_or(0)), amount.extract()?);
    }
    Ok(Parts {
        figures: Figures {
            num_requests: required("num_requests")?.extract()?,
            num_none_requests: required("num_none_requests")?.extract()?,
            num_failures: required("num_failures")?.extract()?,
            total_response_time_us: microseconds(&required("total_response_time")?)?.unwrap_or(0),
            min_response_time_us: microseconds(&required("min_response_time")?)?,
            max_response_time_us: microseconds(&required("max_response_time")?)?.unwrap_or(0),
            total_content_length: bytes(&required("total_content_length")?)?,
            start_time: required("start_time")?.extract()?,
            last_request_timestamp: required("last_request_timestamp")?.extract()?,
        },
        per_second,
        histogram,
    })
}
