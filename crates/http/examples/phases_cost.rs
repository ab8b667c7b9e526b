//! What it costs to know the phases of a request over an open connection: two more looks at the clock, the parts between
//! the marks, and their count in two entries of the statistics. Prints nanoseconds per request.

use std::hint::black_box;
use std::time::{Duration, Instant};

use gregaria_http::Timings;
use gregaria_stats::{PhaseSample, Stats};

const REQUESTS: u32 = 1_000_000;
/// The best of so many goes: what else the machine does is none of the phases' cost.
const GOES: u32 = 7;

fn marks(number: u32) -> Timings {
    let queued = Instant::now();
    let started = queued + Duration::from_micros(u64::from(number % 97));
    let sent = Instant::now();
    let finished = started + Duration::from_micros(u64::from(200 + number % 301));
    let (first_byte, queued, sent) = (Some(finished), Some(queued), Some(sent));
    Timings { queued, started, opening: None, sent, first_byte, finished, reused: true }
}

/// As the client does it.
fn sample(timings: &Timings) -> PhaseSample {
    let mut sample = PhaseSample::of(timings.durations().in_order());
    (sample.reused, sample.version) = (1, 11);
    sample
}

fn main() {
    let mut stats = Stats::new(0.0);
    let id = stats.entry("GET", "/", 0.0);
    let mut best = Duration::MAX;
    for _ in 0..GOES {
        let began = Instant::now();
        for number in 0..REQUESTS {
            let timings = black_box(marks(number));
            stats.record_phases(id, &black_box(sample(&timings)));
        }
        best = best.min(began.elapsed());
    }
    println!("{:.1}", best.as_nanos() as f64 / f64::from(REQUESTS));
}
