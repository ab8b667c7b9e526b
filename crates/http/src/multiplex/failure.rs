//! How exchanges over HTTP/2 end badly, in words that say who broke off and why.

use h2::Reason;

use crate::failure::{Failure, Phase};

/// Why a connection ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The server closed it, or is done with it and said so.
    Closed,
    /// The library's reason.
    Broken { text: String, errno: Option<i32> },
    /// Ours.
    Failed(Failure),
}

impl Ending {
    pub fn of(outcome: Result<(), h2::Error>) -> Self {
        match outcome {
            Ok(()) => Self::Closed,
            Err(error) => match error.get_io() {
                Some(io) if io.kind() == std::io::ErrorKind::UnexpectedEof => Self::Closed,
                Some(io) if io.raw_os_error().is_none() => Self::Closed,
                Some(io) => Self::Broken { text: String::new(), errno: io.raw_os_error() },
                None => Self::Broken { text: text(&error), errno: None },
            },
        }
    }

    /// What it means for an exchange: `received` bytes of its body had come, if its head had.
    pub fn failure(&self, received: Option<u64>, expected: Option<u64>) -> Failure {
        let in_body = received.is_some();
        match (self, received) {
            (Self::Failed(failure), _) => failure.clone(),
            (Self::Closed, None) => Failure::ClosedWithoutResponse,
            (Self::Closed, Some(received)) => Failure::IncompleteBody {
                received,
                expected: expected.map(|expected| expected.saturating_sub(received)),
                in_chunk: false,
            },
            (Self::Broken { errno: Some(errno), .. }, _) => {
                Failure::Io { errno: *errno, phase: if in_body { Phase::Body } else { Phase::Head } }
            }
            (Self::Broken { text, .. }, _) => Failure::Http2 { text: text.clone(), in_body },
        }
    }
}

/// What an error of the library means for one exchange.
pub(super) fn of_stream(error: &h2::Error, received: Option<u64>, expected: Option<u64>) -> Failure {
    if error.is_io() {
        let ending = match error.get_io().and_then(std::io::Error::raw_os_error) {
            Some(errno) => Ending::Broken { text: String::new(), errno: Some(errno) },
            None => Ending::Closed,
        };
        return ending.failure(received, expected);
    }
    Failure::Http2 { text: text(error), in_body: received.is_some() }
}

/// The server has said that it did nothing about a request, and that another connection may.
pub(super) fn is_unprocessed(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
}

fn text(error: &h2::Error) -> String {
    let Some(reason) = error.reason() else { return error.to_string() };
    let name = name(reason);
    match (error.is_remote(), error.is_go_away()) {
        (true, true) => format!("the server ended the connection ({name})"),
        (true, false) if reason == Reason::REFUSED_STREAM => format!("the server refused the request ({name})"),
        (true, false) => format!("the server reset the request ({name})"),
        (false, _) => format!("the server broke the protocol ({name})"),
    }
}

fn name(reason: Reason) -> String {
    match reason {
        Reason::NO_ERROR => "NO_ERROR",
        Reason::PROTOCOL_ERROR => "PROTOCOL_ERROR",
        Reason::INTERNAL_ERROR => "INTERNAL_ERROR",
        Reason::FLOW_CONTROL_ERROR => "FLOW_CONTROL_ERROR",
        Reason::SETTINGS_TIMEOUT => "SETTINGS_TIMEOUT",
        Reason::STREAM_CLOSED => "STREAM_CLOSED",
        Reason::FRAME_SIZE_ERROR => "FRAME_SIZE_ERROR",
        Reason::REFUSED_STREAM => "REFUSED_STREAM",
        Reason::CANCEL => "CANCEL",
        Reason::COMPRESSION_ERROR => "COMPRESSION_ERROR",
        Reason::CONNECT_ERROR => "CONNECT_ERROR",
        Reason::ENHANCE_YOUR_CALM => "ENHANCE_YOUR_CALM",
        Reason::INADEQUATE_SECURITY => "INADEQUATE_SECURITY",
        Reason::HTTP_1_1_REQUIRED => "HTTP_1_1_REQUIRED",
        other => return format!("error code {}", u32::from(other)),
    }
    .to_owned()
}
