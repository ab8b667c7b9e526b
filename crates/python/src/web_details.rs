//! Samples and phases for the web server, looked up on one of its threads without Python.

use std::sync::Arc;

use gregaria_sinks::result;
use gregaria_stats::{Entry, EntryId, Phase, Phases};
use gregaria_web::details::{Details, Of, PhaseSummary, PhasesMessage, PhasesOf, SamplesMessage};

use crate::stats::Shared;

/// So many entries are looked at under one lock.
const ENTRIES_AT_ONCE: usize = 32;

/// Statistics that are looked at when somebody asks.
pub struct Looked(pub Arc<Shared>);

impl Details for Looked {
    fn samples(&self, of: &Of) -> SamplesMessage {
        let (kept, kept_of_each) = self.0.look(|stats| (stats.kept_samples(), stats.samples().most()));
        let mut asked: Vec<_> = kept
            .iter()
            .filter(|(_, sample)| {
                let exchange = &sample.exchange;
                of.is(&exchange.method, &exchange.name) && of.is_error(exchange.error.as_deref())
            })
            .collect();
        let more = asked.len().saturating_sub(of.limit);
        asked.truncate(of.limit);
        let samples = asked.into_iter().map(|(why, sample)| result::exchange(*why, &sample.exchange)).collect();
        SamplesMessage { samples, more, kept_of_each }
    }

    fn phases(&self, of: &Of) -> PhasesMessage {
        let (total, mut asked) = self.0.look(|stats| {
            let known = stats.numbered_entries().filter(|(_, entry)| entry.phases().is_some());
            let asked = known.filter(|(_, entry)| of.is(entry.method(), entry.name()));
            let numbers: Vec<_> = asked.map(|(number, entry)| (entry.num_requests(), number)).collect();
            (copied(stats.total()), numbers)
        });
        asked.sort_unstable_by(|a, b| b.cmp(a));
        let more = asked.len().saturating_sub(of.limit);
        asked.truncate(of.limit);
        let mut entries = Vec::with_capacity(asked.len());
        for some in asked.chunks(ENTRIES_AT_ONCE) {
            let copies: Vec<_> = self.0.look(|stats| {
                let entry = |number| stats.get(EntryId::from_index(number)).and_then(copied);
                some.iter().filter_map(|(_, number)| entry(*number)).collect()
            });
            entries.extend(copies.into_iter().map(summed_up));
        }
        PhasesMessage { total: total.map(summed_up), entries, more }
    }
}

/// Method, name, requests, and where their time went.
type Copied = (Arc<str>, Arc<str>, u64, Box<Phases>);

fn copied(entry: &Entry) -> Option<Copied> {
    let phases = Box::new(entry.phases()?.clone());
    Some((entry.method().clone(), entry.name().clone(), entry.num_requests(), phases))
}

fn summed_up((method, name, requests, phases): Copied) -> PhasesOf {
    let each = |phase: Phase| {
        let times = phases.times(phase);
        let at = |p| times.histogram.percentile(p).map(|us| us as f64 / 1_000.0);
        Some(PhaseSummary {
            phase: phase.name(),
            count: times.histogram.len(),
            total_ms: times.total_us as f64 / 1_000.0,
            p50_ms: at(0.5)?,
            p95_ms: at(0.95)?,
            p99_ms: at(0.99)?,
            max_ms: at(1.0)?,
        })
    };
    PhasesOf {
        method: method.to_string(),
        name: name.to_string(),
        requests,
        reused_connections: phases.reused,
        new_connections: phases.opened,
        phases: Phase::ALL.into_iter().filter_map(each).collect(),
    }
}
