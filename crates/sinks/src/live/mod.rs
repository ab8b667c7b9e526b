//! A live view of the run at the foot of a terminal: what it looks like ([`view`]) and how it is put there ([`screen`]).
//!
//! The foot is kept out of what scrolls, so log lines, prints of locustfiles and of other programs go on above it.

pub mod screen;
pub mod view;

pub use screen::LiveScreen;
pub use view::{View, ViewRow, ViewThreshold};
