//! The books of the engine: every request that was started ends in exactly one of three ways or is still in flight.
//! Counters only; whoever starts and ends requests calls them, nobody else.

/// Counts of requests by how they ended.
///
/// The law: `started == succeeded + failed + aborted + in_flight`, at every moment.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Accounting {
    started: u64,
    succeeded: u64,
    failed: u64,
    aborted: u64,
}

impl Accounting {
    /// A request was handed to the engine.
    pub fn start(&mut self) {
        self.started += 1;
    }

    /// A started request ended and counts as a success.
    pub fn succeed(&mut self) {
        self.succeeded += 1;
    }

    /// A started request ended and counts as a failure.
    pub fn fail(&mut self) {
        self.failed += 1;
    }

    /// A started request was given up before it ended, for example because its user was stopped.
    pub fn abort(&mut self) {
        self.aborted += 1;
    }

    pub fn started(&self) -> u64 {
        self.started
    }

    pub fn succeeded(&self) -> u64 {
        self.succeeded
    }

    pub fn failed(&self) -> u64 {
        self.failed
    }

    pub fn aborted(&self) -> u64 {
        self.aborted
    }

    /// Requests started and not ended yet.
    pub fn in_flight(&self) -> u64 {
        self.started.saturating_sub(self.succeeded + self.failed + self.aborted)
    }

    /// Whether the law holds, which fails only if more requests ended than were started.
    pub fn balances(&self) -> bool {
        self.started >= self.succeeded + self.failed + self.aborted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn nothing_started_is_lost(endings in proptest::collection::vec(0u8..4, 0..200)) {
            let mut books = Accounting::default();
            let mut open = 0;
            for ending in endings {
                books.start();
                match ending {
                    0 => books.succeed(),
                    1 => books.fail(),
                    2 => books.abort(),
                    _ => open += 1,
                }
                prop_assert!(books.balances());
                prop_assert_eq!(books.in_flight(), open);
                prop_assert_eq!(
                    books.started(),
                    books.succeeded() + books.failed() + books.aborted() + books.in_flight()
                );
            }
        }
    }

    #[test]
    fn more_endings_than_starts_is_seen() {
        let mut books = Accounting::default();
        books.fail();
        assert!(!books.balances());
        assert_eq!(books.in_flight(), 0);
    }
}
