use std::io::Read;

use flate2::read::GzDecoder;
use gregaria_stats::Histogram;

use super::*;
use crate::result::{Exchange, Failure, tests::example};

/// As the page reads them.
fn read(data: &str) -> ResultFile {
    if data.starts_with('{') {
        return serde_json::from_str(data).unwrap();
    }
    let mut json = String::new();
    GzDecoder::new(&STANDARD.decode(data).unwrap()[..]).read_to_string(&mut json).unwrap();
    serde_json::from_str(&json).unwrap()
}

/// A result of an hour with so many names, whose figures have nothing in common.
fn large(names: u64, name_length: usize) -> ResultFile {
    let mut result = example();
    let (entry, series) = (result.entries[0].clone(), result.history.entries[0].clone());
    (result.entries, result.history.entries) = (Vec::new(), Vec::new());
    let mut state = 7u64;
    let mut drawn = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    for at in 0..names {
        let histogram: Histogram = (0..150).map(|_| 1_000 + drawn() % 300_000).collect();
        let mut named = entry.clone();
        named.name = format!("/{}/{at:0name_length$}", drawn());
        (named.requests, named.failures) = (150, drawn() % 3);
        named.percentiles_us = ["50", "66", "75", "80", "90", "95", "98", "99", "99.9", "99.99", "100"]
            .iter()
            .map(|label| ((*label).to_owned(), 1_000 + drawn() % 300_000))
            .collect();
        named.histogram = histogram;
        result.entries.push(named);
        result.failures.push(Failure {
            error: format!("E({})", drawn()),
            name: format!("/{at:0name_length$}"),
            ..result.failures[0].clone()
        });
        let mut of_entry = series.clone();
        of_entry.entry = at as usize;
        let segment = &mut of_entry.segments[0];
        (segment.step_s, segment.start) = (10, (0..36).collect());
        let mut column = || (0..36).map(|_| (drawn() % 90_000) as u32).collect::<Vec<u32>>();
        (segment.requests, segment.failures, segment.mean_us) = (column(), column(), column());
        (segment.p50_us, segment.p95_us, segment.p99_us, segment.max_us) = (column(), column(), column(), column());
        segment.bytes = vec![1; 36];
        result.history.entries.push(of_entry);
    }
    result.total.requests = names * 150;
    result
}

#[test]
fn a_small_result_stays_readable_and_whole() {
    let result = example();
    let data = data(&result);
    assert!(data.starts_with("{\"format\":\"gregaria-result\""));
    let mut told = read(&data);
    told.entries.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(told.entries[0].histogram, result.entries[0].histogram);
    assert_eq!((told.total, told.history.total, told.samples), (result.total, result.history.total, result.samples));
}

#[test]
fn few_names_may_have_many_failures_samples_and_points() {
    let mut result = large(2, 8);
    for at in 0..40 {
        let failure = Failure { error: format!("E({at})"), ..result.failures[0].clone() };
        let sample = Exchange { response_head: Some("x".repeat(2_000)), ..result.samples[0].clone() };
        result.failures.push(failure);
        result.samples.push(sample);
    }
    let columns = &mut result.history.entries[0].segments[0];
    columns.start = (0..3_600).collect();
    (columns.requests, columns.failures, columns.mean_us) = (vec![1; 3_600], vec![0; 3_600], vec![5; 3_600]);
    (columns.p50_us, columns.p95_us) = (vec![5; 3_600], vec![5; 3_600]);
    (columns.p99_us, columns.max_us, columns.bytes) = (vec![5; 3_600], vec![5; 3_600], vec![1; 3_600]);
    let told = read(&data(&result));
    assert_eq!((told.failures.len(), told.samples.len()), (result.failures.len(), result.samples.len()));
    assert_eq!(told.history.entries[0].segments[0].start.len(), 3_600);
}

#[test]
fn what_does_not_fit_is_one_row_and_everything_adds_up() {
    for result in [large(1_000, 8), large(200, 2_000)] {
        let data = fitting(&result, MOST_NAMES, 50_000, pack);
        assert!(data.len() <= 50_000, "{}", data.len());
        let told = read(&data);
        let sum = |field: fn(&crate::result::Entry) -> u64, of: &ResultFile| of.entries.iter().map(field).sum::<u64>();
        assert_eq!(sum(|entry| entry.requests, &told), result.total.requests);
        assert_eq!(sum(|entry| entry.failures, &told), sum(|entry| entry.failures, &result));
        assert!((20..result.entries.len()).contains(&told.entries.len()), "{}", told.entries.len());
        assert!(told.entries.last().unwrap().name.ends_with("more names, in the result file)"));
        let failures = |of: &ResultFile| of.failures.iter().map(|failure| failure.occurrences).sum::<u64>();
        assert_eq!(failures(&told), failures(&result));
        assert!(told.history.entries.iter().all(|of_entry| of_entry.segments[0].start.len() == 36));
        let page = fitting(&result, PLAIN_NAMES, 90_000, tables);
        assert!((30_000..=90_000).contains(&page.len()), "{}", page.len());
    }
}

#[test]
fn what_is_too_large_is_known_without_compressing_it_all() {
    for result in [large(150, 8), large(60, 2_000)] {
        let packed = pack(&result, usize::MAX).unwrap().len();
        let json = serde_json::to_vec(&result).unwrap();
        let guessed = packed_bytes(&json);
        assert!(guessed.abs_diff(packed) < packed / 10, "guessed {guessed} of {packed}");
        assert_eq!(pack(&result, packed / 2), Err(guessed));
        assert_eq!(pack(&result, packed).map(|made| made.len()), Ok(packed), "a wrong guess leaves nothing out");
        assert_eq!(pack(&result, packed - 1), Err(packed));
    }
    assert_eq!(packed_bytes(b""), 0);
    // One name is told however large it is.
    assert!(fitting(&large(1, 8), MOST_NAMES, 10, pack).len() > 10);
}

#[test]
fn the_plain_report_says_everything_and_escapes_it() {
    let mut result = example();
    result.samples[0].response_head = Some("HTTP/1.1 500 <script>alert(2)</script>\r\n\r\n".into());
    result.run.locustfiles = vec!["<img src=x onerror=alert(3)>.py".into()];
    result.settings.insert("a\"b".into(), "<script>".into());
    let page = plain(&result);
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    for told in [
        "/cart?&lt;script&gt;",
        "HTTPError(&#39;500 Server Error: &lt;/script&gt; for url: /cart&#39;)",
        "2026-11-21T05:06:29Z",
        "<b class=\"bad\">2 (33.33 %)</b>failures",
        "p95 &gt; 5ms",
        "Generator: kept up",
        "first: POST /cart",
        "(9000 bytes)",
        "built without Node.js",
    ] {
        assert!(page.contains(told), "{told} is not in {page}");
    }
}

#[test]
fn the_report_is_that_of_this_build() {
    let page = html(&example());
    assert_eq!(page.contains("id=\"gregaria-data\""), gregaria_webui::BUILT);
    assert!(!page.contains("<script>alert") && page.len() < 1_000_000);
}
