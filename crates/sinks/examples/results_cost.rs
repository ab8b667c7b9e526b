//! What results cost with very many names: a measuring tool for `make bench`, not a test. Time is simulated, so that an
//! hour takes seconds; what is measured is CPU time. Prints JSON.
//!
//! ```text
//!   results_cost cost [full]      50,000 samples/s over 10,000 names: counting, history, CSV; how long the hub is held up
//!   results_cost snapshots [full]  milliseconds of a snapshot of 10,000 names that all have changed, mean of 100
//!   results_cost result FILE      writes the result of an hour with 10,000 names, reads it and makes its report
//!   results_cost soak             ten hours with ever new names and failure texts: memory
//! ```

use std::path::Path;
use std::time::Instant;

use gregaria_sinks::result::{self, Everything, Measured};
use gregaria_sinks::{CsvSettings, CsvSink, Pace, Report, Sink};
use gregaria_stats::{Detail, Entry, EntryId, History, Intake, Snapshots, Stats, Windows};

const NAMES: u64 = 10_000;
const START: f64 = 1_795_237_200.0;
const PERCENTILES: [f64; 11] = [0.50, 0.66, 0.75, 0.80, 0.90, 0.95, 0.98, 0.99, 0.999, 0.9999, 1.0];
const ABOUT: &str = r#"{
    "run": {"state": "finished", "exit_code": 0, "locustfiles": ["bench.py"], "user_classes": ["Bench"]},
    "environment": {"gregaria": "0", "python": "3", "platform": "p", "hostname": "h", "cpus": 2},
    "settings": {"users": 100},
    "generator": {"was_the_limit": false, "verdict": "Generator: kept up", "started": 1, "completed": 1, "aborted": 0,
                  "late_answers": 0, "queued_total_s": 0.0, "queued_max_s": 0.0}
}"#;

/// Pseudo-random numbers (xorshift).
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A long-tailed response time.
    fn time_us(&mut self) -> u64 {
        let normal = (-2.0 * self.uniform().max(1e-12).ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos();
        (20_000.0 * (0.6 * normal).exp()) as u64
    }
}

/// Seconds that this thread has been on a processor.
fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn resident_mb() -> f64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split_whitespace().nth(1).and_then(|pages| pages.parse::<f64>().ok()).unwrap_or(0.0) * 4.0 / 1024.0
}

/// Adds up the CPU time of one kind of work.
#[derive(Default)]
struct Clock(f64);

impl Clock {
    fn time<R>(&mut self, work: impl FnOnce() -> R) -> R {
        let began = cpu_s();
        let result = work();
        self.0 += cpu_s() - began;
        result
    }
}

/// Statistics with a history and a supply of samples.
struct Simulation {
    intake: Intake,
    history: History,
    draw: Draw,
    ids: Vec<EntryId>,
    times_us: Vec<u64>,
    samples: Vec<gregaria_stats::Sample>,
    drawn: Vec<Drawn>,
}

/// A sample as it is going to be recorded.
struct Drawn {
    id: EntryId,
    time_us: u32,
    failed: bool,
}

impl Simulation {
    fn new(names: u64) -> Self {
        let (mut stats, mut draw) = (Stats::new(START), Draw(88_172_645_463_325_252));
        stats.follow();
        let ids = (0..names).map(|at| stats.entry("GET", &format!("/products/{at}/reviews"), START)).collect();
        let times_us = (0..1 << 16).map(|_| draw.time_us()).collect();
        Self {
            intake: Intake::new(stats),
            history: History::default(),
            draw,
            ids,
            times_us,
            samples: Vec::new(),
            drawn: Vec::new(),
        }
    }

    /// Draw so many samples, one in a thousand a failure, so that recording them is measured without it.
    fn draw(&mut self, amount: u64) {
        self.drawn.clear();
        for _ in 0..amount {
            let drawn = self.draw.next();
            let id = self.ids[(drawn % self.ids.len() as u64) as usize];
            let time_us = self.times_us[(drawn >> 40) as usize % self.times_us.len()] as u32;
            self.drawn.push(Drawn { id, time_us, failed: drawn.is_multiple_of(1_009) });
        }
    }

    /// Record what was drawn within the second that begins at `now`.
    fn record(&mut self, now: f64) {
        let amount = self.drawn.len() as f64;
        for (at, drawn) in self.drawn.iter().enumerate() {
            let at = now + at as f64 / amount;
            self.intake.record(drawn.id, at, Some(drawn.time_us.into()), 612, None);
            if drawn.failed {
                self.intake.record_failure(drawn.id, at, "HTTPError('500 Server Error for url: /products')");
            }
        }
    }

    fn follow(&mut self, now: f64) {
        self.intake.settled().take_samples(&mut self.samples);
        self.history.take_in(&self.samples);
        self.history.close(now);
    }
}

fn cost(full_history: bool) {
    const SECONDS: u64 = 40;
    const RATE: u64 = 50_000;
    let folder = std::env::temp_dir().join(format!("gregaria-results-cost-{}", std::process::id()));
    let settings = CsvSettings { prefix: folder.join("r"), percentiles: PERCENTILES.to_vec(), full_history };
    let mut sink = CsvSink::new(settings);
    sink.start().expect("a temporary folder can be written");
    let mut simulation = Simulation::new(NAMES);
    if full_history {
        simulation.intake.settled().set_windows(Windows::Everybody, START);
    }
    let detail = Detail {
        percentiles: PERCENTILES.to_vec(),
        current_percentiles: full_history,
        errors: true,
        ..Detail::default()
    };
    let (mut snapshots, mut pace) = (Snapshots::new(detail.clone()), Pace::default());
    let [mut drawing, mut counting, mut history, mut taking, mut writing] = [(); 5].map(|()| Clock::default());
    let (mut longest_hold_s, mut snapshot_s, mut snapshot_cpu_s, mut whole) = (0.0_f64, 0.0_f64, 0.0_f64, 0);
    for second in 0..SECONDS {
        let now = START + second as f64;
        drawing.time(|| simulation.draw(RATE));
        counting.time(|| simulation.record(now));
        history.time(|| simulation.follow(now + 1.0));
        let due = pace.is_due(now);
        let (began, taken_before) = (Instant::now(), taking.0);
        let stats = simulation.intake.settled();
        let snapshot = taking.time(|| match due {
            true => snapshots.take(now + 1.0, |action| {
                let began = cpu_s();
                action(stats);
                longest_hold_s = longest_hold_s.max(cpu_s() - began);
            }),
            false => stats.totals(now + 1.0, &detail).into(),
        });
        if due {
            whole += 1;
            snapshot_s = snapshot_s.max(began.elapsed().as_secs_f64());
            snapshot_cpu_s = snapshot_cpu_s.max(taking.0 - taken_before);
            pace.took(now, began.elapsed());
        }
        let report = Report { stats: snapshot, whole: due, user_count: 100, exceptions: Vec::new() };
        writing.time(|| sink.snapshot(&report)).expect("a temporary file can be written");
    }
    std::fs::remove_dir_all(&folder).ok();
    let share = |clock: &Clock| clock.0 / SECONDS as f64 * 100.0;
    println!(
        "{{\"drawing_percent\": {:.2}, \"counting_percent\": {:.2}, \"history_percent\": {:.2}, \"snapshots_percent\": {:.2}, \"csv_percent\": {:.2}, \
         \"all_percent\": {:.2}, \"whole_tables\": {whole}, \"longest_hold_ms\": {:.2}, \"snapshot_ms\": {:.2}, \"snapshot_cpu_ms\": {:.2}, \"resident_mb\": {:.0}}}",
        share(&drawing),
        share(&counting),
        share(&history),
        share(&taking),
        share(&writing),
        [&counting, &history, &taking, &writing].map(share).iter().sum::<f64>(),
        longest_hold_s * 1e3,
        snapshot_s * 1e3,
        snapshot_cpu_s * 1e3,
        resident_mb()
    );
}

fn everything(simulation: &mut Simulation, now: f64) -> Everything {
    let (stats, history) = (simulation.intake.settled(), &simulation.history);
    let stats = &*stats;
    let tier = history.overview_tier();
    let of = |number: Option<u32>, entry: &Entry| {
        let (requests_per_second, failures_per_second) = stats.total_rates(entry);
        let series = number.map_or_else(Vec::new, |number| history.name(number, 0));
        let overview = number.map_or_else(Vec::new, |number| history.name_overview(number, tier));
        Measured { entry: entry.clone(), requests_per_second, failures_per_second, history: series, overview }
    };
    Everything {
        now,
        total: of(None, stats.total()),
        entries: stats.numbered_entries().map(|(number, entry)| of(Some(number), entry)).collect(),
        history: history.total(0),
        overview: history.total_overview(tier),
        users_peak: 100,
        failures: stats.errors().records().to_vec(),
        exceptions: Vec::new(),
        samples: Vec::new(),
        other_names: stats.other_requests(),
        history_lost: 0,
    }
}

fn write_result(path: &Path) {
    const SECONDS: u64 = 3_600;
    let mut simulation = Simulation::new(NAMES);
    for second in 0..SECONDS {
        let now = START + second as f64;
        simulation.draw(3_000);
        simulation.record(now);
        simulation.follow(now + 1.0);
    }
    let mut clock = Clock::default();
    clock.time(|| {
        let made = result::make(everything(&mut simulation, START + SECONDS as f64), ABOUT).expect("ABOUT is complete");
        result::write(path, &made).expect("the file can be written");
    });
    let [mut reading, mut reporting] = [(); 2].map(|()| Clock::default());
    let read = reading.time(|| result::read(path)).expect("what was written can be read");
    let page = reporting.time(|| gregaria_sinks::report::html(&read));
    println!(
        "{{\"result_s\": {:.2}, \"result_mb\": {:.1}, \"read_s\": {:.2}, \"report_s\": {:.2}, \"report_kb\": {:.0}}}",
        clock.0,
        std::fs::metadata(path).map_or(0.0, |it| it.len() as f64 / 1e6),
        reading.0,
        reporting.0,
        page.len() as f64 / 1e3
    );
}

/// Every second some names and failure texts that nobody has seen before.
fn soak() {
    const HOURS: u64 = 10;
    let mut simulation = Simulation::new(100);
    let mut resident = Vec::new();
    for second in 0..HOURS * 3_600 {
        let now = START + second as f64;
        for at in 0..5 {
            let id = simulation.intake.entry("GET", &format!("/new/{second}/{at}"), now);
            let time_us = simulation.draw.time_us();
            simulation.intake.record(id, now, Some(time_us), 612, None);
            simulation.intake.record_failure(id, now, &format!("no item {} at 10.0.{at}.7", simulation.draw.next()));
        }
        simulation.draw(300);
        simulation.record(now);
        simulation.follow(now + 1.0);
        if (second + 1) % 3_600 == 0 {
            resident.push(format!("{:.1}", resident_mb()));
        }
    }
    println!(
        "{{\"names\": {}, \"resident_mb_by_hour\": [{}]}}",
        simulation.intake.settled().numbered_entries().count(),
        resident.join(", ")
    );
}

/// The mean of many snapshots, without anything else.
fn snapshots_only(full: bool) {
    let mut simulation = Simulation::new(NAMES);
    if full {
        simulation.intake.settled().set_windows(Windows::Everybody, START);
    }
    let detail =
        Detail { percentiles: PERCENTILES.to_vec(), errors: true, current_percentiles: full, ..Detail::default() };
    let mut snapshots = Snapshots::new(detail.clone());
    for second in 0..40 {
        simulation.draw(50_000);
        simulation.record(START + second as f64);
        simulation.follow(START + second as f64 + 1.0);
    }
    let mut clock = Clock::default();
    for round in 0..100 {
        for id in &simulation.ids {
            simulation.intake.record(*id, START + 41.0, Some(20_000 + round), 612, None);
        }
        let stats = simulation.intake.settled();
        clock.time(|| snapshots.take(START + 42.0, |action| action(stats)));
    }
    println!("{:.2} ms", clock.0 * 10.0);
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["cost"] => cost(false),
        ["cost", "full"] => cost(true),
        ["result", path] => write_result(Path::new(path)),
        ["soak"] => soak(),
        ["snapshots"] => snapshots_only(false),
        ["snapshots", "full"] => snapshots_only(true),
        _ => eprintln!("results_cost cost [full] | snapshots [full] | result FILE | soak"),
    }
}
