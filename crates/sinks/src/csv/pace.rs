//! How often the tables of all names are taken and written: once a second, and less often where they are long.

use std::time::Duration;

/// Of the hub's time, taking them may cost one part in so many.
const SHARE: u32 = 200;
/// They are never older than this.
const LONGEST: Duration = Duration::from_secs(10);

/// Says when the next report has to be a whole one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    due: f64,
}

impl Pace {
    /// Whether it is time, at `now` seconds since the epoch.
    pub fn is_due(&self, now: f64) -> bool {
        now >= self.due
    }

    /// A whole report was taken at `now`, and taking it took so long.
    pub fn took(&mut self, now: f64, time: Duration) {
        self.due = now + (time * SHARE).min(LONGEST).as_secs_f64();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tables_every_second_and_long_ones_less_often() {
        let mut pace = Pace::default();
        assert!(pace.is_due(100.0));
        pace.took(100.0, Duration::from_micros(200));
        assert!(pace.is_due(101.0));
        pace.took(101.0, Duration::from_millis(20));
        assert!(!pace.is_due(104.9) && pace.is_due(105.1));
        pace.took(105.0, Duration::from_secs(60));
        assert!(!pace.is_due(114.9) && pace.is_due(115.1));
    }
}
