//! [`ShapeDriver`]: what the ticks of a load shape mean for the runner, and when the next one is due.
//!
//! ```text
//! tick -> (10, 2)   start(10, 2)     about one second
//! tick -> (10, 2)   nothing          about one second
//! tick -> (20, 5)   start(20, 5)     (a ramp that is under way is replaced)
//! tick -> None      stop, or quit when headless
//! ```

use crate::runner::State;

/// Seconds from one tick to the next.
const TICK_INTERVAL: f64 = 1.0;

/// Which classes a tick asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A tuple of two: nothing was said.
    Unsaid,
    /// A third element of `None`.
    Unchanged,
    /// These, by name.
    Only(Vec<String>),
}

/// What a shape's `tick()` has returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// As the shape gave it; parts of users do not count.
    pub users: f64,
    /// Users per second.
    pub rate: f64,
    pub classes: Choice,
}

/// What to do about a tick.
#[derive(Clone, Debug, PartialEq)]
pub enum ShapeAction {
    /// As before.
    Keep,
    /// Write this line and start towards these numbers.
    Start(String),
    /// The shape has ended the test.
    End,
}

/// Follows one shape through a test.
#[derive(Debug, Default)]
pub struct ShapeDriver {
    last: Option<Tick>,
}

impl ShapeDriver {
    /// A driver that has seen no tick.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the shape is asked (again) in this state.
    pub fn goes_on(state: State) -> bool {
        matches!(state, State::Ready | State::Spawning | State::Running)
    }

    /// The shape has ticked.
    pub fn tick(&mut self, tick: Option<Tick>) -> ShapeAction {
        let Some(tick) = tick else {
            self.last = None;
            return ShapeAction::End;
        };
        if self.last.as_ref() == Some(&tick) {
            return ShapeAction::Keep;
        }
        let line = format!("Shape test updating to {} users at {:.2} spawn rate", tick.users.trunc(), tick.rate);
        self.last = Some(tick);
        ShapeAction::Start(line)
    }

    /// The next tick counts as new, whatever it is.
    pub fn forget(&mut self) {
        self.last = None;
    }

    /// Seconds to the next tick when this one took so long.
    pub fn pause(taken: f64) -> f64 {
        (TICK_INTERVAL - taken).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(users: f64, rate: f64) -> Option<Tick> {
        Some(Tick { users, rate, classes: Choice::Unsaid })
    }

    #[test]
    fn only_a_changed_tick_starts() {
        let mut shape = ShapeDriver::new();
        let started = ShapeAction::Start("Shape test updating to 10 users at 2.50 spawn rate".to_owned());
        assert_eq!(shape.tick(tick(10.0, 2.5)), started);
        assert_eq!(shape.tick(tick(10.0, 2.5)), ShapeAction::Keep);
        assert!(matches!(shape.tick(tick(10.0, 3.0)), ShapeAction::Start(_)));
        assert!(matches!(shape.tick(tick(11.0, 3.0)), ShapeAction::Start(_)));
        let unchanged = Some(Tick { users: 11.0, rate: 3.0, classes: Choice::Unchanged });
        assert!(matches!(shape.tick(unchanged), ShapeAction::Start(_)));
        shape.forget();
        assert_eq!(shape.tick(tick(10.0, 2.5)), started);
    }

    #[test]
    fn the_end_forgets_the_last_tick() {
        let mut shape = ShapeDriver::new();
        shape.tick(tick(1.0, 1.0));
        assert_eq!(shape.tick(None), ShapeAction::End);
        assert!(matches!(shape.tick(tick(1.0, 1.0)), ShapeAction::Start(_)));
    }

    #[test]
    fn parts_of_users_are_not_shown() {
        let line = "Shape test updating to 7 users at 0.33 spawn rate".to_owned();
        assert_eq!(ShapeDriver::new().tick(tick(7.9, 1.0 / 3.0)), ShapeAction::Start(line));
    }

    #[test]
    fn asked_while_a_test_is_on() {
        let on: Vec<State> = State::ALL.into_iter().filter(|&state| ShapeDriver::goes_on(state)).collect();
        assert_eq!(on, [State::Ready, State::Spawning, State::Running]);
    }

    #[test]
    fn ticks_are_a_second_apart() {
        assert_eq!(ShapeDriver::pause(0.25), 0.75);
        assert_eq!(ShapeDriver::pause(4.0), 0.0);
    }
}
