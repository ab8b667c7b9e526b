//! One question to a master, from a process that is no worker yet: where is the locustfile?

use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gregaria_cluster::message::Message;
use gregaria_cluster::transport::{Client, ClientEvent, ClientSink};
use pyo3::exceptions::PyConnectionError;
use pyo3::prelude::*;

use super::value::{to_python, to_value};
use super::{links, to_exception};
use crate::stats::lock;

/// How often the question is put.
const REPEAT: Duration = Duration::from_secs(1);

struct Answers(Mutex<Sender<Result<Message, String>>>);

impl ClientSink for Answers {
    fn event(&self, event: ClientEvent) {
        let told = match event {
            ClientEvent::Message(payload) => Message::decode(&payload).map_err(|error| error.to_string()),
            ClientEvent::Lost { reason, hopeless: true, .. } => Err(reason),
            ClientEvent::Connected | ClientEvent::Lost { .. } => return,
        };
        lock(&self.0).send(told).ok();
    }
}

/// The data of a master's answer of the same type, `None` after so many seconds without any.
#[pyfunction]
#[pyo3(signature = (host, port, id, kind, data, *, timeout_s, secret = None))]
#[expect(clippy::too_many_arguments, reason = "they are named in Python")]
pub fn ask_master<'py>(
    py: Python<'py>,
    host: String,
    port: u16,
    id: &str,
    kind: &str,
    data: &Bound<'py, PyAny>,
    timeout_s: f64,
    secret: Option<&str>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let question = Message::new(kind, to_value(data)?, id).encode();
    let links = links(secret)?;
    let answer = py.detach(|| {
        let (told, answers) = channel();
        let client = Client::connect((host, port), id, links, Arc::new(Answers(Mutex::new(told))))?;
        let deadline = Instant::now() + Duration::from_secs_f64(timeout_s.clamp(0.0, 3_600.0));
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            client.send(question.clone());
            match answers.recv_timeout(left.min(REPEAT)) {
                Ok(Ok(message)) if message.kind == kind => return Ok(Some(Ok(message))),
                Ok(Err(reason)) => return Ok(Some(Err(reason))),
                Ok(Ok(_)) | Err(_) => {}
            }
        }
    });
    match answer.map_err(|error| to_exception(&error))? {
        Some(Ok(message)) => to_python(py, &message.data).map(Some),
        Some(Err(reason)) => Err(PyConnectionError::new_err(reason)),
        None => Ok(None),
    }
}
