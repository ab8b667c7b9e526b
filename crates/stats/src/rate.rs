//! Requests and failures per second of the last half minute, in fixed memory.
//! Seconds are whole seconds since the epoch, given by the caller; older ones are forgotten.

/// How many seconds are remembered.
pub const SECONDS: usize = 32;

/// A ring of per-second counters that ends at the latest second seen.
///
/// ```text
///   latest-31 ............ latest      a second further on forgets the oldest;
///   [ n | n | n | ... | n | n ]        a clock set back by more than the ring starts it afresh
/// ```
#[derive(Debug, Clone)]
pub struct PerSecond {
    latest: Option<i64>,
    requests: [u32; SECONDS],
    failures: [u32; SECONDS],
}

impl Default for PerSecond {
    fn default() -> Self {
        Self { latest: None, requests: [0; SECONDS], failures: [0; SECONDS] }
    }
}

#[inline]
fn slot(second: i64) -> usize {
    second.rem_euclid(SECONDS as i64) as usize
}

impl PerSecond {
    #[inline]
    fn reach(&mut self, second: i64) {
        if self.latest != Some(second) {
            self.turn(second);
        }
    }

    fn turn(&mut self, second: i64) {
        let span = SECONDS as i64;
        let latest = self.latest.unwrap_or(i64::MIN / 2);
        if second <= latest && second > latest - span {
            return;
        }
        if second <= latest || second - latest >= span {
            *self = Self::default();
        } else {
            for passed in latest + 1..=second {
                self.requests[slot(passed)] = 0;
                self.failures[slot(passed)] = 0;
            }
        }
        self.latest = Some(second);
    }

    /// Count a request.
    #[inline]
    pub fn request(&mut self, second: i64) {
        self.reach(second);
        self.requests[slot(second)] += 1;
    }

    /// Something of what counting a request of this second reads first.
    #[inline]
    pub(crate) fn cell(&self, second: i64) -> u64 {
        u64::from(self.requests[slot(second)]) ^ self.latest.unwrap_or(0) as u64
    }

    /// Something of each of its cache lines.
    #[inline]
    pub(crate) fn all_cells(&self) -> u64 {
        let some = self.requests.iter().chain(&self.failures).step_by(64 / size_of::<u32>());
        some.fold(0, |all, count| all ^ u64::from(*count))
    }

    /// Count a failure.
    pub fn failure(&mut self, second: i64) {
        self.reach(second);
        self.failures[slot(second)] += 1;
    }

    /// Add counts of one second, from a peer or from another entry.
    pub fn add(&mut self, second: i64, requests: u32, failures: u32) {
        if self.latest.is_none_or(|latest| second > latest - SECONDS as i64) {
            self.reach(second);
            let slot = slot(second);
            self.requests[slot] = self.requests[slot].saturating_add(requests);
            self.failures[slot] = self.failures[slot].saturating_add(failures);
        }
    }

    /// Requests and failures of one second, 0 if none or forgotten.
    pub fn at(&self, second: i64) -> (u32, u32) {
        match self.latest {
            Some(latest) if second <= latest && second > latest - SECONDS as i64 => {
                (self.requests[slot(second)], self.failures[slot(second)])
            }
            _ => (0, 0),
        }
    }

    /// The remembered seconds in which something was counted, ascending: (second, requests, failures).
    pub fn seconds(&self) -> impl Iterator<Item = (i64, u32, u32)> + Clone {
        let latest = self.latest.unwrap_or(0);
        (latest - SECONDS as i64 + 1..=latest)
            .map(|second| (second, self.at(second)))
            .filter(|(_, counts)| *counts != (0, 0))
            .map(|(second, (requests, failures))| (second, requests, failures))
    }

    /// Mean requests and failures per second over `from..=to`, (0, 0) if that span is empty.
    pub fn mean(&self, from: i64, to: i64) -> (f64, f64) {
        let seconds = (to - from + 1).max(0);
        let (requests, failures) = (from..from + seconds)
            .map(|second| self.at(second))
            .fold((0, 0), |sum, counts| (sum.0 + u64::from(counts.0), sum.1 + u64::from(counts.1)));
        let divisor = seconds.max(1) as f64;
        (requests as f64 / divisor, failures as f64 / divisor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_is_older_than_the_ring() {
        let mut rates = PerSecond::default();
        for second in 100..200 {
            rates.request(second);
        }
        assert_eq!(rates.at(199), (1, 0));
        assert_eq!(rates.at(168), (1, 0));
        assert_eq!(rates.at(167), (0, 0));
        assert_eq!(rates.seconds().count(), SECONDS);
        rates.request(400);
        assert_eq!(rates.seconds().collect::<Vec<_>>(), [(400, 1, 0)]);
    }

    #[test]
    fn counts_late_seconds_and_survives_a_clock_set_back() {
        let mut rates = PerSecond::default();
        rates.request(100);
        rates.failure(95);
        assert_eq!(rates.seconds().collect::<Vec<_>>(), [(95, 0, 1), (100, 1, 0)]);
        rates.request(10);
        assert_eq!(rates.seconds().collect::<Vec<_>>(), [(10, 1, 0)]);
    }

    #[test]
    fn mean_is_over_seconds_not_over_requests() {
        let mut rates = PerSecond::default();
        for second in [100, 100, 100, 104] {
            rates.request(second);
        }
        assert_eq!(rates.mean(100, 103), (0.75, 0.0));
        assert_eq!(rates.mean(100, 99), (0.0, 0.0));
    }
}
