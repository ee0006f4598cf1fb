//! The lock on the data folder: one process owns it.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Held as long as it lives; the system lets go of it however the process ends.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

/// Why the data folder cannot be owned.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process owns it.
    #[error("the data folder {} is in use by process {holder}; stop that one first", folder.display())]
    Held {
        /// The folder.
        folder: PathBuf,
        /// The holder's process id, or `unknown`.
        holder: String,
    },
    /// It cannot be made or written.
    #[error("the data folder {} cannot be written: {source}; make it and give it to the user that runs instasync", folder.display())]
    NotWritable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl DataLock {
    /// Makes the folder if it is missing and takes its lock.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let not_writable = |source| LockError::NotWritable { folder: folder.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(not_writable)?;
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(folder.join("instasync.lock"))
            .map_err(not_writable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let known = file.read_to_string(&mut holder).is_ok() && !holder.trim().is_empty();
                let holder = if known { holder.trim().to_owned() } else { "unknown".to_owned() };
                return Err(LockError::Held { folder: folder.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(not_writable(source)),
        }
        // Whoever finds the folder locked reads here by whom.
        file.set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()))
            .and_then(|()| file.flush())
            .map_err(not_writable)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_owns_the_data_folder() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let held = DataLock::take(&data).unwrap();
        let second = DataLock::take(&data).unwrap_err();
        let expected = format!("is in use by process {}", std::process::id());
        assert!(second.to_string().contains(&expected), "{second}");
        drop(held);
        DataLock::take(&data).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = DataLock::take(&file.join("data")).unwrap_err();
        assert!(matches!(error, LockError::NotWritable { .. }), "{error}");
    }
}
