use std::path::Path;

use gregaria_stats::compare::{Change, Outcome};

use super::*;
use crate::result::{EntryHistory, Segment, TotalSegment, tests::example};

/// A run of five minutes in which every second brings like answers; one name is `slower` times as slow.
fn run(label: &str, slower: f64, seed: u64) -> Run {
    let mut result = example();
    let start = 1_795_237_600_u32;
    let mut state = seed;
    let mut drawn = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1_u64 << 24) as f64
    };
    let empty = Segment {
        step_s: 1,
        start: (start..start + 300).collect(),
        requests: vec![0; 300],
        failures: vec![0; 300],
        bytes: vec![0; 300],
        mean_us: vec![0; 300],
        p50_us: vec![0; 300],
        p95_us: vec![0; 300],
        p99_us: vec![0; 300],
        max_us: vec![0; 300],
    };
    let mut times: [Vec<u64>; 2] = Default::default();
    let mut windows = [empty.clone(), empty.clone(), empty];
    for second in 0..300 {
        let mut all = Vec::new();
        for (place, times) in times.iter_mut().enumerate() {
            let factor = if place == 1 { slower } else { 1.0 };
            let these: Vec<u64> = (0..5).map(|_| (factor * (20_000.0 + 30_000.0 * drawn())) as u64).collect();
            fill(&mut windows[place], second, &these);
            all.extend(&these);
            times.extend(these);
        }
        fill(&mut windows[2], second, &all);
    }
    let [first, second, total] = windows;
    for (entry, times) in result.entries.iter_mut().zip(&times) {
        measured(entry, times);
    }
    measured(&mut result.total, &times.concat());
    result.history.total = vec![TotalSegment { windows: total, users: vec![3; 300], heat: vec![Vec::new(); 300] }];
    result.history.entries =
        vec![EntryHistory { entry: 0, segments: vec![first] }, EntryHistory { entry: 1, segments: vec![second] }];
    (result.run.started_at, result.run.ended_at) = (start.into(), f64::from(start) + 300.0);
    Run { label: label.to_owned(), result }
}

fn fill(segment: &mut Segment, at: usize, times: &[u64]) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = |p: f64| sorted[((sorted.len() as f64 * p) as usize).min(sorted.len() - 1)] as u32;
    segment.requests[at] = sorted.len() as u32;
    segment.mean_us[at] = (sorted.iter().sum::<u64>() / sorted.len() as u64) as u32;
    (segment.p50_us[at], segment.p95_us[at], segment.p99_us[at]) = (rank(0.5), rank(0.95), rank(0.99));
    segment.max_us[at] = rank(1.0);
}

fn measured(entry: &mut crate::result::Entry, times: &[u64]) {
    (entry.requests, entry.failures, entry.without_time) = (times.len() as u64, 0, 0);
    entry.total_us = times.iter().sum();
    entry.max_us = times.iter().copied().max();
    entry.histogram = times.iter().copied().collect();
}

fn conditions(text: &str) -> Vec<Condition> {
    parse_conditions(text).unwrap()
}

#[test]
fn the_schema_in_docs_is_that_of_the_types() {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    let schema = serde_json::to_string_pretty(&settings.into_generator().into_root_schema_for::<Comparison>()).unwrap();
    let (path, schema) =
        (Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/comparison.schema.json"), schema + "\n");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == schema,
        "docs/comparison.schema.json is old: UPDATE=1 cargo nextest run -p gregaria-sinks schema"
    );
}

#[test]
fn a_slower_name_is_found_and_the_other_is_left_alone() {
    let (a, b) = ([run("a.json", 1.0, 1)], [run("b.json", 1.5, 2)]);
    let asked = conditions("p95(/cart*) worse by 10%; p95(/) worse; rps worse by 50%; p95(/none) worse");
    let comparison = compare(&a, &b, &asked, 0.95);
    let changes =
        |at: usize| comparison.names[at].changed().map(|it| (it.measure.name(), it.change)).collect::<Vec<_>>();
    assert_eq!(changes(0), []);
    let slower = ["median", "p95", "p99", "avg"].map(|name| (name.to_owned(), Change::Worse));
    assert_eq!(changes(1), slower);
    let outcomes: Vec<Outcome> = comparison.conditions.iter().map(|it| it.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Passed, Outcome::Passed, Outcome::Unknown]);
    assert_eq!((comparison.failed(), comparison.verdict.as_str()), (2, "FAILED (2 of 4 conditions)"));
    assert!(comparison.conditions[0].found.ends_with("for POST /cart?<script>"), "{:?}", comparison.conditions[0]);
    assert_eq!(comparison.conditions[3].found, "cannot be judged: no such name");
    assert_eq!(comparison.warnings, Vec::<String>::new());
}

#[test]
fn the_same_run_twice_is_no_difference() {
    let (a, b) = ([run("a.json", 1.0, 1)], [run("b.json", 1.0, 1)]);
    let comparison = compare(&a, &b, &[], 0.95);
    assert_eq!(comparison.verdict, "no difference can be shown");
    assert!(comparison.total.iter().all(|it| it.change == Change::NotShown && it.reason.is_none()));
    let told = text(&comparison, Colour::Plain);
    assert!(told.contains("No difference shown: GET /, POST /cart?<script>"), "{told}");
    assert!(told.contains("One run each"), "{told}");
}

#[test]
fn what_bears_on_it_is_named() {
    let (a, mut b) = (run("a.json", 1.0, 1), run("b.json", 1.0, 2));
    b.result.settings.insert("users".into(), 60.into());
    b.result.settings.insert("tags".into(), serde_json::json!(["x"]));
    b.result.settings.insert("csv".into(), "elsewhere".into());
    b.result.run.host = None;
    b.result.run.ended_at += 90.0;
    b.result.run.state = crate::result::RunState::Running;
    b.result.generator.was_the_limit = Some(true);
    b.result.generator.other_names = 7;
    b.result.generator.history_lost = 5;
    b.result.run.shape_class = Some("Steps".into());
    b.result.environment.hostname = "other".into();
    b.result.entries[0].name = "/new".into();
    let warnings = compare(&[a], &[b], &[], 0.95).warnings;
    assert!(warnings.last().unwrap().starts_with("the figures move so slowly"), "nothing came in the last 90 s");
    assert_eq!(
        warnings[..12],
        [
            "host differs: http://shop.test and none",
            "tags differs: none and [\"x\"]",
            "users differs: 3 and 60",
            "load shape differs: none and Steps",
            "load generator's machine differs: loader (2 processors) and other (2 processors)",
            "'b.json' is of a run that was killed, or is still running",
            "in 'b.json' the load generator was the limit, so rates are its own, not the server's",
            "'b.json' has 7 requests under \"(other names)\": too many different names",
            "5 requests are missing in the series of 'b.json'",
            "the runs are not as long as each other: 300 s and 390 s",
            "1 name is only in A",
            "1 name is only in B",
        ]
    );
}

#[test]
fn a_short_run_has_no_interval_and_says_so() {
    let short = || Run { label: "s.json".into(), result: example() };
    let comparison = compare(&[short()], &[short()], &conditions("p95 worse"), 0.95);
    assert!(
        comparison.warnings.contains(&"no interval can be given: too few time blocks: the run was too short".into())
    );
    assert_eq!(comparison.conditions[0].found, "cannot be judged: too few requests");
    assert_eq!(comparison.failed(), 1);
    assert!(text(&comparison, Colour::Plain).contains("Too little to compare: GET /, POST"));
}

#[test]
fn data_are_as_pages_expect_them() {
    let (a, b) = ([run("a.json", 1.0, 1)], [run("b.json", 1.5, 2)]);
    let data = serde_json::to_value(compare(&a, &b, &conditions("p95 worse"), 0.95)).unwrap();
    assert_eq!((&data["format"], &data["version"]), (&"gregaria-comparison".into(), &1.into()));
    assert_eq!(data["names"][1]["in"], "both");
    let p95 = &data["names"][1]["measures"][1];
    assert_eq!(
        (&p95["measure"], &p95["change"], &p95["reason"]),
        (&"p95".into(), &"worse".into(), &serde_json::Value::Null)
    );
    assert!((p95["relative"]["value"].as_f64().unwrap() - 0.5).abs() < 0.05, "{p95}");
    assert!(p95["difference"]["low"].as_f64() < p95["difference"]["high"].as_f64());
    assert_eq!(data["conditions"][0]["outcome"], "failed");
    assert_eq!(data["a"][0]["file"], "a.json");
}

#[test]
fn all_texts_are_escaped() {
    let (a, b) = ([run("a|*.json", 1.0, 1)], [run("b<b>.json", 1.5, 2)]);
    let comparison = compare(&a, &b, &conditions("p95(/cart*) worse"), 0.95);
    let page = html(&comparison);
    assert!(!page.contains("<script") && !page.contains("<b>") && page.contains("/cart?&lt;script&gt;"), "{page}");
    let told = markdown(&comparison);
    assert!(told.contains("a\\|\\*.json") && told.contains("b\\<b\\>.json"), "{told}");
    assert!(told.contains("| `POST /cart?<script>` | median |") && told.contains("**worse** |"), "{told}");
    let coloured = text(&comparison, Colour::Terminal);
    assert!(coloured.contains("\x1b[31mworse\x1b[0m") && !text(&comparison, Colour::Plain).contains('\x1b'));
}

#[test]
fn many_names_stay_within_bounds() {
    let (mut a, mut b) = (run("a.json", 1.0, 1), run("b.json", 1.5, 2));
    for run in [&mut a, &mut b] {
        let (entry, history) = (run.result.entries[1].clone(), run.result.history.entries[1].clone());
        for at in 2..230 {
            run.result.entries.push(crate::result::Entry { name: format!("/{at:04}"), ..entry.clone() });
            run.result.history.entries.push(EntryHistory { entry: at, ..history.clone() });
        }
    }
    let comparison = compare(&[a], &[b], &[], 0.95);
    let page = html(&comparison);
    assert!(page.len() < 2_000_000 && page.contains("and 30 more names, in the JSON file"), "{}", page.len());
    assert!(text(&comparison, Colour::Plain).contains("and 179 more names that changed"));
    assert!(markdown(&comparison).contains("and 179 more names that changed"));
}

#[test]
fn what_cannot_be_read_is_one_sentence() {
    let refused = |a: &str, text: &str| {
        compare_files(&[PathBuf::from(a)], &[PathBuf::from(a)], &[text.to_owned()], 0.95).unwrap_err().sentence()
    };
    assert_eq!(refused("/nowhere", "p95 worse"), "cannot read '/nowhere': No such file or directory (os error 2)");
    assert!(refused("/nowhere", "p95 > 4").starts_with("--fail-if: one of worse, better, higher, lower, different"));
    let example = [Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/result.json")];
    assert_eq!(compare_files(&example, &example, &[], 0.95).unwrap().names.len(), 2);
}
