//! When virtual users exist and what they do next: dispatch, ramp, shapes, the runner and the user machine.
//!
//! Pure: takes the time as an argument, returns what to do, and knows neither Python nor sockets nor clocks.

pub mod dispatch;
mod interleave;
pub mod machine;
pub mod runner;
pub mod shape;
