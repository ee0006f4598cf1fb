//! Laying the layers over one another.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, find, nearest};
use super::setting::Raw;
use super::{Config, DEFAULT, DatabaseUrl};

/// Where the configuration is looked for when nothing else is said.
const SYSTEM: &str = "/etc/instasync/config.toml";
/// What variables of the environment begin with.
const PREFIX: &str = "INSTASYNC__";

/// What to load.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// `--config`: it has to exist.
    pub file: Option<PathBuf>,
    /// Flags, as (key, value).
    pub flags: Vec<(&'static str, String)>,
    /// Variables; `None`: the process's own.
    pub environment: Option<BTreeMap<String, String>>,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Built in.
    Default,
    /// A file and its line.
    File(PathBuf, usize),
    /// A variable of the environment.
    Environment(String),
    /// A flag.
    Flag,
    /// systemd's state directory.
    StateDirectory,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
            Self::StateDirectory => f.write_str("$STATE_DIRECTORY"),
        }
    }
}

/// Where every value came from.
#[derive(Debug, Clone, Default)]
pub struct Sources(BTreeMap<&'static str, Origin>);

impl Sources {
    /// Every key with its value as TOML and its origin, in the order of `default.toml`.
    pub fn rows(&self, config: &Config) -> Vec<(&'static str, String, String)> {
        let origin = |name| self.0.get(name).unwrap_or(&Origin::Default).to_string();
        KEYS.iter().map(|key| (key.name, (key.show)(config), origin(key.name))).collect()
    }
}

/// One mistake, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// `file:line`, a variable, or a flag.
    pub place: String,
    /// What is wrong and what to write instead.
    pub sentence: String,
}

/// All mistakes; the configuration is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Mistake>);

impl ConfigErrors {
    /// Each as `place: sentence`.
    pub fn sentences(&self) -> Vec<String> {
        self.0.iter().map(|mistake| format!("{}: {}", mistake.place, mistake.sentence)).collect()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences().join("\n"))
    }
}

impl std::error::Error for ConfigErrors {}

impl Config {
    /// Loads all layers, strictly: every unknown key and every value that does not fit is a mistake.
    pub fn load(options: LoadOptions) -> Result<(Self, Sources), ConfigErrors> {
        let environment = options.environment.unwrap_or_else(own_environment);
        let mut loading = Loading::default();
        loading.text(DEFAULT, |_| Origin::Default, "default.toml");
        if let Some(folder) = environment.get("STATE_DIRECTORY") {
            // systemd may name several, separated by colons; ours is the only one.
            let file = Path::new(folder.split(':').next().unwrap_or_default()).join("instasync.db");
            loading.config.database.url = DatabaseUrl::Sqlite(file);
            loading.sources.0.insert("database.url", Origin::StateDirectory);
        }
        for file in files(options.file, &environment, &mut loading.mistakes) {
            loading.file(&file);
        }
        for (name, value) in &environment {
            if let Some(path) = name.strip_prefix(PREFIX) {
                let key = path.to_lowercase().replace("__", ".");
                let origin = Origin::Environment(name.clone());
                loading.set(&key, &Raw::Text(value.clone()), origin, name);
            }
        }
        for (key, value) in options.flags {
            loading.set(key, &Raw::Text(value), Origin::Flag, "flag");
        }
        loading.finish()
    }
}

/// Files to read: the named one or the system's, then those of `config.d` beside it.
fn files(
    named: Option<PathBuf>,
    environment: &BTreeMap<String, String>,
    mistakes: &mut Vec<Mistake>,
) -> Vec<PathBuf> {
    let named = named.or_else(|| environment.get("INSTASYNC_CONFIG").map(PathBuf::from));
    let must_exist = named.is_some();
    let main = named.unwrap_or_else(|| PathBuf::from(SYSTEM));
    let mut files = Vec::new();
    if main.exists() {
        files.push(main.clone());
    } else if must_exist {
        let place = main.display().to_string();
        mistakes.push(Mistake { place, sentence: "there is no such file.".to_owned() });
    }
    let folder = main.parent().unwrap_or_else(|| Path::new(".")).join("config.d");
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut more: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    more.sort();
    files.extend(more);
    files
}

/// A configuration in the making.
struct Loading {
    config: Config,
    sources: Sources,
    mistakes: Vec<Mistake>,
}

impl Default for Loading {
    fn default() -> Self {
        Self { config: Config::blank(), sources: Sources::default(), mistakes: Vec::new() }
    }
}

impl Loading {
    fn file(&mut self, path: &Path) {
        match std::fs::read_to_string(path) {
            Ok(text) => {
                let name = path.display().to_string();
                self.text(&text, |line| Origin::File(path.to_owned(), line), &name);
            }
            Err(error) => self
                .mistake(path.display().to_string(), format!("the file cannot be read: {error}.")),
        }
    }

    fn text(&mut self, text: &str, origin: impl Fn(usize) -> Origin, name: &str) {
        let line_of = |at: usize| text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let line = error.span().map_or(1, |span| line_of(span.start));
                let sentence = format!("this is not TOML: {}.", error.message());
                return self.mistake(format!("{name}:{line}"), sentence);
            }
        };
        for (section, value) in table.get_ref() {
            let line = line_of(section.span().start);
            let DeValue::Table(entries) = value.get_ref() else {
                let key = section.get_ref();
                self.unknown(key, format!("{name}:{line}"));
                continue;
            };
            if !KEYS.iter().any(|key| key.name.split('.').next() == Some(section.get_ref())) {
                self.unknown_section(section.get_ref(), format!("{name}:{line}"));
                continue;
            }
            for (entry, value) in entries {
                let line = line_of(entry.span().start);
                let key = format!("{}.{}", section.get_ref(), entry.get_ref());
                self.set(&key, &raw(value.get_ref()), origin(line), &format!("{name}:{line}"));
            }
        }
    }

    fn set(&mut self, key: &str, raw: &Raw, origin: Origin, place: &str) {
        let Some(known) = find(key) else { return self.unknown(key, place.to_owned()) };
        match (known.set)(&mut self.config, raw) {
            Ok(()) => {
                self.sources.0.insert(known.name, origin);
            }
            Err(why) => self.mistake(place.to_owned(), format!("{key} {why}.")),
        }
    }

    fn unknown(&mut self, key: &str, place: String) {
        let sentence = match nearest(key) {
            Some(meant) => format!("there is no key {key}; did you mean {meant}?"),
            None => format!("there is no key {key}; see default.toml for all of them."),
        };
        self.mistake(place, sentence);
    }

    fn unknown_section(&mut self, section: &str, place: String) {
        let names = KEYS.iter().filter_map(|key| key.name.split('.').next());
        let meant = names.min_by_key(|name| strsim::damerau_levenshtein(name, section));
        let sentence = match meant {
            Some(meant) if strsim::damerau_levenshtein(meant, section) <= 3 => {
                format!("there is no section [{section}]; did you mean [{meant}]?")
            }
            _ => format!("there is no section [{section}]; see default.toml for all of them."),
        };
        self.mistake(place, sentence);
    }

    fn mistake(&mut self, place: String, sentence: String) {
        self.mistakes.push(Mistake { place, sentence });
    }

    fn finish(mut self) -> Result<(Config, Sources), ConfigErrors> {
        self.check();
        if self.mistakes.is_empty() {
            Ok((self.config, self.sources))
        } else {
            Err(ConfigErrors(self.mistakes))
        }
    }

    /// What no single value shows.
    fn check(&mut self) {
        let place = |sources: &Sources, key: &'static str| {
            sources.0.get(key).unwrap_or(&Origin::Default).to_string()
        };
        if let Some(url) = &self.config.public.url
            && !(url.starts_with("https://") || url.starts_with("http://"))
        {
            let sentence = format!(
                "public.url must begin with https:// (or http:// for trying things out), not {url:?}."
            );
            let place = place(&self.sources, "public.url");
            self.mistake(place, sentence);
        }
        if self.config.database.wal_cap_bytes < self.config.database.checkpoint_bytes {
            let sentence =
                "database.wal_cap_bytes must not be smaller than database.checkpoint_bytes.";
            let place = place(&self.sources, "database.wal_cap_bytes");
            self.mistake(place, sentence.to_owned());
        }
        let filter = &self.config.log.filter;
        if let Err(error) = tracing_subscriber::EnvFilter::try_new(filter) {
            let sentence = format!("log.filter is no log filter: {error}.");
            let place = place(&self.sources, "log.filter");
            self.mistake(place, sentence);
        }
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            i64::from_str_radix(&digits, number.radix())
                .map_or(Raw::Other("number out of range"), Raw::Integer)
        }
        DeValue::Boolean(truth) => Raw::Bool(*truth),
        DeValue::Float(_) => Raw::Other("number with a point"),
        DeValue::Datetime(_) => Raw::Other("date"),
        DeValue::Array(_) => Raw::Other("list"),
        DeValue::Table(_) => Raw::Other("table"),
    }
}

#[expect(clippy::disallowed_methods, reason = "configuration is where the environment is read")]
fn own_environment() -> BTreeMap<String, String> {
    std::env::vars().collect()
}

/// A variable of the process's own environment, if it is set and text.
#[expect(clippy::disallowed_methods, reason = "configuration is where the environment is read")]
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
