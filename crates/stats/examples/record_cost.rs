//! Prints what recording costs: nanoseconds per `record`, bytes for many names, time to take a snapshot.
//! A measuring tool, not a test: `cargo run --release -p gregaria-stats --example record_cost`.

use std::time::Instant;

use gregaria_stats::{Detail, Exchange, Intake, Phase, PhaseSample, Stats};

const NAMES: usize = 10_000;
const SAMPLES_PER_NAME: usize = 1_000;
const RECORDS: u64 = 20_000_000;

/// xorshift, mapped onto a long-tailed distribution around `scale_us`.
fn sample_us(state: &mut u64, scale_us: f64) -> u64 {
    let mut uniform = || {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state >> 11) as f64 / (1u64 << 53) as f64
    };
    let normal = (-2.0 * uniform().max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
    (scale_us * (0.5 * normal).exp()) as u64
}

fn resident_kb() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4
}

fn main() {
    let mut state = 88_172_645_463_325_252;
    let samples: Vec<u64> = (0..65_536).map(|_| sample_us(&mut state, 12_000.0)).collect();
    let mut intake = Intake::new(Stats::new(1_000.0));
    let id = intake.entry("GET", "/", 1_000.0);
    let started = Instant::now();
    for at in 0..RECORDS {
        intake.record(id, 1_000.0 + at as f64 * 1e-5, Some(samples[at as usize % samples.len()]), 612, None);
    }
    let stats = intake.settled();
    println!("record: {:.2} ns", started.elapsed().as_nanos() as f64 / RECORDS as f64);

    stats.set_samples(3);
    let (started, mut kept) = (Instant::now(), 0_u64);
    for at in 0..RECORDS {
        let us = samples[at as usize % samples.len()];
        stats.record(id, 1_000.0 + at as f64 * 1e-5, Some(us), 612);
        if let Some(wanted) = stats.wants_slow(id, us) {
            let exchange = Exchange { response_time_us: Some(us), ..Exchange::default() };
            stats.keep_sample(&wanted, exchange);
            kept += 1;
        }
    }
    let each_ns = started.elapsed().as_nanos() as f64 / RECORDS as f64;
    println!("record, and ask whether it is kept as a sample: {each_ns:.2} ns ({kept} were)");

    let mut phases = PhaseSample::default();
    (phases.reused, phases.version) = (1, 11);
    let started = Instant::now();
    for at in 0..RECORDS {
        let us = samples[at as usize % samples.len()];
        for (phase, us) in [(Phase::Blocked, us / 64), (Phase::Send, us / 32), (Phase::Wait, us), (Phase::Receive, 0)] {
            phases.set(phase, us);
        }
        stats.record_phases(id, &phases);
    }
    println!("record_phases: {:.2} ns", started.elapsed().as_nanos() as f64 / RECORDS as f64);
    very_many_names(&mut state);
}

fn very_many_names(state: &mut u64) {
    let before_kb = resident_kb();
    let mut stats = Stats::new(1_000.0);
    for at in 0..NAMES {
        let name = format!("/products/{at}/reviews");
        let scale_us = 2_000.0 * (1.0 + (at % 100) as f64);
        for _ in 0..SAMPLES_PER_NAME {
            let id = stats.entry("GET", &name, 1_000.0);
            stats.record(id, 1_001.0, Some(sample_us(state, scale_us)), 612);
        }
    }
    let counted_mb = stats.heap_bytes() as f64 / 1e6;
    println!(
        "{NAMES} names x {SAMPLES_PER_NAME} samples: {counted_mb:.1} MB counted, {} kB resident",
        resident_kb() - before_kb
    );

    let percentiles = vec![0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0];
    let started = Instant::now();
    let snapshot =
        stats.snapshot(1_002.0, &Detail { percentiles, current_percentiles: true, errors: true, ..Detail::default() });
    println!("snapshot of {} names: {:.1} ms", snapshot.entries.len(), started.elapsed().as_secs_f64() * 1e3);
}
