//! `response.timings`: how long each part of a request took, as the reactor saw it.

use std::time::Duration;

use gregaria_http::{Completion, Failure, Response as Answer};
use gregaria_stats::{Phase, PhaseSample};
use pyo3::prelude::*;

/// See the module's text. Milliseconds; None for what did not take place.
#[pyclass(frozen, module = "gregaria._engine")]
pub struct Timings {
    sample: PhaseSample,
}

impl Timings {
    /// `None` where nothing was measured.
    pub fn of(sample: Option<PhaseSample>) -> Option<Self> {
        sample.map(|sample| Timings { sample })
    }

    /// `sample` as it was at the head, with the body's time where that has come to its end.
    pub fn until(mut sample: PhaseSample, finished: Option<Duration>) -> Self {
        if let Some(finished) = finished {
            let to_the_head: u64 = Phase::ALL[1..].iter().filter_map(|phase| sample.get(*phase)).sum();
            let all = u64::try_from(finished.as_micros()).unwrap_or(u64::MAX);
            sample.set(Phase::Receive, sample.get(Phase::Receive).unwrap_or(0) + all.saturating_sub(to_the_head));
        }
        Timings { sample }
    }

    /// The parts of several exchanges together.
    pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Option<PhaseSample> {
        let mut parts = parts.into_iter().map(|part| part.sample);
        let first = parts.next()?;
        Some(parts.fold(first, |mut sum, next| {
            sum.add(&next);
            sum
        }))
    }

    fn ms(&self, phase: Phase) -> Option<f64> {
        self.sample.get(phase).map(|us| us as f64 / 1_000.0)
    }
}

/// Adds the parts of one exchange to those of the exchanges before it, and gives them.
pub fn add(sum: &mut Option<PhaseSample>, completion: &Completion) -> PhaseSample {
    let next = sample(completion);
    match sum {
        Some(sum) => sum.add(&next),
        None => *sum = Some(next),
    }
    next
}

/// The parts of one exchange.
pub fn sample(completion: &Completion) -> PhaseSample {
    let timings = &completion.timings;
    let version = version(&completion.result);
    let reused = u32::from(timings.reused);
    let mut sample = PhaseSample::of(timings.durations().in_order());
    (sample.reused, sample.opened, sample.version) = (reused, 1 - reused, version);
    sample
}

fn version(result: &Result<Answer, Failure>) -> u8 {
    result.as_ref().map_or(0, Answer::version)
}

#[pymethods]
impl Timings {
    /// In the generator's own queue, before the response time starts.
    #[getter]
    fn blocked(&self) -> Option<f64> {
        self.ms(Phase::Blocked)
    }

    /// Waiting for the addresses of a name.
    #[getter]
    fn dns(&self) -> Option<f64> {
        self.ms(Phase::Dns)
    }

    /// Until the TCP connection was there.
    #[getter]
    fn connect(&self) -> Option<f64> {
        self.ms(Phase::Connect)
    }

    /// The TLS handshake.
    #[getter]
    fn tls(&self) -> Option<f64> {
        self.ms(Phase::Tls)
    }

    /// Until the request's last byte was given to the system.
    #[getter]
    fn send(&self) -> Option<f64> {
        self.ms(Phase::Send)
    }

    /// Until the response's first byte.
    #[getter]
    fn wait(&self) -> Option<f64> {
        self.ms(Phase::Wait)
    }

    /// Until the response's last byte.
    #[getter]
    fn receive(&self) -> Option<f64> {
        self.ms(Phase::Receive)
    }

    /// All parts but `blocked`.
    #[getter]
    fn total(&self) -> f64 {
        Phase::ALL[1..].iter().filter_map(|phase| self.ms(*phase)).sum()
    }

    /// Whether every request of it found its connection open.
    #[getter]
    fn reused(&self) -> bool {
        self.sample.opened == 0
    }

    fn __repr__(&self) -> String {
        let parts: Vec<String> = Phase::ALL
            .into_iter()
            .filter_map(|phase| Some(format!("{}={:.3}", phase.name(), self.ms(phase)?)))
            .collect();
        format!("<Timings in ms: {}{}>", parts.join(" "), if self.reused() { " reused" } else { "" })
    }
}
