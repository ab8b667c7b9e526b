//! The places of threads in the operating system's scheduler.
//!
//! On a busy machine the reactor has to run the moment a socket is ready, or response times grow by the time that it
//! waits behind Python. A short time slice does that on Linux 6.12 and later: a thread that wakes up with a shorter slice
//! than the running one's goes first. It needs no privilege and takes no more of the processor than before.
//!
//! What only has to be done soon, a worker's report, shall not take the processor from the hub just because there is work:
//! as a batch it does not go first when it wakes up, and a nice one that has run lets others run for longer.
#![allow(unsafe_code)]

/// `struct sched_attr` of the Linux system calls, in its first version.
#[cfg(target_os = "linux")]
#[repr(C)]
#[derive(Default)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    /// The time slice of an ordinary thread, in nanoseconds.
    runtime: u64,
    deadline: u64,
    period: u64,
}

/// The shortest slice that Linux takes.
#[cfg(target_os = "linux")]
const SLICE_NS: u64 = 100_000;

/// How much nicer a thread becomes that gives way.
#[cfg(target_os = "linux")]
const NICER: i32 = 5;
#[cfg(target_os = "linux")]
const NICEST: i32 = 19;

/// Give the calling thread a short slice. Where the kernel cannot, nothing changes.
#[cfg(target_os = "linux")]
pub fn prefer_promptness() {
    change(|attributes| attributes.runtime = SLICE_NS);
}

/// Let the calling thread run when others do not want to. Where the kernel cannot, nothing changes.
#[cfg(target_os = "linux")]
pub fn give_way() {
    change(|attributes| {
        attributes.policy = libc::SCHED_BATCH as u32;
        attributes.nice = (attributes.nice + NICER).min(NICEST);
        attributes.runtime = SLICE_NS;
    });
}

/// Change the calling thread's attributes, if it is an ordinary one.
#[cfg(target_os = "linux")]
fn change(change: impl FnOnce(&mut Attributes)) {
    let size = size_of::<Attributes>() as u32;
    let mut attributes = Attributes { size, ..Attributes::default() };
    // SAFETY: 0 is the calling thread; the kernel writes at most `size` bytes of the struct.
    let read = unsafe { libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0) };
    let ordinary = attributes.policy == libc::SCHED_OTHER as u32;
    if read == 0 && ordinary {
        attributes.size = size;
        change(&mut attributes);
        // SAFETY: as above; the kernel only reads the struct. A refusal leaves the thread as it was.
        unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    }
}

/// Elsewhere the scheduler is left alone.
#[cfg(not(target_os = "linux"))]
pub fn prefer_promptness() {}

/// Elsewhere the scheduler is left alone.
#[cfg(not(target_os = "linux"))]
pub fn give_way() {}
