//! A comparison as a page: one file without scripts that needs nothing else; light, dark and on paper. Intervals are
//! drawn on one scale, ratios on one of their own, so that they can be compared by eye. Everything is escaped.

use std::fmt::Write;

use gregaria_stats::compare::{Change, Compared, Estimate, Measure, Outcome};

use super::data::is_change;
use super::{Comparison, Named, Presence};
use crate::cells::utc;
use crate::report::escape;

/// So many names are told, those that changed before others.
const MOST_NAMES: usize = 200;

const STYLE: &str = "
:root { color-scheme: light dark; --bg: #f4f6f8; --surface: #fff; --border: #d9dfe5; --text: #17202a; --muted: #586472;
  --ok: #14713a; --ok-soft: #d9f2e2; --fail: #b42318; --fail-soft: #fde4e1; --warn: #8a4b00; --warn-soft: #fdeccb; }
@media (prefers-color-scheme: dark) { :root { --bg: #0d1217; --surface: #151c23; --border: #2b3642; --text: #e7ecf1;
  --muted: #9aa8b7; --ok: #5bd58a; --ok-soft: #12331f; --fail: #ff8a80; --fail-soft: #45191a; --warn: #f4b860;
  --warn-soft: #3d2b0c; } }
* { box-sizing: border-box; }
body { font: 14px/1.45 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; margin: 0 auto; max-width: 76rem;
  padding: 1.5rem 1rem 3rem; background: var(--bg); color: var(--text); }
h1 { font-size: 1.45rem; margin: 0 0 .2rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .6rem; }
.note { color: var(--muted); } .verdict { display: inline-block; padding: .15rem .6rem; border-radius: 1rem; font-weight: 600; }
.ok { color: var(--ok); background: var(--ok-soft); } .fail { color: var(--fail); background: var(--fail-soft); }
ul.warnings { list-style: none; margin: 1rem 0; padding: .6rem .9rem; border-radius: 8px; background: var(--warn-soft); color: var(--warn); }
.box { background: var(--surface); border: 1px solid var(--border); border-radius: 8px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--border); }
tr:first-child th { border-top: 0; } th { color: var(--muted); font-weight: 500; }
.text { text-align: left; } .name { text-align: left; font-weight: 600; overflow-wrap: anywhere; white-space: normal; }
td.worse { color: var(--fail); font-weight: 600; } td.better { color: var(--ok); font-weight: 600; }
svg { display: block; width: 14rem; height: 18px; } svg line.zero { stroke: var(--muted); stroke-dasharray: 2 2; }
svg .range { stroke: var(--muted); stroke-width: 3; } svg .at { fill: var(--text); }
svg .worse { stroke: var(--fail); } svg .better { stroke: var(--ok); }
@media print { body { max-width: none; padding: 0; background: none; font-size: 10px; } .box { overflow: visible; border: 0; }
  tr { break-inside: avoid; } }
";

/// The page.
pub fn html(comparison: &Comparison) -> String {
    let mut page = String::with_capacity(1 << 16);
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">");
    page.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
    );
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    let _ = write!(page, "<title>Gregaria: comparison</title><style>{STYLE}</style></head>\n<body>\n");
    head(&mut page, comparison);
    conditions(&mut page, comparison);
    page.push_str("<h2>All requests</h2>\n");
    table(&mut page, comparison, &[("", comparison.total.iter().collect())]);
    names(&mut page, comparison);
    page.push_str(
        "<p class=\"note\">Intervals come from the spread between parts of a run, not between requests. A difference is \
         shown where the interval does not hold zero; with many names, those that may be chance are not marked.</p>\n\
         </body>\n</html>\n",
    );
    page
}

fn head(page: &mut String, comparison: &Comparison) {
    let class = match (comparison.conditions.is_empty(), comparison.failed()) {
        (true, _) => "",
        (false, 0) => " ok",
        (false, _) => " fail",
    };
    let _ = writeln!(
        page,
        "<h1>Comparison</h1>\n<p><span class=\"verdict{class}\">{}</span></p>",
        escape(&comparison.verdict)
    );
    page.push_str(
        "<div class=\"box\"><table><tr><th></th><th class=\"text\">result</th><th class=\"text\">started</th>",
    );
    page.push_str("<th>seconds</th><th>requests</th><th>failures</th><th>users at most</th></tr>\n");
    for (side, files) in [("A", &comparison.a), ("B", &comparison.b)] {
        for file in files {
            let _ = writeln!(
                page,
                "<tr><td>{side}</td><td class=\"name\">{}</td><td class=\"text\">{}</td><td>{:.0}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&file.file),
                utc(file.started_at),
                file.seconds,
                file.requests,
                file.failures,
                file.users_peak
            );
        }
    }
    page.push_str("</table></div>\n");
    if !comparison.warnings.is_empty() {
        page.push_str("<ul class=\"warnings\">");
        for warning in &comparison.warnings {
            let _ = write!(page, "<li>{}</li>", escape(warning));
        }
        page.push_str("</ul>\n");
    }
}

fn conditions(page: &mut String, comparison: &Comparison) {
    if comparison.conditions.is_empty() {
        return;
    }
    page.push_str("<h2>Conditions</h2>\n<div class=\"box\"><table><tr><th class=\"text\">fails if</th><th class=\"text\">found</th><th></th></tr>\n");
    for judgement in &comparison.conditions {
        let (class, word) = match judgement.outcome {
            Outcome::Passed => ("better", "ok"),
            Outcome::Failed | Outcome::Unknown => ("worse", "failed"),
        };
        let _ = writeln!(
            page,
            "<tr><td class=\"name\">{}</td><td class=\"text\">{}</td><td class=\"{class}\">{word}</td></tr>",
            escape(&judgement.condition),
            escape(&judgement.found)
        );
    }
    page.push_str("</table></div>\n");
}

fn names(page: &mut String, comparison: &Comparison) {
    let mut names: Vec<&Named> = comparison.names.iter().filter(|name| name.presence == Presence::Both).collect();
    names.sort_by_key(|name| (name.changed().next().is_none(), std::cmp::Reverse(name.requests.iter().sum::<u64>())));
    let left = names.len().saturating_sub(MOST_NAMES);
    names.truncate(MOST_NAMES);
    if !names.is_empty() {
        page.push_str("<h2>Names</h2>\n");
        let labels: Vec<String> = names.iter().map(|name| name.label()).collect();
        let groups: Vec<(&str, Vec<&Compared>)> =
            labels.iter().zip(&names).map(|(label, name)| (label.as_str(), name.measures.iter().collect())).collect();
        table(page, comparison, &groups);
    }
    if left > 0 {
        let _ = writeln!(page, "<p class=\"note\">and {left} more names, in the JSON file</p>");
    }
    for (presence, side) in [(Presence::A, "A"), (Presence::B, "B")] {
        let alone: Vec<String> =
            comparison.names.iter().filter(|name| name.presence == presence).map(Named::label).collect();
        if alone.is_empty() {
            continue;
        }
        let _ = write!(page, "<h2>Only in {side}</h2>\n<ul>");
        for label in alone.iter().take(MOST_NAMES) {
            let _ = write!(page, "<li>{}</li>", escape(label));
        }
        let more = alone.len().saturating_sub(MOST_NAMES);
        let rest = if more > 0 { format!("<li>and {more} more</li>") } else { String::new() };
        let _ = writeln!(page, "{rest}</ul>");
    }
}

/// A table of measures, each group under its name.
fn table(page: &mut String, comparison: &Comparison, groups: &[(&str, Vec<&Compared>)]) {
    let level = (comparison.confidence * 1e4).round() / 1e2;
    let _ = writeln!(
        page,
        "<div class=\"box\"><table><tr><th class=\"text\"></th><th>A</th><th>B</th><th>difference</th>\
         <th class=\"text\">{level} % interval</th><th class=\"text\"></th><th class=\"text\"></th></tr>"
    );
    let scales = [false, true].map(|of_ratio| scale(groups, of_ratio));
    for (label, measures) in groups {
        if !label.is_empty() {
            let _ = writeln!(page, "<tr><td class=\"name\" colspan=\"7\">{}</td></tr>", escape(&cut(label)));
        }
        for compared in measures {
            let scale = scales[usize::from(compared.measure == Measure::FailRatio)];
            row(page, compared, scale);
        }
    }
    page.push_str("</table></div>\n");
}

fn row(page: &mut String, compared: &Compared, scale: f64) {
    let unit = compared.measure.unit();
    let shown = |side: &Option<Estimate>| side.map_or("–".to_owned(), |it| unit.shown(it.value));
    let (difference, interval) = compared.interval_told();
    let (class, word) = match (compared.change, compared.reason) {
        (Change::Worse, _) if is_change(compared) => ("worse", "worse"),
        (Change::Better, _) if is_change(compared) => ("better", "better"),
        (Change::Unknown, Some(reason)) => ("note", reason.text()),
        (Change::Worse | Change::Better, _) => ("note", "may be chance"),
        _ => ("note", "no difference shown"),
    };
    let _ = writeln!(
        page,
        "<tr><td class=\"text\">{}</td><td>{}</td><td>{}</td><td>{difference}</td><td class=\"text\">{}</td><td>{}</td><td class=\"text {class}\">{word}</td></tr>",
        escape(&compared.measure.name()),
        shown(&compared.a),
        shown(&compared.b),
        interval.unwrap_or_default(),
        bar(compared, scale, class),
    );
}

/// What is drawn: the share of A, or points of a ratio.
fn drawn(compared: &Compared) -> Option<Estimate> {
    let estimate = if compared.measure == Measure::FailRatio { compared.difference } else { compared.relative };
    estimate.filter(|it| it.low.is_finite() && it.high.is_finite() && compared.reason.is_none())
}

/// Where the ends of the drawings are, of ratios or of everything else; one that is far out is cut off.
fn scale(groups: &[(&str, Vec<&Compared>)], of_ratio: bool) -> f64 {
    let all = groups.iter().flat_map(|(_, measures)| measures);
    let these = all.filter(|it| (it.measure == Measure::FailRatio) == of_ratio).filter_map(|it| drawn(it));
    these.map(|it| it.low.abs().max(it.high.abs())).fold(0.0, f64::max).min(1.0)
}

fn bar(compared: &Compared, scale: f64, class: &str) -> String {
    let Some(it) = drawn(compared).filter(|_| scale > 0.0) else { return String::new() };
    let x = |value: f64| 100.0 + 95.0 * (value / scale).clamp(-1.0, 1.0);
    format!(
        "<svg viewBox=\"0 0 200 18\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\"><line class=\"zero\" x1=\"100\" x2=\"100\" y1=\"0\" \
         y2=\"18\"/><line class=\"range {class}\" x1=\"{:.1}\" x2=\"{:.1}\" y1=\"9\" y2=\"9\"/><rect class=\"at\" x=\"{:.1}\" y=\"3\" width=\"2\" \
         height=\"12\"/></svg>",
        escape(&compared.change_told()),
        x(it.low),
        x(it.high),
        x(it.value) - 1.0
    )
}

/// The beginning of a name that is too long.
fn cut(label: &str) -> String {
    match label.char_indices().nth(300) {
        Some((at, _)) => format!("{}…", &label[..at]),
        None => label.to_owned(),
    }
}
