//! Virtual users as Python sees them: [`UserCore`] under every `User`, the greenlets they borrow, and the driver that
//! carries out what the pure machine of `gregaria-users` asks for.

mod begun;
mod core;
mod driver;
mod handle;
mod locals;
mod outcome;
mod plan;
pub mod pool;
mod tasks;

pub use begun::{forget_tasks_begun, task_begins, tasks_begun};
pub use core::UserCore;
pub use driver::{default_set, run_task_set};
pub use handle::UserGreenlet;
pub use plan::register_classes;
