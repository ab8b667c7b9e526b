//! Files that always hold whole reports: one kind is replaced by each report, the other grows.
//!
//! A disk that is full costs no earlier report: what could not be appended is kept and tried again with the next.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;

/// So much is kept for a disk that takes nothing.
const PENDING_BYTES: usize = 8 << 20;

fn create(path: &Path) -> Result<File, Error> {
    File::create(path).map_err(|source| Error::Create { path: path.to_path_buf(), source })
}

/// A file whose whole content is replaced in place, by one write.
pub struct ReplacedFile {
    path: PathBuf,
    file: File,
    length: u64,
    failing: bool,
}

impl ReplacedFile {
    pub fn create(path: PathBuf) -> Result<Self, Error> {
        Ok(Self { file: create(&path)?, path, length: 0, failing: false })
    }

    /// Replace the content. Tells an error once, until a write has succeeded again.
    pub fn replace(&mut self, content: &[u8]) -> Result<(), Error> {
        let written = self.write(content);
        tell_once(&mut self.failing, &self.path, written)
    }

    fn write(&mut self, content: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(content)?;
        if self.length > content.len() as u64 {
            self.file.set_len(content.len() as u64)?;
        }
        self.length = content.len() as u64;
        Ok(())
    }
}

/// A file that grows by each report.
pub struct GrowingFile {
    path: PathBuf,
    file: File,
    length: u64,
    length_before_last: u64,
    pending: Vec<u8>,
    failing: bool,
}

impl GrowingFile {
    pub fn create(path: PathBuf) -> Result<Self, Error> {
        let file = create(&path)?;
        Ok(Self { path, file, length: 0, length_before_last: 0, pending: Vec::new(), failing: false })
    }

    /// Append. Tells an error once, until a write has succeeded again.
    pub fn append(&mut self, content: &[u8]) -> Result<(), Error> {
        if self.pending.len() < PENDING_BYTES {
            self.pending.extend_from_slice(content);
        }
        let written = self.write_pending();
        tell_once(&mut self.failing, &self.path, written)
    }

    /// Append in place of what was appended last.
    pub fn replace_last(&mut self, content: &[u8]) -> Result<(), Error> {
        if self.pending.is_empty() {
            self.length = self.length_before_last;
            let cut = self.file.set_len(self.length);
            tell_once(&mut self.failing, &self.path, cut)?;
        }
        self.append(content)
    }

    fn write_pending(&mut self) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.length))?;
        if let Err(error) = self.file.write_all(&self.pending) {
            // Half a line must not stay: if cutting fails too, the next write overwrites it all the same.
            self.file.set_len(self.length).ok();
            return Err(error);
        }
        self.length_before_last = self.length;
        self.length += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

fn tell_once(failing: &mut bool, path: &Path, result: io::Result<()>) -> Result<(), Error> {
    let told = std::mem::replace(failing, result.is_err());
    match result {
        Err(source) if !told => Err(Error::Write { path: path.to_path_buf(), source }),
        _ => Ok(()),
    }
}
