//! What the machines of `master` and `worker` want done. The driver sends; the rest is told to the runner in Python.

use rmpv::Value;

use crate::message::Message;

/// How important a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

/// One thing to do; they are done in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send this; on a master, to the node that it names.
    Send(Message),
    Log(Level, String),
    Tell(Tell),
}

/// Why a worker is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It has stopped its users and will be back.
    Stopped,
    /// It has quit.
    Quit,
    /// It sends no heartbeat.
    Missing,
    /// It has been missing for so long that it is forgotten.
    Forgotten,
}

/// What the runner has to hear.
#[derive(Debug, Clone, PartialEq)]
pub enum Tell {
    /// Master: a worker says that it is ready (`worker_connect`).
    Connected {
        id: String,
    },
    /// Master: it can be given users; `known` if it was there before.
    Joined {
        id: String,
        known: bool,
    },
    /// Master: it can no longer be given users.
    Left {
        id: String,
        how: Gone,
    },
    /// Master: states of workers have changed.
    StatesChanged,
    /// Master: no worker is left.
    LastLeft {
        how: Gone,
    },
    /// Master: a heartbeat was answered; only if somebody listens.
    HeartbeatSent {
        id: String,
    },
    /// Master: a report, as it came; only if somebody listens.
    Report {
        payload: Vec<u8>,
    },
    /// Master: exceptions of tasks.
    Exception {
        id: String,
        message: String,
        traceback: String,
        count: u64,
    },
    /// Master: the last lines of a worker's log.
    Logs(Value),
    /// Master: a worker wants the locustfile.
    LocustfileWanted {
        id: String,
        data: Value,
    },
    /// Worker: the master knows it, under this number if it gives any.
    Acknowledged {
        index: Option<i64>,
    },
    /// Worker: the job to carry out.
    Spawn(Value),
    /// Worker: the ramp is complete on all workers.
    SpawningComplete {
        user_count: u64,
    },
    Stop,
    Quit,
    /// Worker: make a new connection.
    Reconnect,
    /// Worker: a master that knows nothing of it has taken the old one's place.
    Rejoin,
    /// Worker: hold the users, or let them go on.
    Pause {
        on: bool,
    },
    /// Worker: the master's heartbeat was received; only if somebody listens.
    HeartbeatReceived {
        id: String,
    },
    /// Worker: change a user class.
    UpdateUserClass(Value),
    /// Worker: no heartbeat of the master for too long.
    MasterLost {
        seconds: f64,
    },
    /// Worker: no answer from the master after all attempts.
    GaveUp {
        reason: Option<String>,
    },
    /// A message of a type that is not the protocol's.
    Custom(Message),
}
