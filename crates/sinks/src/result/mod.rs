//! The result file: everything that a run has measured, in one versioned JSON document that can be read, compared and
//! added up later. `format.rs` is its shape, `write.rs` makes it, `read.rs` takes it in and says what is wrong.
//!
//! Its JSON Schema is `docs/result.schema.json`, made from the types in `format.rs` (and checked by a test).

mod format;
mod make;
mod read;
mod write;

pub use format::*;
pub use make::{Everything, Measured, exchange, make, segment, total_segment};
pub use read::{ReadError, read, read_bytes};
pub use write::{prepare, write, write_text};

#[cfg(test)]
pub(crate) mod tests;
