//! Reports of workers: in Locust's form, in our own form, and what is inside the latter's compression.
//!
//! The first byte says which. What can be read is merged, twice, and looked at as outputs look at it.

use gregaria_cluster::report::{Counted, Report, Unpacker, fine};
use gregaria_stats::history::Plan;
use gregaria_stats::{Detail, History, Stats};

pub fn run(data: &[u8]) {
    let Some((form, bytes)) = data.split_first() else { return };
    let mut unpacker = Unpacker::default();
    let fine = match form % 3 {
        0 => {
            if let Ok(report) = Report::decode(bytes, &mut unpacker) {
                merge(report.counted);
            }
            return;
        }
        1 => unpacker.unpack(bytes),
        _ => unpacker.unpack(&zstd::bulk::compress(bytes, 1).expect("memory is all that it takes")),
    };
    if let Ok(fine) = fine {
        merge(Counted::Fine(fine));
    }
}

fn merge(mut counted: Counted<'_>) {
    let mut stats = Stats::new(100.0);
    stats.follow();
    counted.merge_into(&mut stats, 101.0);
    counted.shift(-3.5);
    counted.merge_into(&mut stats, 102.0);
    let detail = Detail { percentiles: vec![0.5, 0.99, 1.0], current_percentiles: true, errors: true, phases: true };
    let snapshot = stats.snapshot(103.0, &detail);
    assert_eq!(snapshot.entries.len(), stats.entries().count());
    let mut samples = Vec::new();
    stats.take_samples(&mut samples);
    let mut history = History::new(Plan::default());
    history.take_in(&samples);
    history.close(104.0);
    let again = stats.take(105.0);
    Unpacker::default().unpack(&fine::encode(&again)).expect("what a node has merged it can send on");
}
