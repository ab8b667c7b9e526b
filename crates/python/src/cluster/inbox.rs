//! What drivers on other threads have to tell the hub: a queue, and a pipe that becomes readable when it is not empty.

use std::collections::{HashMap, VecDeque};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use gregaria_cluster::action::{Gone, Level, Tell};
use gregaria_cluster::driver::{Heard, Hub};
use gregaria_cluster::report::Counted;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::value::to_python;
use crate::scheduling::give_way;
use crate::stats::{RequestStats, now};

/// Clocks of nodes that differ by no more are taken as they are.
const CLOCKS_AGREE_S: f64 = 2.0;

/// A verb and what it is about.
pub type Act = (&'static str, Py<PyAny>);

/// Where an exception came from and what it was.
type Kind = (String, String, String);

#[derive(Default)]
struct Queue {
    heard: VecDeque<Heard>,
    /// Exceptions are counted here, so that a test in which every task fails does not drown the hub in messages.
    exceptions: HashMap<Kind, u64>,
    states_changed: bool,
}

/// See the module's text.
pub struct Inbox {
    queue: Mutex<Queue>,
    reader: PipeReader,
    writer: PipeWriter,
    stats: Py<RequestStats>,
}

impl Inbox {
    pub fn new(stats: Py<RequestStats>) -> std::io::Result<Self> {
        let (reader, writer) = std::io::pipe()?;
        Ok(Self { queue: Mutex::default(), reader, writer, stats })
    }

    pub fn descriptor(&self) -> i32 {
        self.reader.as_raw_fd()
    }

    pub fn stats(&self) -> &Py<RequestStats> {
        &self.stats
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything heard since the last time. Call it when the pipe is readable, or at any time.
    pub fn take(&self, py: Python<'_>) -> PyResult<Vec<Act>> {
        let mut queue = self.lock();
        if queue.heard.is_empty() && queue.exceptions.is_empty() {
            return Ok(Vec::new());
        }
        (&self.reader).read_exact(&mut [0])?;
        let taken = std::mem::take(&mut *queue);
        drop(queue);
        let exceptions = taken
            .exceptions
            .into_iter()
            .map(|((id, message, traceback), count)| Heard::Tell(Tell::Exception { id, message, traceback, count }));
        exceptions.chain(taken.heard).map(|heard| act(py, heard)).collect()
    }
}

impl Hub for Inbox {
    fn hear(&self, heard: Heard) {
        let mut queue = self.lock();
        let was_empty = queue.heard.is_empty() && queue.exceptions.is_empty();
        match heard {
            Heard::Tell(Tell::Exception { id, message, traceback, count }) => {
                *queue.exceptions.entry((id, message, traceback)).or_default() += count;
            }
            // Once is enough, however many have changed since it was last asked for.
            Heard::Tell(Tell::StatesChanged) if queue.states_changed => {}
            other => {
                queue.states_changed |= matches!(other, Heard::Tell(Tell::StatesChanged));
                queue.heard.push_back(other);
            }
        }
        if was_empty {
            (&self.writer).write_all(&[1]).expect("both ends of the pipe live as long as the inbox");
        }
    }

    fn begin_writing(&self) {
        give_way();
    }

    fn merge(&self, mut counted: Counted<'_>, written_at: Option<f64>) {
        let now = now();
        // Less may be the time that the report took.
        if let Some(ahead) = written_at.map(|at| at - now).filter(|ahead| ahead.abs() > CLOCKS_AGREE_S) {
            counted.shift(-ahead);
        }
        self.stats.get().shared().add_in_pieces(|hold| counted.merge_in_pieces(now, hold));
    }
}

fn act(py: Python<'_>, heard: Heard) -> PyResult<Act> {
    let (verb, about) = match heard {
        Heard::Log(level, text) => ("log", (level_number(level), text).into_py_any(py)?),
        Heard::Tell(tell) => tell_act(py, tell)?,
    };
    Ok((verb, about))
}

fn tell_act(py: Python<'_>, tell: Tell) -> PyResult<Act> {
    let act = match tell {
        Tell::Connected { id } => ("connected", id.into_py_any(py)?),
        Tell::Joined { id, known } => ("joined", (id, known).into_py_any(py)?),
        Tell::Left { id, how } => ("left", (id, gone_name(how)).into_py_any(py)?),
        Tell::StatesChanged => ("states_changed", py.None()),
        Tell::LastLeft { how } => ("last_left", gone_name(how).into_py_any(py)?),
        Tell::HeartbeatSent { id } => ("heartbeat_sent", id.into_py_any(py)?),
        Tell::HeartbeatReceived { id } => ("heartbeat_received", id.into_py_any(py)?),
        Tell::Report { payload } => ("report", report(py, &payload)?),
        Tell::Exception { id, message, traceback, count } => {
            ("exception", (id, message, traceback, count).into_py_any(py)?)
        }
        Tell::Logs(data) => ("logs", to_python(py, &data)?.unbind()),
        Tell::LocustfileWanted { id, data } => ("locustfile", (id, to_python(py, &data)?).into_py_any(py)?),
        Tell::Acknowledged { index } => ("acknowledged", index.into_py_any(py)?),
        Tell::Spawn(data) => ("spawn", to_python(py, &data)?.unbind()),
        Tell::SpawningComplete { user_count } => ("spawning_complete", user_count.into_py_any(py)?),
        Tell::Stop => ("stop", py.None()),
        Tell::Quit => ("quit", py.None()),
        Tell::Reconnect => ("reconnect", py.None()),
        Tell::Pause { on } => ("pause", on.into_py_any(py)?),
        Tell::Rejoin => ("rejoin", py.None()),
        Tell::UpdateUserClass(data) => ("update_user_class", to_python(py, &data)?.unbind()),
        Tell::MasterLost { seconds } => ("master_lost", seconds.into_py_any(py)?),
        Tell::GaveUp { reason } => ("gave_up", reason.into_py_any(py)?),
        Tell::Custom(message) => {
            ("custom", (message.kind, to_python(py, &message.data)?, message.node_id).into_py_any(py)?)
        }
    };
    Ok(act)
}

/// Node id and data of a report that came as these bytes.
fn report(py: Python<'_>, payload: &[u8]) -> PyResult<Py<PyAny>> {
    let message = gregaria_cluster::message::Message::decode(payload)
        .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
    let data = to_python(py, &message.data)?;
    if let Ok(data) = data.cast::<PyDict>() {
        // What only our own nodes read is none of a listener's business.
        data.del_item(gregaria_cluster::master::OURS).ok();
    }
    (message.node_id, data).into_py_any(py)
}

/// As the `logging` module counts.
fn level_number(level: Level) -> u8 {
    match level {
        Level::Debug => 10,
        Level::Info => 20,
        Level::Warning => 30,
        Level::Error => 40,
    }
}

fn gone_name(how: Gone) -> &'static str {
    match how {
        Gone::Stopped => "stopped",
        Gone::Quit => "quit",
        Gone::Missing => "missing",
        Gone::Forgotten => "forgotten",
    }
}
