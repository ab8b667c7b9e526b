//! Reports of workers: in Locust's form, in our own form, and what is inside the latter's compression.
//!
//! The first byte says which. What can be read is merged, twice, and looked at as outputs look at it.

use std::cell::RefCell;

use gregaria_cluster::report::{Counted, Report, Unpacker, fine};
use gregaria_stats::{Detail, Stats};
use zstd::bulk::Compressor;

thread_local! {
    // Making these takes longer than all the rest.
    static TOOLS: RefCell<(Unpacker, Compressor<'static>)> =
        RefCell::new((Unpacker::default(), Compressor::new(1).expect("memory is all that it takes")));
}

pub fn run(data: &[u8]) {
    let Some((form, bytes)) = data.split_first() else { return };
    TOOLS.with_borrow_mut(|(unpacker, compressor)| {
        let counted = match form % 3 {
            0 => Report::decode(bytes, unpacker).ok().map(|report| report.counted),
            1 => unpacker.unpack(bytes).ok().map(Counted::Fine),
            _ => {
                let packed = compressor.compress(bytes).expect("memory is all that it takes");
                unpacker.unpack(&packed).ok().map(Counted::Fine)
            }
        };
        if let Some(again) = counted.map(merge) {
            unpacker.unpack(&again).expect("what a node has merged it can send on");
        }
    });
}

/// What a node that has merged this sends on.
fn merge(mut counted: Counted<'_>) -> Vec<u8> {
    let mut stats = Stats::new(100.0);
    stats.follow();
    counted.merge_into(&mut stats, 101.0);
    counted.shift(-3.5);
    counted.merge_into(&mut stats, 102.0);
    let detail = Detail { percentiles: vec![0.5, 0.99, 1.0], current_percentiles: true, errors: true, phases: true };
    let snapshot = stats.snapshot(103.0, &detail);
    assert_eq!(snapshot.entries.len(), stats.entries().count());
    stats.take_samples(&mut Vec::new());
    fine::encode(&stats.take(105.0))
}
