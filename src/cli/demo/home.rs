//! The folder of a demo: data, key, configuration, and the simulated shop.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use crate::cli::init::write_new;
use crate::cli::{CliError, Exit};
use crate::config::MasterKey;
use crate::daemon::StartError;
use crate::daemon::lock::DataLock;

/// Ports that others remember: the shop has the daemon's in its subscriptions, and the daemon the
/// shop's in its store. A kept demo takes the same ones again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ports {
    pub(super) public: SocketAddr,
    pub(super) simulator: SocketAddr,
    /// The simulated BigCommerce's.
    pub(super) bigcommerce: SocketAddr,
}

/// A folder that is a demo's own.
#[derive(Debug)]
pub(super) struct Home {
    folder: PathBuf,
    /// Deletes the folder when dropped; none for one that is kept.
    temporary: Option<TempDir>,
    private: SocketAddr,
    ports: Ports,
}

impl Home {
    /// A temporary folder, or the one to keep, with everything a start needs in it.
    pub(super) fn open(keep: Option<&Path>, private: SocketAddr) -> Result<Self, CliError> {
        let (folder, temporary) = if let Some(folder) = keep {
            (kept(folder).map_err(|error| cannot(folder, &error))?, None)
        } else {
            let temporary = tempfile::Builder::new().prefix("instasync-demo-").tempdir();
            let temporary = temporary.map_err(|error| cannot(&std::env::temp_dir(), &error))?;
            (temporary.path().to_owned(), Some(temporary))
        };
        // Who holds the folder is told before anything in it is touched. The daemon takes the lock
        // again, for as long as it runs.
        drop(DataLock::take(&folder).map_err(StartError::from)?);
        let ports = prepare(&folder).map_err(|error| cannot(&folder, &error))?;
        let home = Self { folder, temporary, private, ports };
        home.write_config().map_err(|error| cannot(&home.folder, &error))?;
        Ok(home)
    }

    pub(super) fn ports(&self) -> Ports {
        self.ports
    }

    /// Where the shop is kept.
    pub(super) fn shop_file(&self) -> PathBuf {
        self.folder.join("shop.json")
    }

    /// Where the simulated BigCommerce is kept.
    pub(super) fn bigcommerce_file(&self) -> PathBuf {
        self.folder.join("bigcommerce.json")
    }

    /// The configuration, for commands that talk to this demo.
    pub(super) fn config_file(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    /// The private socket.
    pub(super) fn socket(&self) -> PathBuf {
        self.folder.join("private.sock")
    }

    /// For people: where the data is and what becomes of it.
    pub(super) fn describe(&self) -> String {
        match self.temporary {
            Some(_) => "a temporary folder (deleted on exit; keep with --keep ./data)".to_owned(),
            None => format!("{} (kept)", self.folder.display()),
        }
    }

    /// Settings that make the demo one: they win over the environment, so that a shell prepared for
    /// a real daemon cannot lead the demo to its data.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let path = |name: &str| self.folder.join(name).display().to_string();
        vec![
            ("public.listen", self.ports.public.to_string()),
            ("public.url", format!("http://{}", self.ports.public)),
            ("private.listen", self.private.to_string()),
            ("private.socket", path("private.sock")),
            ("database.url", format!("sqlite:{}", path("instasync.db"))),
            ("secrets.master_key_file", path("master-key")),
            ("outbound.allow_private", "true".to_owned()),
        ]
    }

    fn write_config(&self) -> std::io::Result<()> {
        let mut text = "# Written by `instasync demo`, anew at every start.\n".to_owned();
        let mut current = "";
        for (key, value) in self.settings() {
            let (section, name) = key.split_once('.').unwrap_or((key, ""));
            if section != current {
                text.extend(["\n[", section, "]\n"]);
                current = section;
            }
            let value = match value.parse::<bool>() {
                Ok(truth) => toml::Value::from(truth),
                Err(_text) => toml::Value::from(value),
            };
            text.extend([name, " = ", &value.to_string(), "\n"]);
        }
        std::fs::write(self.config_file(), text)
    }
}

/// The folder to keep, made if it is missing, by its full path.
fn kept(folder: &Path) -> std::io::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
    Ok(folder)
}

/// Makes what is missing in the folder.
fn prepare(folder: &Path) -> std::io::Result<Ports> {
    let key = folder.join("master-key");
    if !key.exists() {
        write_new(&key, 0o600, &MasterKey::random().to_text())?;
    }
    let file = folder.join("ports.json");
    // Ports of a build that knew fewer stores are drawn anew.
    if file.exists()
        && let Ok(ports) = serde_json::from_slice(&std::fs::read(&file)?)
    {
        return Ok(ports);
    }
    let ports = free_ports()?;
    std::fs::write(&file, serde_json::to_vec(&ports)?)?;
    Ok(ports)
}

/// Free ports. All are held until all are known, so that they differ.
fn free_ports() -> std::io::Result<Ports> {
    let free = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (public, simulator, bigcommerce) = (free()?, free()?, free()?);
    Ok(Ports {
        public: public.local_addr()?,
        simulator: simulator.local_addr()?,
        bigcommerce: bigcommerce.local_addr()?,
    })
}

fn cannot(folder: &Path, error: &std::io::Error) -> CliError {
    let sentence = format!(
        "the folder {} cannot be used for a demo: {error}; name another with --keep",
        folder.display()
    );
    CliError::new(Exit::Configuration, sentence)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::config::{Config, LoadOptions};

    #[test]
    fn a_kept_home_is_found_again_and_a_temporary_one_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let listen: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let data = folder.path().join("a \"b\"");
        let first = Home::open(Some(&data), listen).unwrap();
        let key = std::fs::read(data.join("master-key")).unwrap();
        let again = Home::open(Some(&data), listen).unwrap();
        assert_eq!(again.ports(), first.ports());
        assert_eq!(std::fs::read(data.join("master-key")).unwrap(), key);

        let temporary = Home::open(None, listen).unwrap();
        let path = temporary.config_file();
        assert!(path.exists());
        drop(temporary);
        assert!(!path.exists());
    }

    #[test]
    fn a_home_that_is_lived_in_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let held = DataLock::take(folder.path()).unwrap();
        let error = Home::open(Some(folder.path()), "127.0.0.1:0".parse().unwrap()).unwrap_err();
        assert_eq!(error.exit, Exit::InUse);
        assert!(error.sentence.contains(&std::process::id().to_string()), "{error}");
        assert!(!folder.path().join("config.toml").exists());
        drop(held);
    }

    #[test]
    fn the_environment_cannot_lead_a_demo_to_other_data() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(folder.path()), "127.0.0.1:0".parse().unwrap()).unwrap();
        let environment = BTreeMap::from([
            ("INSTASYNC__DATABASE__URL".to_owned(), "sqlite:/var/lib/real.db".to_owned()),
            ("INSTASYNC__LOG__FORMAT".to_owned(), "json".to_owned()),
        ]);
        let options = LoadOptions {
            file: Some(home.config_file()),
            flags: home.settings(),
            environment: Some(environment),
        };
        let (config, sources) = Config::load(options).unwrap();
        let rows = sources.rows(&config);
        let value = |key| rows.iter().find(|row| row.0 == key).unwrap().1.clone();
        assert!(value("database.url").contains(&*folder.path().to_string_lossy()));
        assert!(value("log.format").contains("json"));
        assert!(config.outbound.allow_private);

        // The file alone says the same, for commands that are given it.
        let options = LoadOptions {
            file: Some(home.config_file()),
            environment: Some(BTreeMap::new()),
            ..LoadOptions::default()
        };
        assert_eq!(Config::load(options).unwrap().0.private.socket, Some(home.socket()));
    }
}
