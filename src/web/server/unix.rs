//! The private listener's unix socket: whoever may open the file is admin, so its mode is the lock.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Owner and group may talk to the daemon, others not.
const MODE: u32 = 0o660;

/// A socket file that is ours, removed when dropped.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
}

/// Listens at `path`. The file that a dead process left there is removed; `AddrInUse` if a living
/// one answers or something else than a socket is in the way.
pub(super) fn listen(path: &Path) -> io::Result<(UnixListener, SocketFile)> {
    remove_stale(path)?;
    let listener = UnixListener::bind(path)?;
    let file = SocketFile { path: path.to_owned() };
    std::fs::set_permissions(path, Permissions::from_mode(MODE))?;
    Ok((listener, file))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let taken = |why: &str| {
        let text = format!("{} {why}", path.display());
        Err(io::Error::new(io::ErrorKind::AddrInUse, text))
    };
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
        Ok(found) if !found.file_type().is_socket() => return taken("is not a socket"),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => taken("is served by another process"),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
        }
        Err(error) => Err(error),
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        match std::fs::remove_file(&self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(%error, path = %self.path.display(), "the socket file stays behind");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_process_socket_is_replaced_and_a_living_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        // Dropping a bare listener leaves its file, as a killed process does.
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let (listener, file) = listen(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        assert_eq!(listen(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        drop((listener, file));
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_is_no_socket_is_never_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        std::fs::write(&path, "precious").unwrap();
        assert_eq!(listen(&path).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
