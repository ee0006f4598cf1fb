//! The master key: 32 bytes that open every stored secret.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tracing::warn;
use zeroize::Zeroizing;

/// The key. Printed nowhere, wiped when dropped.
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why there is no master key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No file is named and systemd hands none over.
    #[error(
        "there is no master key: set secrets.master_key_file, or hand it over with systemd's \
         LoadCredential=master-key (`instasync init` makes one)"
    )]
    NotNamed,
    /// The file cannot be read.
    #[error("the master key {} cannot be read: {why}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The file holds something else.
    #[error(
        "{} is no master key: it must hold 32 raw bytes, 64 hex digits or their base64 \
         (`instasync init` makes one)",
        path.display()
    )]
    Malformed {
        /// Which file.
        path: PathBuf,
    },
}

impl MasterKey {
    /// A new random key.
    pub fn random() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// Reads the file that the configuration names, else systemd's credential.
    pub fn load(named: Option<&Path>) -> Result<Self, KeyError> {
        let credentials = super::load::environment("CREDENTIALS_DIRECTORY");
        let credential = credentials.map(|folder| PathBuf::from(folder).join("master-key"));
        let path = named.map(Path::to_owned).or(credential.filter(|path| path.exists()));
        Self::read(&path.ok_or(KeyError::NotNamed)?)
    }

    fn read(path: &Path) -> Result<Self, KeyError> {
        let unreadable = |error: std::io::Error| KeyError::Unreadable {
            path: path.into(),
            why: error.to_string(),
        };
        let bytes = Zeroizing::new(std::fs::read(path).map_err(unreadable)?);
        warn_if_open_to_others(path);
        Self::parse(&bytes).ok_or_else(|| KeyError::Malformed { path: path.into() })
    }

    /// 32 raw bytes; or text, with white space around it ignored: 64 hex digits or base64.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if let Ok(raw) = <[u8; 32]>::try_from(bytes) {
            return Some(Self(Zeroizing::new(raw)));
        }
        let text = std::str::from_utf8(bytes).ok()?.trim();
        let key = if text.len() == 64 { hex(text)? } else { BASE64_STANDARD.decode(text).ok()? };
        let key = Zeroizing::new(key);
        <[u8; 32]>::try_from(key.as_slice()).ok().map(|key| Self(Zeroizing::new(key)))
    }

    /// The bytes, for the vault.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// As `init` writes it: base64, one line.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64_STANDARD.encode(self.0.as_slice()) + "\n")
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digit = |c: u8| char::from(c).to_digit(16).map(|digit| digit as u8);
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}

fn warn_if_open_to_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).map_or(0, |meta| meta.permissions().mode());
    if mode & 0o077 != 0 {
        warn!(path = %path.display(), "the master key can be read by others; chmod 600 it");
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_hex_and_base64_are_one_key() {
        let raw = [0xab; 32];
        let hex = format!("\n {} \n", "ab".repeat(32));
        let base64 = BASE64_STANDARD.encode(raw) + "\n";
        for bytes in [raw.as_slice(), hex.as_bytes(), base64.as_bytes()] {
            assert_eq!(MasterKey::parse(bytes).unwrap().expose(), &raw);
        }
        for bad in [&b"short"[..], &[1; 31], &[1; 33], "zz".repeat(32).as_bytes()] {
            assert!(MasterKey::parse(bad).is_none());
        }
        let key = MasterKey::random();
        assert_eq!(MasterKey::parse(key.to_text().as_bytes()).unwrap().expose(), key.expose());
        assert_eq!(format!("{key:?}"), "MasterKey(…)");
    }

    #[test]
    fn a_missing_key_names_its_path() {
        let error = MasterKey::read(Path::new("/nowhere/key")).unwrap_err();
        assert!(error.to_string().starts_with("the master key /nowhere/key cannot be read"));
    }
}
