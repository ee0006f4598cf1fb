//! `init`: a configuration and a master key to start from.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{CliError, Exit, output};
use crate::config::MasterKey;

/// Options of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to write.
    #[arg(long, default_value = SYSTEM, value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<Exit, CliError> {
    // Anywhere but in the system's place, the folder holds everything a daemon needs.
    let own = args.dir != Path::new(SYSTEM);
    let config = args.dir.join("config.toml");
    let credentials = args.dir.join("credentials");
    let key = credentials.join("master-key");
    for file in [&config, &key] {
        if file.exists() {
            let sentence = format!("{} is there already; nothing was written.", file.display());
            return Err(CliError::new(Exit::Error, sentence));
        }
    }
    let written = || -> std::io::Result<()> {
        std::fs::create_dir_all(&credentials)?;
        std::fs::set_permissions(
            &credentials,
            std::os::unix::fs::PermissionsExt::from_mode(0o700),
        )?;
        write_new(&key, 0o600, &MasterKey::random().to_text())?;
        write_new(&config, 0o644, &if own { beside(&args.dir, &key) } else { sample(&key) })
    };
    written().map_err(|error| {
        CliError::new(Exit::Error, format!("{} cannot be written: {error}", args.dir.display()))
    })?;
    output::talk(&format!("Wrote {} and {}.", config.display(), key.display()));
    output::talk(
        "Keep a copy of the master key in a safe place: without it, stored credentials cannot be opened.\n",
    );
    output::talk("Next:");
    output::talk(&format!("  edit {}        set public.url", config.display()));
    if own {
        output::talk(&format!("  export INSTASYNC_CONFIG={}", config.display()));
    }
    output::talk("  instasync check-config");
    output::talk(if own { "  instasync serve" } else { "  systemctl enable --now instasync" });
    output::talk("  instasync store add --help");
    Ok(Exit::Ok)
}

/// Where the service looks.
const SYSTEM: &str = "/etc/instasync";

/// Writes a file that must not be there yet.
pub(super) fn write_new(path: &Path, mode: u32, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::File::options().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sample(key: &Path) -> String {
    format!(
        "# Instasync. Every key is explained by `instasync config show --defaults`.\n\n\
         [public]\n# Where carts reach this daemon from outside; needs https.\n\
         # url = \"https://hooks.example.com\"\n\n\
         [secrets]\n# Under systemd the unit hands the key over (LoadCredential), and this is not needed.\n\
         # It has to be readable by the user that runs instasync.\n\
         # master_key_file = {:?}\n",
        key.display().to_string()
    )
}

/// A configuration whose data and socket lie beside it: for a daemon that is started by hand.
fn beside(folder: &Path, key: &Path) -> String {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let key = std::path::absolute(key).unwrap_or_else(|_| key.to_owned());
    let text = |path: &Path| toml::Value::String(path.display().to_string());
    let book = toml::Value::String(format!("sqlite:{}/data/instasync.db", folder.display()));
    format!(
        "# Instasync. Every key is explained by `instasync config show --defaults`.\n\n\
         [public]\n# Where carts reach this daemon from outside; needs https.\n\
         # url = \"https://hooks.example.com\"\n\n\
         [private]\nsocket = {}\n\n[database]\nurl = {book}\n\n[secrets]\nmaster_key_file = {}\n",
        text(&folder.join("private.sock")),
        text(&key),
    )
}

/// The content of a secret file, without the one newline that editors put at its end.
pub(super) fn read_secret(path: &Path) -> Result<String, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        CliError::new(Exit::Error, format!("{} cannot be read: {error}", path.display()))
    })?;
    let secret = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text));
    let secret = secret.unwrap_or(&text).to_owned();
    if secret.is_empty() {
        return Err(CliError::new(Exit::Error, format!("{} is empty", path.display())));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_never_overwrites() {
        let folder = tempfile::tempdir().unwrap();
        let args = Args { dir: folder.path().join("etc") };
        assert_eq!(run(&args).unwrap(), Exit::Ok);
        let key = std::fs::read(args.dir.join("credentials/master-key")).unwrap();
        assert!(MasterKey::parse(&key).is_some());
        assert!(run(&args).unwrap_err().sentence.contains("nothing was written"));
        assert_eq!(std::fs::read(args.dir.join("credentials/master-key")).unwrap(), key);
    }

    #[test]
    fn a_folder_of_ones_own_holds_everything_a_daemon_needs() {
        let folder = tempfile::tempdir().unwrap();
        let args = Args { dir: folder.path().join("own \"place\"") };
        run(&args).unwrap();
        let options = crate::config::LoadOptions {
            file: Some(args.dir.join("config.toml")),
            environment: Some(std::collections::BTreeMap::new()),
            ..crate::config::LoadOptions::default()
        };
        let (config, _) = crate::config::Config::load(options).unwrap();
        MasterKey::load(config.secrets.master_key_file.as_deref()).unwrap();
        assert_eq!(config.private.socket, Some(args.dir.join("private.sock")));
        let book = args.dir.join("data/instasync.db");
        assert_eq!(config.database.url, crate::config::DatabaseUrl::Sqlite(book));
    }

    #[test]
    fn one_trailing_newline_of_a_secret_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        for (content, secret) in [("hush", "hush"), ("hush\n", "hush"), ("hush\n\n", "hush\n")] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(read_secret(&file).unwrap(), secret);
        }
    }
}
