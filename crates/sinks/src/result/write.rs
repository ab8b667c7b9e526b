//! Writing result files and reports: a file is either the old one or the new one, never half of it, so that whoever is
//! killed in the middle leaves the last complete state behind.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::ResultFile;
use crate::error::Error;

/// See that a file can be written, without touching what is in it; missing folders are made.
pub fn prepare(path: &Path) -> Result<(), Error> {
    let failed = |source| Error::Create { path: path.into(), source };
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        fs::create_dir_all(folder).map_err(|source| Error::Create { path: folder.into(), source })?;
    }
    if let Ok(there) = fs::metadata(path) {
        File::options().append(true).open(path).map_err(failed)?;
        if !there.is_file() {
            return Ok(());
        }
    }
    let partial = partial(path);
    File::create(&partial).map_err(failed)?;
    fs::remove_file(&partial).map_err(failed)
}

/// Write a result.
pub fn write(path: &Path, result: &ResultFile) -> Result<(), Error> {
    replace(path, |file| Ok(serde_json::to_writer(file, result)?))
}

/// Write a text.
pub fn write_text(path: &Path, text: &str) -> Result<(), Error> {
    replace(path, |file| file.write_all(text.as_bytes()))
}

fn partial(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.partial", std::process::id()));
    path.with_file_name(name)
}

fn replace(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), Error> {
    let whole = |mut file: BufWriter<File>| {
        content(&mut file)?;
        file.flush()
    };
    let failed = |source| Error::Write { path: path.into(), source };
    // A pipe or a device can only be written to.
    if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return File::options().append(true).open(path).and_then(|file| whole(BufWriter::new(file))).map_err(failed);
    }
    let partial = partial(path);
    let written =
        File::create(&partial).and_then(|file| whole(BufWriter::new(file))).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        fs::remove_file(&partial).ok();
    }
    written.map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("gregaria-write-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_else_stays() {
        let folder = folder("whole");
        let path = folder.join("deeper/report.html");
        prepare(&path).unwrap();
        assert!(!path.exists());
        write_text(&path, "one").unwrap();
        prepare(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        write_text(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        let failing = replace(&path, |file| {
            file.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(matches!(failing, Err(Error::Write { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_found_before() {
        let folder = folder("before");
        let kind = |path: &Path| match prepare(path).unwrap_err() {
            Error::Create { source, .. } => source.kind(),
            other => panic!("{other}"),
        };
        assert_eq!(kind(&folder), io::ErrorKind::IsADirectory);
        write_text(&folder.join("file"), "").unwrap();
        assert_eq!(kind(&folder.join("file/inside")), io::ErrorKind::AlreadyExists);
        assert_eq!(kind(Path::new("/proc/nowhere/r.json")), io::ErrorKind::NotFound);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_full_disk_is_told() {
        let full = Path::new("/dev/full");
        prepare(full).unwrap();
        let Error::Write { source, .. } = write_text(full, "text").unwrap_err() else { panic!("another error") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    }
}
