//! A file that is there whole or not at all: it has its name when everything is written and on the disk.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use crate::error::{CtlError, Result};
use crate::profile::io;

/// A file being written, for its owner alone; dropped before `finish`, nothing of it stays.
pub struct WholeFile {
    name: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
}

impl WholeFile {
    /// Begins beside the name that it will have. What has that name stays until then.
    ///
    /// # Errors
    /// When there is no such folder, or nothing can be written there.
    pub fn begin(name: PathBuf) -> Result<Self> {
        let last = name.file_name().ok_or_else(|| CtlError::Usage(format!("'{}' is not the name of a file", name.display())))?;
        if name.is_dir() {
            return Err(CtlError::Usage(format!("'{}' is a folder", name.display())));
        }
        let mut partial = last.to_owned();
        partial.push(format!(".{}.partial", std::process::id()));
        let partial = name.with_file_name(partial);
        let file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&partial).map_err(|source| io("write", &name, source))?;
        Ok(Self { name, partial, file: BufWriter::new(file) })
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// When it cannot be written to the end; then nothing of it stays.
    pub fn finish(mut self) -> Result<()> {
        let done =
            self.file.flush().and_then(|()| self.file.get_ref().sync_all()).and_then(|()| std::fs::rename(&self.partial, &self.name));
        done.map_err(|source| io("write", &self.name, source))
    }
}

impl Write for WholeFile {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.file.write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // After `finish` there is none of that name.
        drop(std::fs::remove_file(&self.partial));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_when_it_is_whole_and_leaves_nothing_when_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("events.csv");
        let names = || std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>();
        std::fs::write(&name, "before").unwrap();
        let mut file = WholeFile::begin(name.clone()).unwrap();
        file.write_all(b"half").unwrap();
        assert_eq!(names().len(), 2);
        drop(file);
        assert_eq!((names(), std::fs::read_to_string(&name).unwrap()), (vec!["events.csv".to_owned()], "before".to_owned()));
        let mut file = WholeFile::begin(name.clone()).unwrap();
        file.write_all(b"after").unwrap();
        file.finish().unwrap();
        assert_eq!((names(), std::fs::read_to_string(&name).unwrap()), (vec!["events.csv".to_owned()], "after".to_owned()));
        assert!(WholeFile::begin(folder.path().to_owned()).is_err() && WholeFile::begin("/nonexistent/x".into()).is_err());
    }
}
