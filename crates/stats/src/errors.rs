//! The table of failures: one record per (method, name, text), with how often and when it was seen.
//! Bounded: of an entry with very many different texts, further ones are grouped by what they have in common.
//! Task exceptions are not failures and live with the runner.

use std::borrow::Cow;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use crate::patterns::pattern_of;

/// So many texts of one entry are kept as they are.
const EXACT_TEXTS: usize = 100;
/// So many more are kept with their ids replaced; the rest is one record.
const GROUPED_TEXTS: usize = 100;
/// So many records of all entries, beside one for the rest of each.
const MOST_RECORDS: usize = 10_000;
/// Longer texts are cut.
const LONGEST_TEXT: usize = 4_096;
/// The text of all failures that have no record of their own.
pub const OTHER_FAILURES: &str = "(other failures)";

/// One kind of failure.
#[derive(Debug, Clone, PartialEq)]
pub struct ErrorRecord {
    pub method: Arc<str>,
    pub name: Arc<str>,
    /// What failed, in the words of the exception's `repr`, addresses masked.
    pub text: Arc<str>,
    pub occurrences: u64,
    pub first_seen: Option<f64>,
    pub last_seen: Option<f64>,
}

impl ErrorRecord {
    /// The line of the console's error report: `GET /: what failed`.
    pub fn to_name(&self) -> String {
        format!("{} {}: {}", self.method, self.name, unwrap_message(&self.text))
    }
}

/// All failures, in the order in which they were first seen.
#[derive(Debug, Default)]
pub struct ErrorTable {
    records: Vec<ErrorRecord>,
    by_entry: FxHashMap<u32, FxHashMap<Arc<str>, usize>>,
    /// Changes whenever a place in `records` may hold another failure than before.
    generation: u64,
}

impl ErrorTable {
    pub(crate) fn occurred(&mut self, entry: u32, names: (&Arc<str>, &Arc<str>), text: &str, now: f64) -> usize {
        let place = self.place(entry, names, text);
        let record = &mut self.records[place];
        record.occurrences += 1;
        record.first_seen.get_or_insert(now);
        record.last_seen = Some(now);
        place
    }

    /// The text under which a failure with this one is counted, if any is.
    pub(crate) fn counted_as(&self, entry: u32, text: &str) -> Option<&Arc<str>> {
        let text = mask_address(cut(text));
        let found = self.find(entry, &text).or_else(|| self.find(entry, &pattern_of(&text)));
        found.or_else(|| self.find(entry, OTHER_FAILURES)).map(|place| &self.records[place].text)
    }

    /// Add the occurrences of a record from elsewhere.
    pub(crate) fn merge(&mut self, entry: u32, other: &ErrorRecord) {
        let place = self.place(entry, (&other.method, &other.name), &other.text);
        let record = &mut self.records[place];
        record.occurrences = record.occurrences.saturating_add(other.occurrences);
        record.first_seen = [record.first_seen, other.first_seen].into_iter().flatten().reduce(f64::min);
        record.last_seen = [record.last_seen, other.last_seen].into_iter().flatten().reduce(f64::max);
    }

    /// The place of the record that counts this text; it is made if there is none.
    fn place(&mut self, entry: u32, names: (&Arc<str>, &Arc<str>), text: &str) -> usize {
        let text = mask_address(cut(text));
        if let Some(found) = self.find(entry, &text) {
            return found;
        }
        let (texts, full) = (self.by_entry.entry(entry).or_default().len(), self.records.len() >= MOST_RECORDS);
        if texts < EXACT_TEXTS && !full {
            return self.insert(entry, names, &text);
        }
        let grouped = pattern_of(&text);
        match (self.find(entry, &grouped), self.find(entry, OTHER_FAILURES)) {
            (Some(found), _) => found,
            (None, _) if texts < EXACT_TEXTS + GROUPED_TEXTS && !full => self.insert(entry, names, &grouped),
            (None, Some(rest)) => rest,
            (None, None) => self.insert(entry, names, OTHER_FAILURES),
        }
    }

    fn find(&self, entry: u32, text: &str) -> Option<usize> {
        self.by_entry.get(&entry)?.get(text).copied()
    }

    fn insert(&mut self, entry: u32, names: (&Arc<str>, &Arc<str>), text: &str) -> usize {
        let (place, text): (usize, Arc<str>) = (self.records.len(), text.into());
        self.by_entry.entry(entry).or_default().insert(text.clone(), place);
        let (method, name) = (names.0.clone(), names.1.clone());
        self.records.push(ErrorRecord { method, name, text, occurrences: 0, first_seen: None, last_seen: None });
        place
    }

    pub fn records(&self) -> &[ErrorRecord] {
        &self.records
    }

    /// As long as it is the same, failures keep their places in [`ErrorTable::records`].
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// For a change of how often and when a failure was seen.
    pub fn record_mut(&mut self, at: usize) -> Option<&mut ErrorRecord> {
        self.records.get_mut(at)
    }

    /// Count what somebody else has seen, under the entry of its name and method.
    pub(crate) fn add(&mut self, entry: u32, told: ErrorRecord) {
        self.merge(entry, &told);
    }

    pub fn remove(&mut self, at: usize) -> Option<ErrorRecord> {
        if at >= self.records.len() {
            return None;
        }
        self.generation += 1;
        for texts in self.by_entry.values_mut() {
            texts.retain(|_, place| *place != at);
            texts.values_mut().filter(|place| **place > at).for_each(|place| *place -= 1);
        }
        Some(self.records.remove(at))
    }

    pub fn clear(&mut self) {
        self.generation += 1;
        self.records.clear();
        self.by_entry.clear();
    }
}

/// So many bytes of a text, or a little less, and an ellipsis.
pub fn beginning(text: &str, bytes: usize) -> String {
    let end = (0..=bytes.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

/// A text, or the beginning of one that is too long.
fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_TEXT {
        return Cow::Borrowed(text);
    }
    Cow::Owned(beginning(text, LONGEST_TEXT))
}

/// The key under which all nodes know a failure: sha256, in hex, of `method.name.<repr of the masked text>`.
/// `text_repr` is what Python's `repr` makes of the text.
pub fn error_key(method: &str, name: &str, text_repr: &str) -> String {
    let digest = Sha256::digest(format!("{method}.{name}.{text_repr}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Replace the first `object at 0x…` address in a text, wherever it occurs, so that equal failures stay equal.
pub fn mask_address<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    let text = text.into();
    const MARK: &str = "object at 0x";
    let Some(found) = text.find(MARK) else { return text };
    let start = found + MARK.len() - 2;
    match text[start..].find('>') {
        Some(length) => Cow::Owned(text.replace(&text[start..start + length], "0x....")),
        None => text,
    }
}

/// The message inside `CatchResponseError('message')`, any other text as it is.
fn unwrap_message(text: &str) -> Cow<'_, str> {
    let Some(argument) = text.strip_prefix("CatchResponseError(").and_then(|rest| rest.strip_suffix(')')) else {
        return Cow::Borrowed(text);
    };
    read_string_literal(argument).map_or(Cow::Borrowed(argument), Cow::Owned)
}

/// The string that a Python string literal, as `repr` writes it, stands for.
fn read_string_literal(literal: &str) -> Option<String> {
    let quote = literal.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let inner = literal[1..].strip_suffix(quote)?;
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner.chars();
    while let Some(next) = rest.next() {
        if next == quote {
            return None;
        }
        text.push(if next == '\\' { read_escape(&mut rest)? } else { next });
    }
    Some(text)
}

fn read_escape(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let digits = match rest.next()? {
        'n' => return Some('\n'),
        'r' => return Some('\r'),
        't' => return Some('\t'),
        'x' => 2,
        'u' => 4,
        'U' => 8,
        plain @ ('\\' | '\'' | '"') => return Some(plain),
        _ => return None,
    };
    let code: String = rest.by_ref().take(digits).collect();
    u32::from_str_radix(&code, 16).ok().filter(|_| code.len() == digits).and_then(char::from_u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(texts: &[&str]) -> ErrorTable {
        let mut table = ErrorTable::default();
        for (at, text) in texts.iter().enumerate() {
            table.occurred(0, (&"GET".into(), &"/a".into()), text, 100.0 + at as f64);
        }
        table
    }

    #[test]
    fn equal_failures_are_one_record() {
        let table = table(&["ValueError('a')", "ValueError('b')", "ValueError('a')"]);
        let told: Vec<_> =
            table.records().iter().map(|r| (&*r.text, r.occurrences, r.first_seen, r.last_seen)).collect();
        assert_eq!(
            told,
            [("ValueError('a')", 2, Some(100.0), Some(102.0)), ("ValueError('b')", 1, Some(101.0), Some(101.0))]
        );
    }

    #[test]
    fn what_others_have_seen_is_added_up() {
        let mut table = table(&["X", "Y"]);
        let told = |text: &str, first, last| ErrorRecord {
            method: "GET".into(),
            name: "/a".into(),
            text: text.into(),
            occurrences: 3,
            first_seen: first,
            last_seen: last,
        };
        table.add(0, told("X", Some(90.0), None));
        table.add(0, told("Z", None, Some(1.0)));
        let seen: Vec<_> =
            table.records().iter().map(|r| (&*r.text, r.occurrences, r.first_seen, r.last_seen)).collect();
        assert_eq!(
            seen,
            [("X", 4, Some(90.0), Some(100.0)), ("Y", 1, Some(101.0), Some(101.0)), ("Z", 3, None, Some(1.0)),]
        );
    }

    #[test]
    fn a_failure_can_be_taken_out_and_comes_back_as_new() {
        let mut table = table(&["X", "Y", "Y"]);
        let before = table.generation();
        assert_eq!(table.remove(0).map(|record| record.text.to_string()), Some("X".into()));
        assert_ne!(table.generation(), before);
        assert_eq!(table.remove(7), None);
        for text in ["Y", "X"] {
            table.occurred(0, (&"GET".into(), &"/a".into()), text, 200.0);
        }
        let counted: Vec<_> = table.records().iter().map(|r| (&*r.text, r.occurrences)).collect();
        assert_eq!(counted, [("Y", 3), ("X", 1)]);
    }

    #[test]
    fn very_many_texts_are_grouped_and_still_add_up() {
        let texts: Vec<String> = (0..5_000)
            .map(|at| match at % 3 {
                0 => format!("HTTPError('500 for url: /order/{at}')"),
                1 => format!("ConnectionError(10.0.0.{}:{at})", at % 250),
                _ => format!(
                    "AssertionError('{}')",
                    "abcdefghij".repeat(1 + at / 100).replace('a', &"z".repeat(at % 97))
                ),
            })
            .collect();
        let table = table(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(table.records().len() <= EXACT_TEXTS + GROUPED_TEXTS + 1);
        assert_eq!(table.records().iter().map(|record| record.occurrences).sum::<u64>(), 5_000);
        let told = |text: &str| table.records().iter().find(|record| &*record.text == text).map(|it| it.occurrences);
        assert!(told("HTTPError('500 for url: /order/{n}')").is_some_and(|occurrences| occurrences > 1_000));
        assert!(told("ConnectionError({n}.{n}.{n}.{n}:{n})").is_some_and(|occurrences| occurrences > 1_000));
        assert!(told(OTHER_FAILURES).is_some());
    }

    #[test]
    fn failures_of_very_many_entries_are_bounded_too() {
        let mut table = ErrorTable::default();
        for at in 0..30_000u32 {
            let text = format!("E({})", at % 300);
            table.occurred(at % 150, (&"GET".into(), &"/a".into()), &text, 1.0);
        }
        assert!(table.records().len() <= MOST_RECORDS + 150);
        assert_eq!(table.records().iter().map(|record| record.occurrences).sum::<u64>(), 30_000);
    }

    #[test]
    fn a_text_without_end_is_cut() {
        let table = table(&["\u{e4}".repeat(9_000).as_str()]);
        assert!(table.records()[0].text.len() < 5_000 && table.records()[0].text.ends_with('…'));
    }

    #[test]
    fn addresses_do_not_tell_failures_apart() {
        let table = table(&["X(<a.B object at 0x7f01>)", "X(<a.B object at 0x7f02>)"]);
        assert_eq!(table.records().len(), 1);
        assert_eq!(&*table.records()[0].text, "X(<a.B object at 0x....>)");
    }

    #[test]
    fn only_the_first_address_is_masked_wherever_it_stands() {
        assert_eq!(mask_address("<object at 0x1> 0x1 <object at 0x2>"), "<object at 0x....> 0x.... <object at 0x2>");
        assert_eq!(mask_address("object at 0x1 (open end)"), "object at 0x1 (open end)");
        assert_eq!(mask_address("plain"), "plain");
    }

    #[test]
    fn the_report_shows_the_message_of_a_failed_check() {
        let named = |text: &str| table(&[text]).records()[0].to_name();
        assert_eq!(named("CatchResponseError('f1')"), "GET /a: f1");
        assert_eq!(named(r#"CatchResponseError("it's")"#), "GET /a: it's");
        assert_eq!(named(r"CatchResponseError('a\'b\n\xe9\u2028')"), "GET /a: a'b\n\u{e9}\u{2028}");
        assert_eq!(named("CatchResponseError(7)"), "GET /a: 7");
        assert_eq!(named("ValueError('f1')"), "GET /a: ValueError('f1')");
    }

    #[test]
    fn keys_are_those_of_locust() {
        assert_eq!(
            error_key("GET", "/fail", "\"CatchResponseError('f1')\""),
            "5a450ef4faaba2e93028ba81f54ef2d16b5612ee6f33db46871787f40f04ceb9"
        );
    }
}
