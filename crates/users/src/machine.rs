//! One virtual user as a state machine: which hook or task runs next, when the user waits, how it ends.
//!
//! Pure: it knows no Python object, no clock and no greenlet. A driver carries out each [`Step`] and reports how that
//! went as an [`Outcome`]. Nested TaskSets are levels of the machine, not recursion; level 1 is the user itself.
//!
//! ```text
//!   StartUser ─▶ Pick ─▶ Execute ─▶ Wait ─▶ Pick …          one level
//!                          │ enter()
//!                          ▼
//!                      StartSet ─▶ Pick ─▶ Execute ─▶ …     the next level
//!                                              │ interrupt
//!                                              ▼
//!                                           StopSet ─▶ back in the level above
//! ```

/// Control flow that user code asks for by raising one of Locust's exceptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// `StopUser`: this user ends.
    StopUser,
    /// `StopTest`: raised inside a task it ends this user, like `StopUser`.
    StopTest,
    /// `GreenletExit`: the user is killed.
    Exit,
    /// `InterruptTaskSet`: leave the innermost set; the set above waits first unless `reschedule`.
    Interrupt { reschedule: bool },
    /// `RescheduleTask`: wait, then the next task.
    Reschedule,
    /// `RescheduleTaskImmediately`: the next task at once.
    RescheduleNow,
}

/// How a step went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Returned,
    Control(Control),
    /// Any other exception; the driver keeps it for the report.
    Failed,
}

/// What the driver has to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Call the user's `on_start`.
    StartUser,
    /// Call `on_start` of the innermost set.
    StartSet,
    /// Make sure that the innermost set has a task to run.
    Pick,
    /// Run that task; if it is a TaskSet, create it and call [`UserMachine::enter`].
    Execute,
    /// Tell the innermost set's listeners and log about the exception just seen. `Returned` if it ends there.
    Report,
    /// Wait as the innermost set says.
    Wait,
    /// Call `on_stop` of the innermost set; what it raises is the driver's to log, other than what ends the user.
    StopSet,
    /// Call the user's `on_stop`.
    StopUser,
    /// The user is over.
    Done(End),
}

/// How a user ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Stopped or killed, and `on_stop` was called.
    Stopped,
    /// An outcome that nothing handles left the user.
    Died(Outcome),
}

/// A user's state as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Waiting,
    Stopping,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Created,
    StartingUser,
    StartingSet,
    Picking,
    Executing,
    Reporting,
    Waiting,
    WaitingAfterError,
    StoppingSet { then: Control },
    StoppingUser,
    Over,
}

/// See the module's text.
#[derive(Debug)]
pub struct UserMachine {
    phase: Phase,
    depth: u32,
    stopping: bool,
    /// A lone set (a direct call of `TaskSet.run`) has no user above it: what leaves it is the caller's.
    lone_set: bool,
}

impl Default for UserMachine {
    fn default() -> Self {
        Self::new()
    }
}

impl UserMachine {
    /// A user that has not started.
    pub fn new() -> Self {
        UserMachine { phase: Phase::Created, depth: 0, stopping: false, lone_set: false }
    }

    /// A single TaskSet, driven on its own.
    pub fn of_set() -> Self {
        UserMachine { lone_set: true, ..Self::new() }
    }

    /// The first step.
    pub fn start(&mut self) -> Step {
        if self.lone_set {
            return self.enter();
        }
        self.phase = Phase::StartingUser;
        Step::StartUser
    }

    /// The executed task turned out to be a TaskSet, which is now the innermost.
    pub fn enter(&mut self) -> Step {
        self.depth += 1;
        self.phase = Phase::StartingSet;
        Step::StartSet
    }

    /// Levels entered: 0 before the user has started, 1 in its own tasks, one more for each nested set.
    pub fn depth(&self) -> usize {
        self.depth as usize
    }

    /// The user's state, or `None` before its start.
    pub fn state(&self) -> Option<State> {
        match self.phase {
            Phase::Created => None,
            _ if self.stopping => Some(State::Stopping),
            Phase::Waiting | Phase::WaitingAfterError => Some(State::Waiting),
            _ => Some(State::Running),
        }
    }

    /// Ask the user to stop after the task it is running.
    pub fn request_stop(&mut self) {
        self.stopping = true;
    }

    /// Take in how the last step went; returns the next one.
    pub fn advance(&mut self, outcome: Outcome) -> Step {
        match self.phase {
            Phase::StartingUser => self.user_started(outcome),
            Phase::StartingSet => self.set_started(outcome),
            Phase::Picking => match outcome {
                Outcome::Returned if self.stopping => self.caught(Control::StopUser),
                Outcome::Returned => {
                    self.phase = Phase::Executing;
                    Step::Execute
                }
                other => self.raised(other),
            },
            Phase::Executing => self.executed(outcome),
            Phase::Waiting => match outcome {
                Outcome::Returned if self.stopping => self.caught(Control::StopUser),
                Outcome::Returned => self.pick(),
                other => self.raised(other),
            },
            Phase::Reporting => match outcome {
                Outcome::Returned if self.stopping => self.leave(Outcome::Control(Control::StopUser)),
                Outcome::Returned => {
                    self.phase = Phase::WaitingAfterError;
                    Step::Wait
                }
                other => self.leave(other),
            },
            // What ends this wait leaves the set without its on_stop, as in Locust.
            Phase::WaitingAfterError => match outcome {
                Outcome::Returned if self.stopping => self.leave(Outcome::Control(Control::StopUser)),
                Outcome::Returned => self.pick(),
                other => self.leave(other),
            },
            // Only what ends the user gets out of a set's on_stop.
            Phase::StoppingSet { then } => match outcome {
                Outcome::Control(end @ (Control::StopUser | Control::StopTest | Control::Exit)) => {
                    self.leave(Outcome::Control(end))
                }
                _ => self.leave(Outcome::Control(then)),
            },
            Phase::StoppingUser => {
                self.phase = Phase::Over;
                Step::Done(match outcome {
                    Outcome::Returned | Outcome::Control(Control::Exit) => End::Stopped,
                    other => End::Died(other),
                })
            }
            Phase::Created | Phase::Over => Step::Done(End::Stopped),
        }
    }

    fn pick(&mut self) -> Step {
        self.phase = Phase::Picking;
        Step::Pick
    }

    fn user_started(&mut self, outcome: Outcome) -> Step {
        match outcome {
            Outcome::Returned => {
                self.depth = 1;
                self.pick()
            }
            other => self.user_left(other),
        }
    }

    fn set_started(&mut self, outcome: Outcome) -> Step {
        match outcome {
            Outcome::Returned => self.pick(),
            Outcome::Control(Control::Interrupt { reschedule }) => self.leave(after_interrupt(reschedule)),
            other => self.leave(other),
        }
    }

    fn executed(&mut self, outcome: Outcome) -> Step {
        match outcome {
            Outcome::Control(Control::RescheduleNow) => self.pick(),
            Outcome::Returned | Outcome::Control(Control::Reschedule) if self.stopping => {
                self.caught(Control::StopUser)
            }
            Outcome::Returned | Outcome::Control(Control::Reschedule) => {
                self.phase = Phase::Waiting;
                Step::Wait
            }
            other => self.raised(other),
        }
    }

    /// Something other than a return came out of picking, executing or waiting.
    fn raised(&mut self, outcome: Outcome) -> Step {
        match outcome {
            Outcome::Control(
                control @ (Control::StopUser | Control::StopTest | Control::Exit | Control::Interrupt { .. }),
            ) => self.caught(control),
            _ => {
                self.phase = Phase::Reporting;
                Step::Report
            }
        }
    }

    /// A control that ends the innermost set, after its `on_stop`.
    fn caught(&mut self, control: Control) -> Step {
        let then = match control {
            Control::Interrupt { reschedule: true } => Control::RescheduleNow,
            Control::Interrupt { reschedule: false } => Control::Reschedule,
            other => other,
        };
        if self.depth == 1 && !self.lone_set {
            return self.leave(Outcome::Control(then));
        }
        self.phase = Phase::StoppingSet { then };
        Step::StopSet
    }

    /// The innermost set is left with `outcome`, which the level above sees as that of its task.
    fn leave(&mut self, outcome: Outcome) -> Step {
        self.depth -= 1;
        if self.depth == 0 {
            return self.user_left(outcome);
        }
        self.phase = Phase::Executing;
        self.executed(outcome)
    }

    fn user_left(&mut self, outcome: Outcome) -> Step {
        match outcome {
            Outcome::Control(Control::StopUser | Control::StopTest | Control::Exit) if !self.lone_set => {
                self.phase = Phase::StoppingUser;
                Step::StopUser
            }
            other => {
                self.phase = Phase::Over;
                Step::Done(End::Died(other))
            }
        }
    }
}

fn after_interrupt(reschedule: bool) -> Outcome {
    Outcome::Control(if reschedule { Control::RescheduleNow } else { Control::Reschedule })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OK: Outcome = Outcome::Returned;

    fn raise(control: Control) -> Outcome {
        Outcome::Control(control)
    }

    /// A user in its first task.
    fn in_task() -> UserMachine {
        let mut machine = UserMachine::new();
        assert_eq!(machine.start(), Step::StartUser);
        assert_eq!(machine.advance(OK), Step::Pick);
        assert_eq!(machine.advance(OK), Step::Execute);
        machine
    }

    /// A user in the first task of a nested set.
    fn in_nested_task() -> UserMachine {
        let mut machine = in_task();
        assert_eq!(machine.enter(), Step::StartSet);
        assert_eq!(machine.advance(OK), Step::Pick);
        assert_eq!(machine.advance(OK), Step::Execute);
        assert_eq!(machine.depth(), 2);
        machine
    }

    #[test]
    fn tasks_and_waits_alternate() {
        let mut machine = in_task();
        assert_eq!(machine.state(), Some(State::Running));
        assert_eq!(machine.advance(OK), Step::Wait);
        assert_eq!(machine.state(), Some(State::Waiting));
        assert_eq!(machine.advance(OK), Step::Pick);
        assert_eq!(machine.advance(OK), Step::Execute);
        assert_eq!(machine.advance(raise(Control::RescheduleNow)), Step::Pick);
        assert_eq!(machine.advance(OK), Step::Execute);
        assert_eq!(machine.advance(raise(Control::Reschedule)), Step::Wait);
    }

    #[test]
    fn interrupt_leaves_a_nested_set_and_the_parent_goes_on_at_once() {
        let mut machine = in_nested_task();
        assert_eq!(machine.advance(raise(Control::Interrupt { reschedule: true })), Step::StopSet);
        assert_eq!(machine.advance(OK), Step::Pick);
        assert_eq!(machine.depth(), 1);
    }

    #[test]
    fn interrupt_without_reschedule_makes_the_parent_wait() {
        let mut machine = in_nested_task();
        assert_eq!(machine.advance(raise(Control::Interrupt { reschedule: false })), Step::StopSet);
        assert_eq!(machine.advance(Outcome::Failed), Step::Wait);
        assert_eq!(machine.depth(), 1);
    }

    #[test]
    fn interrupt_in_a_task_of_the_user_itself_kills_the_user_without_on_stop() {
        let mut machine = in_task();
        let end = machine.advance(raise(Control::Interrupt { reschedule: true }));
        assert_eq!(end, Step::Done(End::Died(raise(Control::RescheduleNow))));
    }

    #[test]
    fn stop_user_calls_every_on_stop_from_the_inside_out() {
        let mut machine = in_nested_task();
        machine.enter();
        machine.advance(OK);
        machine.advance(OK);
        assert_eq!(machine.depth(), 3);
        assert_eq!(machine.advance(raise(Control::StopUser)), Step::StopSet);
        assert_eq!(machine.advance(OK), Step::StopSet);
        assert_eq!(machine.depth(), 2);
        assert_eq!(machine.advance(OK), Step::StopUser);
        assert_eq!(machine.advance(OK), Step::Done(End::Stopped));
    }

    #[test]
    fn an_error_is_reported_and_followed_by_the_wait() {
        let mut machine = in_task();
        assert_eq!(machine.advance(Outcome::Failed), Step::Report);
        assert_eq!(machine.advance(OK), Step::Wait);
        assert_eq!(machine.advance(OK), Step::Pick);
    }

    #[test]
    fn an_error_that_is_not_to_be_caught_kills_the_user_without_on_stop() {
        let mut machine = in_nested_task();
        assert_eq!(machine.advance(Outcome::Failed), Step::Report);
        assert_eq!(machine.advance(Outcome::Failed), Step::Report);
        assert_eq!(machine.advance(Outcome::Failed), Step::Done(End::Died(Outcome::Failed)));
    }

    #[test]
    fn a_stop_in_the_wait_after_an_error_skips_that_sets_on_stop() {
        let mut machine = in_nested_task();
        machine.advance(Outcome::Failed);
        assert_eq!(machine.advance(OK), Step::Wait);
        assert_eq!(machine.advance(raise(Control::Exit)), Step::StopUser);
    }

    #[test]
    fn only_what_ends_the_user_gets_out_of_a_sets_on_stop() {
        for (raised, seen_above) in [
            (raise(Control::StopUser), Step::StopUser),
            (raise(Control::Exit), Step::StopUser),
            (raise(Control::Interrupt { reschedule: true }), Step::Wait),
            (raise(Control::RescheduleNow), Step::Wait),
            (Outcome::Failed, Step::Wait),
        ] {
            let mut machine = in_nested_task();
            machine.advance(raise(Control::Interrupt { reschedule: false }));
            assert_eq!(machine.advance(raised), seen_above, "{raised:?}");
        }
    }

    #[test]
    fn a_wait_that_fails_twice_ends_the_user() {
        let mut machine = in_task();
        assert_eq!(machine.advance(OK), Step::Wait);
        assert_eq!(machine.advance(Outcome::Failed), Step::Report);
        assert_eq!(machine.advance(OK), Step::Wait);
        assert_eq!(machine.advance(Outcome::Failed), Step::Done(End::Died(Outcome::Failed)));
    }

    #[test]
    fn a_graceful_stop_lets_the_task_finish() {
        let mut machine = in_nested_task();
        machine.request_stop();
        assert_eq!(machine.state(), Some(State::Stopping));
        assert_eq!(machine.advance(OK), Step::StopSet);
        assert_eq!(machine.advance(OK), Step::StopUser);
    }

    #[test]
    fn a_graceful_stop_during_on_start_runs_no_task() {
        let mut machine = UserMachine::new();
        machine.start();
        machine.request_stop();
        assert_eq!(machine.advance(OK), Step::Pick);
        assert_eq!(machine.advance(OK), Step::StopUser);
    }

    #[test]
    fn on_start_of_the_user_that_fails_ends_it_without_on_stop() {
        let mut machine = UserMachine::new();
        machine.start();
        assert_eq!(machine.advance(Outcome::Failed), Step::Done(End::Died(Outcome::Failed)));
        let mut machine = UserMachine::new();
        machine.start();
        assert_eq!(machine.advance(raise(Control::StopUser)), Step::StopUser);
    }

    #[test]
    fn what_a_sets_on_start_raises_is_seen_by_the_set_above() {
        let enter = || {
            let mut machine = in_task();
            machine.enter();
            machine
        };
        assert_eq!(enter().advance(raise(Control::Interrupt { reschedule: true })), Step::Pick);
        assert_eq!(enter().advance(raise(Control::Interrupt { reschedule: false })), Step::Wait);
        assert_eq!(enter().advance(raise(Control::Reschedule)), Step::Wait);
        assert_eq!(enter().advance(raise(Control::StopUser)), Step::StopUser);
        assert_eq!(enter().advance(Outcome::Failed), Step::Report);
    }

    #[test]
    fn reschedule_while_picking_is_an_error() {
        let mut machine = in_task();
        machine.advance(OK);
        machine.advance(OK);
        assert_eq!(machine.advance(raise(Control::Reschedule)), Step::Report);
    }

    #[test]
    fn a_lone_set_hands_what_leaves_it_to_its_caller() {
        let mut machine = UserMachine::of_set();
        assert_eq!(machine.start(), Step::StartSet);
        assert_eq!(machine.advance(OK), Step::Pick);
        assert_eq!(machine.advance(OK), Step::Execute);
        assert_eq!(machine.advance(raise(Control::StopUser)), Step::StopSet);
        assert_eq!(machine.advance(OK), Step::Done(End::Died(raise(Control::StopUser))));
    }
}
