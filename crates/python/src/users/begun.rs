//! How often each task was begun, by user class: for the ratios that came about. Counted at each task, so it must cost next to
//! nothing: a table of fixed size, two plain loads and a store, no lock and no call.

use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::prelude::*;

/// More kinds of tasks than this are not told apart.
const SLOTS: usize = 1 << 11;
/// So many places are tried for a task.
const TRIES: usize = 32;

/// A task by the addresses of its user's class, its set's class and itself. 0 is nobody's.
struct Slot {
    key: AtomicU64,
    count: AtomicU64,
}

/// Written by the thread that holds the GIL only.
static TABLE: [Slot; SLOTS] = [const { Slot { key: AtomicU64::new(0), count: AtomicU64::new(0) } }; SLOTS];

fn key_of(user_class: usize, set_class: usize, task: usize) -> u64 {
    let mixed = |hash: u64, address: usize| (hash.rotate_left(26) ^ address as u64).wrapping_mul(0x517c_c1b7_2722_0a95);
    mixed(mixed(mixed(0, user_class), set_class), task) | 1
}

/// The slot of `key`, or the free one that it would have.
fn slot(key: u64) -> Option<&'static Slot> {
    let first = (key >> 40) as usize;
    let places = (0..TRIES).map(|step| &TABLE[(first + step) % SLOTS]);
    places.into_iter().find(|slot| matches!(slot.key.load(Ordering::Relaxed), known if known == key || known == 0))
}

fn add(key: u64) {
    if let Some(slot) = slot(key) {
        slot.key.store(key, Ordering::Relaxed);
        slot.count.store(slot.count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}

/// `task` begins for `user`, in `set` if it is not one of the user's own.
pub fn count(user: &Bound<'_, PyAny>, set: Option<&Bound<'_, PyAny>>, task: &Bound<'_, PyAny>) {
    let set_class = set.map_or(0, |set| set.get_type_ptr().addr());
    add(key_of(user.get_type_ptr().addr(), set_class, task.as_ptr().addr()));
}

/// As [`count`], for methods of sets that run tasks themselves.
#[pyfunction]
#[pyo3(signature = (user, task_set, task))]
pub fn task_begins(user: &Bound<'_, PyAny>, task_set: Option<&Bound<'_, PyAny>>, task: &Bound<'_, PyAny>) {
    count(user, task_set, task);
}

/// How often users of exactly this class have begun `task` of `task_set`, or of their own.
#[pyfunction]
#[pyo3(signature = (user_class, task_set, task))]
pub fn tasks_begun(user_class: &Bound<'_, PyAny>, task_set: Option<&Bound<'_, PyAny>>, task: &Bound<'_, PyAny>) -> u64 {
    let set_class = task_set.map_or(0, |set| set.as_ptr().addr());
    let key = key_of(user_class.as_ptr().addr(), set_class, task.as_ptr().addr());
    slot(key).map_or(0, |slot| slot.count.load(Ordering::Relaxed))
}

/// Begin to count at zero.
#[pyfunction]
pub fn forget_tasks_begun(_py: Python<'_>) {
    for slot in &TABLE {
        slot.key.store(0, Ordering::Relaxed);
        slot.count.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table is one for the process, so there is one test.
    #[test]
    fn tasks_are_told_apart_and_a_full_table_counts_no_more() {
        let told = |key| slot(key).map_or(0, |slot| slot.count.load(Ordering::Relaxed));
        let keys: Vec<u64> = (0..1_000).map(|task| key_of(0x1000, task % 7 * 64, 0x8000 + task * 32)).collect();
        for (place, key) in keys.iter().enumerate() {
            (0..place % 5).for_each(|_| add(*key));
        }
        assert!(keys.iter().enumerate().all(|(place, key)| told(*key) == (place % 5) as u64));
        for other in 0..10_000 {
            add(key_of(0x2000, 0, other * 16));
        }
        assert!(keys.iter().enumerate().all(|(place, key)| told(*key) >= (place % 5) as u64));
        assert_eq!(TABLE.iter().filter(|slot| slot.key.load(Ordering::Relaxed) == 0).count(), 0);
    }
}
