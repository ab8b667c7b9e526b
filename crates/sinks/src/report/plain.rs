//! The report without the page of `webui`: readable tables, no charts, no script. Everything is escaped.

use std::fmt::Write;

use crate::cells::utc;
use crate::result::{Body, Entry, Exchange, ResultFile, RunState};

const STYLE: &str = "
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --bad: #c22; }
@media (prefers-color-scheme: dark) { :root { --bad: #f77; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 84rem; padding: 0 1rem; }
h1 { margin-bottom: .2rem; } h2 { margin: 2.2rem 0 .6rem; font-size: 1.15rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th { position: sticky; top: 0; background: Canvas; }
.text { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 12rem; }
tr.total td { font-weight: 600; border-top: 2px solid var(--line); }
.bad { color: var(--bad); font-weight: 600; } .note { opacity: .75; }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0; }
.cards div { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem .9rem; }
.cards b { display: block; font-size: 1.25rem; }
pre { background: var(--soft); padding: .6rem; border-radius: .4rem; overflow-x: auto; white-space: pre-wrap; }
details { margin: .3rem 0; }
@media print { body { margin: 0; max-width: none; font-size: 11px; } th { position: static; } }
";

/// The page.
pub fn page(result: &ResultFile) -> String {
    let mut page = String::with_capacity(1 << 16);
    page.push_str("<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">");
    page.push_str(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
    );
    page.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    let _ = write!(page, "<title>Gregaria: {}</title><style>{STYLE}</style></head>\n<body>\n", title(result));
    summary(&mut page, result);
    thresholds(&mut page, result);
    names(&mut page, result);
    failures(&mut page, result);
    exceptions(&mut page, result);
    samples(&mut page, result);
    settings(&mut page, result);
    page.push_str(
        "<p class=\"note\">This report has tables only: this Gregaria was built without Node.js, and so without the page \
         that draws charts. A build with it makes the full report of the same run: \
         <code>gregaria report RESULT.json -o report.html</code>.</p>\n</body>\n</html>\n",
    );
    page
}

/// Text as it is, whatever HTML it looks like.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\0' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

fn title(result: &ResultFile) -> String {
    let what =
        if result.run.locustfiles.is_empty() { "load test".to_owned() } else { result.run.locustfiles.join(", ") };
    escape(&what)
}

/// Milliseconds with as many digits as say something.
fn ms(us: Option<u64>) -> String {
    let Some(us) = us else { return "–".to_owned() };
    match us {
        0..100_000 => format!("{:.2}", us as f64 / 1_000.0),
        _ => format!("{:.0}", us as f64 / 1_000.0),
    }
}

fn card(page: &mut String, label: &str, value: &str, bad: bool) {
    let class = if bad { " class=\"bad\"" } else { "" };
    let _ = write!(page, "<div><b{class}>{}</b>{label}</div>", escape(value));
}

fn summary(page: &mut String, result: &ResultFile) {
    let (run, total) = (&result.run, &result.total);
    let state = match run.state {
        RunState::Running => ", which was cut off",
        RunState::Interrupted => ", which was interrupted",
        RunState::Finished => "",
    };
    let _ =
        write!(page, "<h1>{}</h1>\n<p class=\"note\">{} to {}", title(result), utc(run.started_at), utc(run.ended_at));
    let host = run.host.as_deref().map(|host| format!(" · {}", escape(host))).unwrap_or_default();
    let _ = writeln!(page, "{state}{host} · {}</p>", escape(&run.user_classes.join(", ")));
    let failed = total.failures > 0;
    let share = total.failures as f64 * 100.0 / total.requests.max(1) as f64;
    page.push_str("<div class=\"cards\">");
    card(page, "requests", &total.requests.to_string(), false);
    card(page, "requests/s", &format!("{:.1}", total.requests_per_second), false);
    card(page, "failures", &format!("{} ({share:.2} %)", total.failures), failed);
    for (label, key) in [("median, ms", "50"), ("95 %, ms", "95"), ("99 %, ms", "99")] {
        card(page, label, &ms(total.percentiles_us.get(key).copied()), false);
    }
    card(page, "users at most", &run.users_peak.to_string(), false);
    if let Some(code) = run.exit_code {
        card(page, "exit code", &code.to_string(), code != 0);
    }
    page.push_str("</div>\n");
    for mark in &result.marks {
        let _ = writeln!(page, "<p class=\"note\">{} {}</p>", utc(mark.at), escape(&mark.text));
    }
    let class = if result.generator.was_the_limit == Some(true) { "bad" } else { "note" };
    let _ = writeln!(page, "<p class=\"{class}\">{}</p>", escape(&result.generator.verdict));
}

fn thresholds(page: &mut String, result: &ResultFile) {
    if result.thresholds.is_empty() {
        return;
    }
    page.push_str("<h2>Thresholds</h2>\n<table><tr><th class=\"text\">Fails if</th><th class=\"text\">Measured</th><th></th></tr>\n");
    for threshold in &result.thresholds {
        let measured = threshold.measured.as_deref().unwrap_or("nothing");
        let (class, word) = if threshold.failed { ("bad", "failed") } else { ("", "passed") };
        let (condition, measured) = (escape(&threshold.condition), escape(measured));
        let _ = writeln!(
            page,
            "<tr><td class=\"text\">{condition}</td><td class=\"text\">{measured}</td><td class=\"{class}\">{word}</td></tr>"
        );
    }
    page.push_str("</table>\n");
}

fn names(page: &mut String, result: &ResultFile) {
    let mut labels: Vec<&String> = result.total.percentiles_us.keys().collect();
    labels.sort_by(|a, b| a.parse::<f64>().unwrap_or(0.0).total_cmp(&b.parse().unwrap_or(0.0)));
    page.push_str(
        "<h2>Requests</h2>\n<p class=\"note\">Response times in milliseconds.</p>\n<div class=\"scroll\"><table><tr>",
    );
    page.push_str(
        "<th>Type</th><th class=\"text\">Name</th><th>Requests</th><th>Failures</th><th>Mean</th><th>Min</th>",
    );
    labels.iter().for_each(|label| page.push_str(&format!("<th>{} %</th>", escape(label))));
    page.push_str("<th>Bytes</th><th>Requests/s</th><th>Failures/s</th></tr>\n");
    let mut entries: Vec<&Entry> = result.entries.iter().collect();
    entries.sort_by(|a, b| (&a.name, &a.method).cmp(&(&b.name, &b.method)));
    entries.into_iter().for_each(|entry| row(page, entry, &labels, ""));
    row(page, &result.total, &labels, " class=\"total\"");
    page.push_str("</table></div>\n");
}

fn row(page: &mut String, entry: &Entry, labels: &[&String], class: &str) {
    let timed = entry.histogram.len().max(entry.requests - entry.without_time.min(entry.requests)).max(1);
    let failed = if entry.failures > 0 { " class=\"bad\"" } else { "" };
    let _ = write!(
        page,
        "<tr{class}><td>{}</td><td class=\"text\">{}</td><td>{}</td><td{failed}>{}</td><td>{}</td><td>{}</td>",
        escape(&entry.method),
        escape(&entry.name),
        entry.requests,
        entry.failures,
        ms(entry.min_us.map(|_| entry.total_us / timed)),
        ms(entry.min_us),
    );
    labels
        .iter()
        .for_each(|label| page.push_str(&format!("<td>{}</td>", ms(entry.percentiles_us.get(*label).copied()))));
    let size = entry.bytes / entry.requests.max(1);
    let (requests, failures) = (entry.requests_per_second, entry.failures_per_second);
    let _ = writeln!(page, "<td>{size}</td><td>{requests:.2}</td><td>{failures:.2}</td></tr>");
}

fn failures(page: &mut String, result: &ResultFile) {
    if result.failures.is_empty() {
        return;
    }
    page.push_str("<h2>Failures</h2>\n<div class=\"scroll\"><table><tr><th>Type</th><th class=\"text\">Name</th>");
    page.push_str("<th class=\"text\">Failure</th><th>Times</th><th>First</th><th>Last</th></tr>\n");
    for failure in &result.failures {
        let time = |seconds: Option<f64>| seconds.map(utc).unwrap_or_default();
        let (method, name, error) = (escape(&failure.method), escape(&failure.name), escape(&failure.error));
        let (first, last) = (time(failure.first_seen), time(failure.last_seen));
        let _ = writeln!(
            page,
            "<tr><td>{method}</td><td class=\"text\">{name}</td><td class=\"text\">{error}</td><td>{}</td><td>{first}</td>\
             <td>{last}</td></tr>",
            failure.occurrences
        );
    }
    page.push_str("</table></div>\n");
}

fn exceptions(page: &mut String, result: &ResultFile) {
    if result.exceptions.is_empty() {
        return;
    }
    page.push_str("<h2>Exceptions in tasks</h2>\n");
    for exception in &result.exceptions {
        let (message, traceback) = (escape(&exception.message), escape(&exception.traceback));
        let _ = writeln!(
            page,
            "<details><summary>{} × {message}</summary><pre>{traceback}</pre></details>",
            exception.count
        );
    }
}

fn samples(page: &mut String, result: &ResultFile) {
    if result.samples.is_empty() {
        return;
    }
    page.push_str("<h2>Samples</h2>\n<p class=\"note\">Some of the failed and of the slowest requests. Secrets are removed.</p>\n");
    for sample in &result.samples {
        let kept = format!("{:?}", sample.kept).to_lowercase();
        let error = sample.error.as_deref().unwrap_or_default();
        let (name, error) = (escape(&format!("{} {}", sample.method, sample.name)), escape(error));
        let _ = write!(
            page,
            "<details><summary>{kept}: {name} <b>{} ms</b> at {} <span class=\"bad\">{error}</span></summary>",
            ms(Some(sample.response_time_us)),
            utc(sample.at)
        );
        exchange(page, sample);
        page.push_str("</details>\n");
    }
}

fn exchange(page: &mut String, sample: &Exchange) {
    let sides = [(&sample.request_head, &sample.request_body), (&sample.response_head, &sample.response_body)];
    for (head, body) in sides {
        if head.is_none() && body.is_none() {
            continue;
        }
        page.push_str("<pre>");
        page.push_str(&escape(head.as_deref().unwrap_or_default().replace('\r', "").trim_end()));
        if let Some(Body { text, bytes, complete, is_hex }) = body {
            page.push_str("\n\n");
            page.push_str(&escape(text));
            if !complete || *is_hex {
                let _ = write!(page, "\n<i>… ({bytes} bytes)</i>");
            }
        }
        page.push_str("</pre>");
    }
}

fn settings(page: &mut String, result: &ResultFile) {
    page.push_str("<h2>Settings</h2>\n<table>\n");
    for (name, value) in &result.settings {
        let _ = writeln!(
            page,
            "<tr><td class=\"text\">{}</td><td class=\"text\">{}</td></tr>",
            escape(name),
            escape(&value.to_string())
        );
    }
    page.push_str("</table>\n<h2>Environment</h2>\n<table>\n");
    let machine = &result.environment;
    let cpus = machine.cpus.to_string();
    let facts = [
        ("Gregaria", &machine.gregaria),
        ("Python", &machine.python),
        ("Platform", &machine.platform),
        ("Host", &machine.hostname),
        ("Processors", &cpus),
    ];
    for (name, value) in facts {
        let _ = writeln!(page, "<tr><td class=\"text\">{name}</td><td class=\"text\">{}</td></tr>", escape(value));
    }
    page.push_str("</table>\n");
}
