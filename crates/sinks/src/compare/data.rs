//! A comparison as data: from result files to what is shown, in a shape that pages can rely on.

use gregaria_stats::compare::{Change, Compared, Judgement, Measure, Outcome, Pair, compare, mark_chance};
use serde::Serialize;

use super::Run;

/// What `format` says.
pub const FORMAT: &str = "gregaria-comparison";
/// The version that is written.
pub const VERSION: u32 = 1;

/// Everything that can be said about the difference of two runs, or groups of runs. Response times are microseconds,
/// ratios are from 0 to 1; an interval without an end has null there.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Comparison {
    /// Always "gregaria-comparison".
    pub format: &'static str,
    pub version: u32,
    /// The level of all intervals: 0.95 is 95 %.
    pub confidence: f64,
    pub a: Vec<File>,
    pub b: Vec<File>,
    /// What came of it in one line: of the conditions, or else of all requests together.
    pub verdict: String,
    /// What bears on the figures, in sentences.
    pub warnings: Vec<String>,
    pub conditions: Vec<Judgement>,
    /// All requests together, measure by measure.
    pub total: Vec<Compared>,
    /// By name and method.
    pub names: Vec<Named>,
}

/// A run of a side.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema), schemars(rename = "ComparedRun"))]
pub struct File {
    pub file: String,
    pub started_at: f64,
    pub seconds: f64,
    pub requests: u64,
    pub failures: u64,
    pub users_peak: u64,
}

/// Where a name was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Presence {
    Both,
    A,
    B,
}

/// The measures of one name.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(any(test, feature = "schema"), derive(schemars::JsonSchema))]
pub struct Named {
    pub method: String,
    pub name: String,
    #[serde(rename = "in")]
    pub presence: Presence,
    /// Of A and B.
    pub requests: [u64; 2],
    pub measures: Vec<Compared>,
}

impl Named {
    /// Method and name.
    pub fn label(&self) -> String {
        format!("{} {}", self.method, self.name).trim().to_owned()
    }

    /// Whether anything can be said about it.
    pub fn is_judged(&self) -> bool {
        self.measures.iter().any(|it| it.change != Change::Unknown)
    }

    /// The measures whose difference is more than chance.
    pub fn changed(&self) -> impl Iterator<Item = &Compared> {
        self.measures.iter().filter(|it| is_change(it))
    }
}

/// Whether a difference is shown, even among so many comparisons.
pub fn is_change(compared: &Compared) -> bool {
    matches!(compared.change, Change::Better | Change::Worse) && !compared.maybe_chance
}

impl Comparison {
    /// Conditions that did not pass.
    pub fn failed(&self) -> usize {
        self.conditions.iter().filter(|it| it.outcome != Outcome::Passed).count()
    }

    /// What [`Comparison::verdict`] is to say.
    pub(super) fn judged(&self) -> String {
        match (self.conditions.len(), self.failed()) {
            (0, _) => self.findings(),
            (1, 0) => "PASSED (1 condition)".to_owned(),
            (1, _) => "FAILED (1 condition)".to_owned(),
            (all, 0) => format!("PASSED ({all} conditions)"),
            (all, failed) => format!("FAILED ({failed} of {all} conditions)"),
        }
    }

    fn findings(&self) -> String {
        let told = |change: Change| {
            let names: Vec<String> =
                self.total.iter().filter(|it| it.change == change).map(|it| it.measure.name()).collect();
            names.join(", ")
        };
        let found = [("worse", told(Change::Worse)), ("better", told(Change::Better))];
        let found: Vec<String> = found
            .iter()
            .filter(|(_, names)| !names.is_empty())
            .map(|(word, names)| format!("{names} {word}"))
            .collect();
        if found.is_empty() { "no difference can be shown".to_owned() } else { found.join("; ") }
    }
}

/// The comparison of all requests and of every name, without warnings and conditions.
pub fn comparison(runs: [&[Run]; 2], total: &Pair<'_>, names: &[Pair<'_>], level: f64) -> Comparison {
    let measures = |pair: &Pair<'_>| Measure::SHOWN.map(|measure| compare(pair.a, pair.b, measure, level)).to_vec();
    let mut names: Vec<Named> = names.iter().map(|pair| named(pair, measures(pair))).collect();
    mark_chance(names.iter_mut().flat_map(|named| &mut named.measures));
    Comparison {
        format: FORMAT,
        version: VERSION,
        confidence: level,
        a: runs[0].iter().map(file).collect(),
        b: runs[1].iter().map(file).collect(),
        verdict: String::new(),
        warnings: Vec::new(),
        conditions: Vec::new(),
        total: measures(total),
        names,
    }
}

fn named(pair: &Pair<'_>, measures: Vec<Compared>) -> Named {
    let requests = [pair.a, pair.b].map(|runs| runs.iter().map(|run| run.requests).sum());
    let presence = match requests {
        [_, 0] => Presence::A,
        [0, _] => Presence::B,
        _ => Presence::Both,
    };
    Named { method: pair.method.to_owned(), name: pair.name.to_owned(), presence, requests, measures }
}

fn file(run: &Run) -> File {
    let (about, total) = (&run.result.run, &run.result.total);
    File {
        file: run.label.clone(),
        started_at: about.started_at,
        seconds: about.ended_at - about.started_at,
        requests: total.requests,
        failures: total.failures,
        users_peak: about.users_peak,
    }
}
