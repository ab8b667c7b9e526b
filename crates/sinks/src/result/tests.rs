use std::path::Path;

use super::*;

/// A small result with something in every place.
pub(crate) fn example() -> ResultFile {
    serde_json::from_str(include_str!("../../testdata/result.json")).unwrap()
}

fn refusal(text: &str) -> String {
    read_bytes(text.as_bytes(), Path::new("r.json")).unwrap_err().to_string()
}

#[test]
fn the_schema_in_docs_is_that_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/result.schema.json");
    let schema = serde_json::to_string_pretty(&schemars::schema_for!(ResultFile)).unwrap() + "\n";
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert!(stored == schema, "docs/result.schema.json is old: UPDATE=1 cargo nextest run -p gregaria-sinks schema");
}

#[test]
fn a_result_is_read_as_it_was_written() {
    let result = example();
    let written = serde_json::to_vec(&result).unwrap();
    assert!(written.starts_with(b"{\"format\":\"gregaria-result\""), "so that a cut file is known for what it is");
    assert_eq!(read_bytes(&written, Path::new("r.json")).unwrap(), result);
}

#[test]
fn other_files_are_refused_by_what_they_are() {
    assert_eq!(refusal(" \n"), "'r.json' is no result file of Gregaria: it is empty");
    assert!(
        refusal("Type,Name\n").starts_with("'r.json' is no result file of Gregaria: it is no JSON (expected value")
    );
    assert_eq!(refusal("[1]"), "'r.json' is no result file of Gregaria: it holds no JSON object");
    assert_eq!(refusal("{}"), "'r.json' is no result file of Gregaria: its \"format\" is not \"gregaria-result\"");
    assert!(refusal(r#"{"format": "gregaria-result", "version": 7}"#).contains("has version 7 of the result format"));
    assert!(refusal(r#"{"format": "gregaria-result", "version": 0}"#).ends_with("its \"version\" is no number from 1"));
    assert!(refusal(r#"{"format": "gregaria-result", "version": 1}"#).contains("broken: missing field `run`"));
}

#[test]
fn a_file_that_ends_in_the_middle_is_called_broken() {
    let written = serde_json::to_string(&example()).unwrap();
    for part in [60, written.len() / 2, written.len() - 1] {
        assert!(refusal(&written[..part]).contains("is broken: it ends in the middle"), "{part}");
    }
}

#[test]
fn numbers_that_contradict_each_other_are_refused() {
    let broken = |change: fn(&mut ResultFile)| {
        let mut result = example();
        change(&mut result);
        refusal(&serde_json::to_string(&result).unwrap())
    };
    assert!(broken(|result| result.entries[0].requests += 1).contains("are not as many as its histogram holds"));
    assert!(broken(|result| result.history.entries[0].entry = 99).contains("an entry 99 that is not there"));
    let lengths = "the lists of a segment of its history have different lengths";
    assert!(broken(|result| result.history.total[0].users.clear()).contains(lengths));
    assert!(broken(|result| result.history.total[0].windows.bytes.clear()).contains(lengths));
    assert!(broken(|result| result.history.entries[0].segments[0].step_s = 0).contains(lengths));
}

#[test]
fn a_file_that_is_not_there_says_why() {
    let error = read(Path::new("/nowhere/r.json")).unwrap_err();
    assert_eq!(error.sentence(), "cannot read '/nowhere/r.json': No such file or directory (os error 2)");
}
