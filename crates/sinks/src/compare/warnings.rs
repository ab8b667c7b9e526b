//! What bears on a comparison: settings that differ, runs that are no good, too little to go by.

use std::collections::BTreeSet;

use gregaria_stats::compare::Reason;
use serde_json::Value;

use super::{Comparison, Presence, Run};
use crate::result::RunState;

/// Settings that say where results go and how the run was started, and so bear on nothing.
const IRRELEVANT: [&str; 24] = [
    "abort-on-fail",
    "autostart",
    "config",
    "csv",
    "csv-full-history",
    "exit-code-on-error",
    "fail-if",
    "headless",
    "html",
    "json",
    "json-file",
    "junit",
    "locustfile",
    "logfile",
    "loglevel",
    "only-summary",
    "plain",
    "print-stats",
    "profile",
    "result",
    "skip-log-setup",
    "strict",
    "summary",
    "summary-md",
];
/// Runs whose lengths differ by more than this share are not as long as each other.
const AS_LONG: f64 = 0.1;

type Sides<'a> = [&'a [Run]; 2];

/// All there is to say.
pub fn of(sides: Sides<'_>, comparison: &Comparison) -> Vec<String> {
    let mut warnings = differences(sides);
    warnings.extend(sides.into_iter().flatten().flat_map(doubts));
    warnings.extend(lengths(comparison));
    warnings.extend(too_little(comparison));
    warnings.extend(only_one_side(comparison));
    if comparison.total.iter().any(|it| it.correlated) {
        warnings.push(
            "the figures move so slowly that even long parts of a run resemble their neighbours: the intervals may be too \
             narrow; run longer"
                .to_owned(),
        );
    }
    if comparison.total.iter().any(|it| it.between_runs) {
        warnings.push(
            "runs of one side differ more among themselves than within, so only whole runs count; more of them make the \
             intervals narrower"
                .to_owned(),
        );
    }
    warnings
}

/// What was set otherwise.
fn differences(sides: Sides<'_>) -> Vec<String> {
    let runs = || sides.into_iter().flatten();
    let mut known: BTreeSet<&str> = runs().flat_map(|run| run.result.settings.keys().map(String::as_str)).collect();
    known.retain(|name| !IRRELEVANT.contains(name) && *name != "host");
    let mut warnings = Vec::new();
    let mut differ = |what: &str, value: &dyn Fn(&Run) -> String| {
        let of_side = |side: &[Run]| side.iter().map(value).collect::<BTreeSet<_>>();
        let (a, b) = (of_side(sides[0]), of_side(sides[1]));
        if a != b || a.len() > 1 {
            let shown = |values: BTreeSet<String>| values.into_iter().collect::<Vec<_>>().join(", ");
            warnings.push(format!("{what} differs: {} and {}", shown(a), shown(b)));
        }
    };
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    differ("host", &|run| or_none(&run.result.run.host));
    for name in known {
        differ(name, &|run| run.result.settings.get(name).map_or("none".to_owned(), shown));
    }
    if !runs().flat_map(|run| run.result.settings.keys()).any(|name| name == "users") {
        differ("the number of users", &|run| run.result.run.users_peak.to_string());
    }
    differ("locustfile", &|run| run.result.run.locustfiles.join(" "));
    differ("choice of user classes", &|run| run.result.run.user_classes.join(" "));
    differ("load shape", &|run| or_none(&run.result.run.shape_class));
    differ("version of Gregaria", &|run| run.result.environment.gregaria.clone());
    differ("version of Python", &|run| run.result.environment.python.clone());
    differ("load generator's machine", &|run| {
        format!("{} ({} processors)", run.result.environment.hostname, run.result.environment.cpus)
    });
    warnings
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Why a run's figures are not to be trusted.
fn doubts(run: &Run) -> Vec<String> {
    let Run { label, result } = run;
    let mut doubts = Vec::new();
    match result.run.state {
        RunState::Finished => {}
        RunState::Running => doubts.push(format!("'{label}' is of a run that was killed, or is still running")),
        RunState::Interrupted => doubts.push(format!("'{label}' is of a run that was interrupted")),
    }
    if result.generator.was_the_limit == Some(true) {
        doubts.push(format!("in '{label}' the load generator was the limit, so rates are its own, not the server's"));
    }
    if result.generator.other_names > 0 {
        doubts.push(format!(
            "'{label}' has {} requests under \"(other names)\": too many different names",
            result.generator.other_names
        ));
    }
    if result.generator.history_lost > 0 {
        doubts.push(format!("{} requests are missing in the series of '{label}'", result.generator.history_lost));
    }
    doubts
}

fn lengths(comparison: &Comparison) -> Option<String> {
    let seconds = || comparison.a.iter().chain(&comparison.b).map(|file| file.seconds);
    let (shortest, longest) = (seconds().fold(f64::INFINITY, f64::min), seconds().fold(0.0, f64::max));
    (longest - shortest > AS_LONG * longest)
        .then(|| format!("the runs are not as long as each other: {shortest:.0} s and {longest:.0} s"))
}

fn too_little(comparison: &Comparison) -> Option<String> {
    let reason = comparison.total.iter().filter_map(|it| it.reason).find(|it| *it != Reason::TooFewRequests)?;
    Some(format!("no interval can be given: {}", reason.text()))
}

fn only_one_side(comparison: &Comparison) -> Vec<String> {
    let told = |(presence, side)| {
        let count = comparison.names.iter().filter(|name| name.presence == presence).count();
        match count {
            0 => None,
            1 => Some(format!("1 name is only in {side}")),
            _ => Some(format!("{count} names are only in {side}")),
        }
    };
    [(Presence::A, "A"), (Presence::B, "B")].into_iter().filter_map(told).collect()
}
