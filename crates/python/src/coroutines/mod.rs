//! Users whose hooks and tasks are coroutines.
//!
//! A coroutine runs step by step: in the greenlet of whoever drives it until it waits for something, then in no greenlet at
//! all. `event_loop` is the seam with asyncio, `user_task` what drives a user's coroutines and stands for them as
//! `asyncio.current_task()`.
//!
//! ```text
//!   hub ─▶ pooled greenlet: coroutine.send(None) ─▶ … await self.client.aget(…) ─▶ yields ─▶ back to the hub
//!                                                                                    the user holds no greenlet
//!   reactor: completed ─▶ hub ─▶ any pooled greenlet: coroutine.send(None) ─▶ … ─▶ the task returns
//! ```

mod event_loop;
mod user_task;

pub use event_loop::{EventLoop, block, is_left, run_soon};
pub use user_task::{Stepped, UserTask, complete, iterator_of};
