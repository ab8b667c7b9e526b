use std::fs;

use super::*;
use crate::result::tests::example;

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("gregaria-runs-{}-{name}", std::process::id()));
        fs::remove_dir_all(&folder).ok();
        Folder(folder)
    }

    fn open(&self, project: &str, limits: Limits) -> Result<RunStore, StoreError> {
        RunStore::open(&self.0, project, limits)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn ids(store: &RunStore) -> Vec<i64> {
    store.list().unwrap().iter().map(|run| run.id).collect()
}

#[test]
fn a_run_comes_back_as_it_was_kept() {
    let folder = Folder::new("back");
    let store = folder.open("/a", Limits::default()).unwrap();
    assert_eq!(store.list().unwrap(), []);
    let id = store.add(&example()).unwrap();
    let run = store.list().unwrap().remove(0);
    let result = example();
    assert_eq!((run.id, run.started, run.requests), (id, result.run.started_at, result.total.requests));
    assert_eq!(run.p95_ms, result.total.percentiles_us.get("95").map(|us| *us as f64 / 1_000.0));
    assert_eq!(store.result(id).unwrap(), Some(result));
    drop(store);
    let again = folder.open("/a", Limits::default()).unwrap();
    assert_eq!(again.list().unwrap(), [run]);
    assert!(again.delete(id).unwrap() && !again.delete(id).unwrap());
    assert_eq!((again.result(id).unwrap(), ids(&again)), (None, vec![]));
}

#[test]
fn every_project_has_its_own_runs() {
    let folder = Folder::new("own");
    let (one, other) = (folder.open("/a", Limits::default()).unwrap(), folder.open("/b", Limits::default()).unwrap());
    let id = one.add(&example()).unwrap();
    assert!(ids(&other).is_empty());
    assert!(other.result(id).unwrap().is_none() && !other.delete(id).unwrap());
    let second = other.add(&example()).unwrap();
    assert_eq!((ids(&one), ids(&other)), (vec![id], vec![second]));
}

#[test]
fn the_oldest_make_place() {
    let folder = Folder::new("oldest");
    let store = folder.open("/a", Limits { runs: 3, bytes: u64::MAX >> 1 }).unwrap();
    let added: Vec<i64> = (0..5).map(|_| store.add(&example()).unwrap()).collect();
    assert_eq!(ids(&store), [added[4], added[3], added[2]]);
    let size = store.list().unwrap()[0].bytes;
    let small = folder.open("/b", Limits { runs: 100, bytes: size * 2 }).unwrap();
    let last = small.add(&example()).unwrap();
    assert_eq!((ids(&store), ids(&small)), (vec![added[4]], vec![last]));
    let tiny = folder.open("/b", Limits { runs: 100, bytes: 1 }).unwrap();
    let newest = tiny.add(&example()).unwrap();
    assert_eq!((ids(&store), ids(&tiny)), (vec![], vec![newest]), "the newest is kept, however large it is");
}

#[test]
fn a_broken_store_is_named_with_the_way_out_and_left_alone() {
    let folder = Folder::new("broken");
    fs::create_dir_all(&folder.0).unwrap();
    let file = folder.0.join(FILE);
    fs::write(&file, "no database, but longer than its header would be, and so on, and so on, and so on, and so on ……")
        .unwrap();
    let before = fs::read(&file).unwrap();
    let error = folder.open("/a", Limits::default()).unwrap_err();
    assert!(matches!(error, StoreError::Broken { .. }), "{error:?}");
    let text = error.sentence();
    assert!(text.starts_with(&format!("the store of runs '{}' is broken; move it away", file.display())), "{text}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_store_that_breaks_meanwhile_is_an_error_and_not_the_end() {
    let folder = Folder::new("meanwhile");
    let store = folder.open("/a", Limits::default()).unwrap();
    let id = store.add(&example()).unwrap();
    let file = folder.0.join(FILE);
    fs::write(&file, vec![b'x'; fs::metadata(&file).unwrap().len() as usize]).unwrap();
    let reopened = folder.open("/a", Limits::default()).unwrap_err();
    assert!(matches!(reopened, StoreError::Broken { .. }), "{reopened:?}");
    assert!(store.list().is_err() && store.packed(id).is_err() && store.add(&example()).is_err());
}

#[test]
fn a_store_of_another_version_or_without_its_table_is_refused() {
    let folder = Folder::new("version");
    drop(folder.open("/a", Limits::default()).unwrap());
    let change = |sql: &str| Connection::open(folder.0.join(FILE)).unwrap().execute_batch(sql).unwrap();
    change("PRAGMA user_version = 9");
    let error = folder.open("/a", Limits::default()).unwrap_err();
    assert!(error.to_string().contains("is of a newer Gregaria (its version is 9)"), "{error}");
    change("PRAGMA user_version = 1; DROP TABLE runs");
    assert!(matches!(folder.open("/a", Limits::default()), Err(StoreError::Broken { .. })));
}

#[test]
fn a_broken_result_is_an_error_of_its_own() {
    let folder = Folder::new("result");
    let store = folder.open("/a", Limits::default()).unwrap();
    let (cut, foreign) = (store.add(&example()).unwrap(), store.add(&example()).unwrap());
    let connection = Connection::open(folder.0.join(FILE)).unwrap();
    connection.execute("UPDATE runs SET result = substr(result, 1, 40) WHERE id = ?1", [cut]).unwrap();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"{}").unwrap();
    let packed = encoder.finish().unwrap();
    connection.execute("UPDATE runs SET result = ?1 WHERE id = ?2", params![packed, foreign]).unwrap();
    assert!(matches!(store.result(cut), Err(StoreError::Unpack(_))));
    assert!(matches!(store.result(foreign), Err(StoreError::Result(_))));
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let folder = Folder::new("cannot");
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("file"), "").unwrap();
    let error = RunStore::open(&folder.0.join("file/inside"), "/a", Limits::default()).unwrap_err();
    assert!(matches!(error, StoreError::Folder { .. }), "{error:?}");
}

#[test]
fn several_may_write_at_the_same_time() {
    let folder = Folder::new("several");
    drop(folder.open("/a", Limits::default()).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let store = folder.open("/a", Limits::default()).unwrap();
                for _ in 0..5 {
                    store.add(&example()).unwrap();
                }
            });
        }
    });
    assert_eq!(ids(&folder.open("/a", Limits::default()).unwrap()).len(), 20);
}
