//! The hint about too many different names, in the log.

use gregaria_stats::TooManyNames;
use pyo3::prelude::*;

/// Say, once in a run, that there are too many names and which to give in common. Usually there is nothing to say.
#[inline]
pub fn warn(too_many: Option<Box<TooManyNames>>) {
    if let Some(too_many) = too_many {
        Python::attach(|py| {
            // What a log handler raises is not the affair of the task whose request this was.
            if let Err(error) = log(py, &sentence(&too_many)) {
                error.write_unraisable(py, None);
            }
        });
    }
}

fn log(py: Python<'_>, sentence: &str) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", ("gregaria.stats",))?;
    logger.call_method1("warning", ("%s", sentence)).map(drop)
}

fn sentence(too_many: &TooManyNames) -> String {
    let limit = too_many.limit;
    let mut text = format!(
        "More than {limit} different names: all further ones are counted together as \"(other names)\". Requests that \
         differ only in an id should have a name in common"
    );
    for (at, group) in too_many.worst.iter().enumerate() {
        let introduction = if at == 0 { ". Most names look like" } else { "," };
        text.push_str(&format!("{introduction} {} ({} names, such as {})", group.pattern, group.names, group.example));
    }
    if let Some(worst) = too_many.worst.first() {
        text.push_str(&format!(". For example: self.client.get(..., name=\"{}\")", worst.pattern));
    }
    text + ". (--max-names changes the limit.)"
}
