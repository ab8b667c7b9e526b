//! Result files held against each other: what can be said about their difference, as data, text, Markdown and a page.
//! The computation is `gregaria_stats::compare`; here is what goes in and how it is told.

mod data;
mod page;
mod series;
mod text;
mod warnings;

pub use data::{Comparison, File, Named, Presence};
pub use text::{Colour, markdown, text};

pub use page::html;

use std::path::{Path, PathBuf};

use gregaria_stats::compare::{Condition, Pair, parse_conditions};

use crate::result::{ReadError, ResultFile, read};

/// Why there is no comparison.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("--fail-if: {0}")]
    Condition(#[from] gregaria_stats::thresholds::ParseError),
}

impl CompareError {
    /// The whole sentence, the system's reason included.
    pub fn sentence(&self) -> String {
        match self {
            Self::Read(error) => error.sentence(),
            Self::Condition(_) => self.to_string(),
        }
    }
}

/// A result and what it is called.
pub struct Run {
    pub label: String,
    pub result: ResultFile,
}

/// Read and compare. `level` is that of the intervals, such as 0.95.
pub fn compare_files(
    a: &[PathBuf],
    b: &[PathBuf],
    conditions: &[String],
    level: f64,
) -> Result<Comparison, CompareError> {
    let mut parsed = Vec::new();
    for text in conditions {
        parsed.extend(parse_conditions(text)?);
    }
    let load = |paths: &[PathBuf]| paths.iter().map(|path| load(path)).collect::<Result<Vec<Run>, ReadError>>();
    Ok(compare(&load(a)?, &load(b)?, &parsed, level))
}

fn load(path: &Path) -> Result<Run, ReadError> {
    Ok(Run { label: path.display().to_string(), result: read(path)? })
}

/// Compare results that have been read.
pub fn compare(a: &[Run], b: &[Run], conditions: &[Condition], level: f64) -> Comparison {
    let (of_a, of_b) = (series::index(a), series::index(b));
    let names: Vec<_> = series::names([&of_a, &of_b]).into_iter().map(|key| (key, key.label())).collect();
    let found: Vec<_> =
        names.iter().map(|(key, _)| [series::of_name(&of_a, *key), series::of_name(&of_b, *key)]).collect();
    let pairs: Vec<Pair<'_>> = names
        .iter()
        .zip(&found)
        .map(|((key, label), [a, b])| Pair { label, method: key.method, name: key.name, a, b })
        .collect();
    let totals = [series::of_total(a), series::of_total(b)];
    let total = Pair { label: "", method: "", name: "", a: &totals[0], b: &totals[1] };
    let mut comparison = data::comparison([a, b], &total, &pairs, level);
    comparison.warnings = warnings::of([a, b], &comparison);
    comparison.conditions = conditions.iter().map(|condition| condition.judge(&total, &pairs, level)).collect();
    comparison.verdict = comparison.judged();
    comparison
}

#[cfg(test)]
mod tests;
