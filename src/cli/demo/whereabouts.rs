//! Where the running demo is, written down for `instasync simulate`.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::cli::init::write_new;
use crate::config::environment;

/// Where a demo is. With several at once, the one that started last is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Whereabouts {
    /// Base address of its simulated shop.
    pub(in crate::cli) simulator: String,
    /// Base address of its simulated BigCommerce store.
    pub(in crate::cli) bigcommerce: String,
    /// Its process.
    pub(in crate::cli) pid: u32,
}

/// Removes the file when dropped, unless another demo has written its own there.
#[derive(Debug)]
pub(super) struct Announced(Whereabouts);

impl Whereabouts {
    /// The file: in the runtime folder of this user, else in the folder for temporary files.
    pub(in crate::cli) fn file() -> io::Result<PathBuf> {
        let runtime = environment("XDG_RUNTIME_DIR").map(PathBuf::from);
        match runtime.filter(|folder| folder.is_dir()) {
            Some(folder) => Ok(folder.join("instasync-demo.json")),
            None => Ok(std::env::temp_dir().join(format!("instasync-demo-{}.json", user()?))),
        }
    }

    /// What the file says. `None`: there is none.
    pub(in crate::cli) fn find() -> io::Result<Option<Self>> {
        let file = Self::file()?;
        let owner = match std::fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?.uid(),
        };
        // Everybody can write into the folder for temporary files.
        if owner != user()? {
            let why = format!("{} belongs to another user", file.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        Ok(Some(serde_json::from_slice(&std::fs::read(file)?)?))
    }

    /// Writes it down, in place of what a demo before said.
    pub(super) fn announce(self) -> io::Result<Announced> {
        let file = Self::file()?;
        match std::fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        write_new(&file, 0o600, &serde_json::to_string(&self)?)?;
        Ok(Announced(self))
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        let ours = Whereabouts::find().is_ok_and(|found| found.as_ref() == Some(&self.0));
        let removed =
            if ours { Whereabouts::file().and_then(std::fs::remove_file) } else { Ok(()) };
        if let Err(error) = removed {
            tracing::warn!(%error, "the file that says where the demo is stays behind");
        }
    }
}

/// This process's user.
fn user() -> io::Result<u32> {
    Ok(std::fs::metadata("/proc/self")?.uid())
}
