//! A comparison as text for terminals, and as Markdown for the page of a CI job.

use std::fmt::Write;

use gregaria_stats::compare::{Change, Compared, Judgement, Outcome};

use super::data::is_change;
use super::{Comparison, File, Named, Presence};

/// So many names are told one by one; the rest is counted.
const MOST_NAMES: usize = 50;

/// Whether a terminal shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Terminal,
}

impl Colour {
    fn paint(self, text: &str, code: u8) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Terminal => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

const RED: u8 = 31;
const GREEN: u8 = 32;
const YELLOW: u8 = 33;
const BOLD: u8 = 1;
const DIM: u8 = 2;

/// What is said about a change, and its colour.
fn word(compared: &Compared) -> (&'static str, u8) {
    match (compared.change, compared.maybe_chance, compared.reason) {
        (Change::Worse, false, _) => ("worse", RED),
        (Change::Better, false, _) => ("better", GREEN),
        (Change::Worse, true, _) => ("worse, or chance", DIM),
        (Change::Better, true, _) => ("better, or chance", DIM),
        (Change::NotShown, ..) => ("no difference shown", DIM),
        (Change::Unknown, _, Some(reason)) => (reason.text(), DIM),
        (Change::Unknown, _, None) => ("", DIM),
    }
}

/// The columns of a measure: name, A, B, difference, interval.
fn columns(compared: &Compared) -> [String; 5] {
    let unit = compared.measure.unit();
    let shown =
        |side: &Option<gregaria_stats::compare::Estimate>| side.map_or("–".to_owned(), |it| unit.shown(it.value));
    let (difference, interval) = compared.interval_told();
    [compared.measure.name(), shown(&compared.a), shown(&compared.b), difference, interval.unwrap_or_default()]
}

/// The whole comparison.
pub fn text(comparison: &Comparison, colour: Colour) -> String {
    let mut told = String::new();
    for (side, files) in [("A", &comparison.a), ("B", &comparison.b)] {
        for file in files {
            let _ = writeln!(told, "{side}  {}", about(file));
        }
    }
    for warning in &comparison.warnings {
        let _ = writeln!(told, "{}", colour.paint(&format!("!  {warning}"), YELLOW));
    }
    let level = format!("{} interval", percent(comparison.confidence));
    let head = ["All requests", "A", "B", "difference", &level].map(str::to_owned);
    let _ = writeln!(told, "\n{}", colour.paint(&line(&head), BOLD));
    measures(&mut told, comparison.total.iter(), colour);
    let (changed, rest): (Vec<&Named>, Vec<&Named>) =
        foremost(comparison).into_iter().partition(|name| name.changed().next().is_some());
    for name in changed.iter().take(MOST_NAMES) {
        let _ = writeln!(told, "\n{}", colour.paint(&name.label(), BOLD));
        measures(&mut told, name.changed(), colour);
    }
    told.push('\n');
    if changed.len() > MOST_NAMES {
        let _ = writeln!(told, "and {} more names that changed", changed.len() - MOST_NAMES);
    }
    without_change(&mut told, &rest);
    for judgement in &comparison.conditions {
        let _ = writeln!(told, "{}", judged(judgement, colour));
    }
    let verdict = &comparison.verdict;
    let code = if comparison.failed() > 0 { RED } else { BOLD };
    let _ = writeln!(told, "{}", colour.paint(&format!("Verdict: {verdict}"), code));
    if comparison.a.len() == 1 && comparison.b.len() == 1 {
        let hint = "One run each: how much runs differ by themselves is not in these intervals; compare several (A1,A2 B1,B2).";
        let _ = writeln!(told, "{}", colour.paint(hint, DIM));
    }
    told
}

fn measures<'a>(told: &mut String, measures: impl Iterator<Item = &'a Compared>, colour: Colour) {
    for compared in measures {
        let (word, code) = word(compared);
        let _ = writeln!(told, "{}  {}", line(&columns(compared)), colour.paint(word, code));
    }
}

fn line([name, a, b, difference, interval]: &[String; 5]) -> String {
    format!("{name:<12} {a:>10} {b:>10}  {difference:>10}  {interval:<24}").trim_end().to_owned()
}

/// Names with the most requests first.
fn foremost(comparison: &Comparison) -> Vec<&Named> {
    let mut names: Vec<&Named> = comparison.names.iter().collect();
    names.sort_by_key(|name| std::cmp::Reverse(name.requests.iter().sum::<u64>()));
    names
}

fn without_change(told: &mut String, names: &[&Named]) {
    for (presence, judged, what) in [
        (Presence::Both, true, "No difference shown"),
        (Presence::Both, false, "Too little to compare"),
        (Presence::A, false, "Only in A"),
        (Presence::B, false, "Only in B"),
    ] {
        let meant = |name: &&&Named| name.presence == presence && name.is_judged() == judged;
        let these: Vec<String> = names.iter().filter(meant).map(|name| name.label()).collect();
        if !these.is_empty() {
            let more = these.len().saturating_sub(MOST_NAMES);
            let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
            let _ = writeln!(told, "{what}: {}{rest}", these[..these.len() - more].join(", "));
        }
    }
}

fn about(file: &File) -> String {
    format!(
        "{}: {:.0} s, {} requests, {} failures, {} users at most",
        file.file, file.seconds, file.requests, file.failures, file.users_peak
    )
}

fn percent(level: f64) -> String {
    format!("{} %", (level * 1e4).round() / 1e2)
}

fn outcome(judgement: &Judgement) -> (&'static str, u8) {
    match judgement.outcome {
        Outcome::Passed => ("ok", GREEN),
        Outcome::Failed | Outcome::Unknown => ("FAILED", RED),
    }
}

fn judged(judgement: &Judgement, colour: Colour) -> String {
    let (word, code) = outcome(judgement);
    format!("{}  {}  {}", colour.paint(&format!("{word:<6}"), code), judgement.condition, judgement.found)
}

/// The comparison as a section of Markdown.
pub fn markdown(comparison: &Comparison) -> String {
    let mut told = format!("## Comparison: {}\n\n", escape(&comparison.verdict));
    for (side, files) in [("A", &comparison.a), ("B", &comparison.b)] {
        for file in files {
            let _ = writeln!(told, "- {side}: {}", escape(&about(file)));
        }
    }
    for warning in &comparison.warnings {
        let _ = writeln!(told, "- ⚠ {}", escape(warning));
    }
    if !comparison.conditions.is_empty() {
        told.push_str("\n| The comparison fails if | | found |\n| --- | --- | --- |\n");
        for judgement in &comparison.conditions {
            let (condition, found) = (code(&judgement.condition), escape(&judgement.found));
            let _ = writeln!(told, "| {condition} | {} | {found} |", outcome(judgement).0);
        }
    }
    let _ = writeln!(told, "\n| | | A | B | difference | {} interval | |", percent(comparison.confidence));
    told.push_str("| --- | --- | ---: | ---: | ---: | --- | --- |\n");
    rows(&mut told, "**All**", comparison.total.iter());
    let (changed, rest): (Vec<&Named>, Vec<&Named>) =
        foremost(comparison).into_iter().partition(|name| name.changed().next().is_some());
    for name in changed.iter().take(MOST_NAMES) {
        rows(&mut told, &code(&name.label()), name.changed());
    }
    if changed.len() > MOST_NAMES {
        let _ = writeln!(told, "\nand {} more names that changed", changed.len() - MOST_NAMES);
    }
    let count = |presence| rest.iter().filter(|name| name.presence == presence).count();
    let _ = writeln!(
        told,
        "\nNames without a difference that can be shown: {}; only in A: {}; only in B: {}\n",
        count(Presence::Both),
        count(Presence::A),
        count(Presence::B)
    );
    told
}

fn rows<'a>(told: &mut String, label: &str, measures: impl Iterator<Item = &'a Compared>) {
    for (at, compared) in measures.enumerate() {
        let [name, a, b, difference, interval] = columns(compared);
        let label = if at == 0 { label } else { "" };
        let mark = if is_change(compared) { format!("**{}**", word(compared).0) } else { word(compared).0.to_owned() };
        let _ = writeln!(told, "| {label} | {name} | {a} | {b} | {difference} | {interval} | {mark} |");
    }
}

/// Text as it is, whatever Markdown or HTML it looks like.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        if r"\`*_{}[]<>|#~".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

/// Text in a code span that can stand in a table.
fn code(text: &str) -> String {
    let shown = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    let mut longest = 0;
    let mut run = 0;
    for character in shown.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let ticks = "`".repeat(longest + 1);
    let blank = if shown.starts_with('`') || shown.ends_with('`') { " " } else { "" };
    format!("{ticks}{blank}{shown}{blank}{ticks}")
}
