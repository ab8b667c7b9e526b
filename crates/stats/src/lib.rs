//! What happened: histograms, entries per (name, method), failures, rates, percentiles and snapshots.
//!
//! Pure: takes `now` (seconds since the epoch) as an argument, never reads a clock, a file or a socket, and imports
//! nothing of ours. Response times are whole microseconds here; milliseconds exist only where they are shown.

pub mod bucket;
pub mod compare;
mod encoding;
pub mod entry;
pub mod errors;
pub mod histogram;
pub mod history;
pub mod increment;
pub mod intake;
pub mod journal;
pub mod patterns;
pub mod phases;
pub mod rate;
pub mod request_stats;
pub mod samples;
pub mod snapshot;
pub mod thresholds;
pub mod transfer;
pub mod window;

pub use entry::Entry;
pub use errors::{ErrorRecord, error_key, mask_address};
pub use histogram::Histogram;
pub use history::History;
pub use increment::{Figures, Increment, PhaseIncrement};
pub use intake::Intake;
pub use journal::Sample;
pub use phases::{Phase, PhaseSample, PhaseTimes, Phases};
pub use request_stats::{EntryId, MOST_WINDOWS, Stats, TooManyNames, Windows};
pub use samples::{Exchange, Redaction};
pub use snapshot::{Detail, ErrorRow, Row, Snapshot, Snapshots};
pub use transfer::Taken;
