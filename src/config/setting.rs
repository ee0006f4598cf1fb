//! How one setting is read from text or TOML, and shown again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// A value as a layer gives it: TOML knows types, the environment knows only text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    Text(String),
    Integer(i64),
    Bool(bool),
    /// A list, a table, a float or a date: no setting is one.
    Other(&'static str),
}

impl Raw {
    /// What it is, for a sentence.
    fn kind(&self) -> String {
        match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Integer(number) => number.to_string(),
            Self::Bool(truth) => truth.to_string(),
            Self::Other(kind) => format!("a {kind}"),
        }
    }
}

/// A type that settings can have. Errors finish the sentence "KEY …".
pub(super) trait Setting: Sized {
    fn read(raw: &Raw) -> Result<Self, String>;
    fn show(&self) -> String;
}

fn wanted(what: &str, raw: &Raw) -> String {
    format!("must be {what}, not {}", raw.kind())
}

impl Setting for String {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) => Ok(text.clone()),
            other => Err(wanted("text in quotes", other)),
        }
    }

    fn show(&self) -> String {
        format!("{self:?}")
    }
}

/// An empty text means: not set.
impl<T: Setting> Setting for Option<T> {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Text(text) if text.is_empty() => Ok(None),
            other => T::read(other).map(Some),
        }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| "\"\"".to_owned(), T::show)
    }
}

impl Setting for PathBuf {
    fn read(raw: &Raw) -> Result<Self, String> {
        String::read(raw).map_err(|_| wanted("a path in quotes", raw)).map(Self::from)
    }

    fn show(&self) -> String {
        format!("{:?}", self.display().to_string())
    }
}

impl Setting for bool {
    fn read(raw: &Raw) -> Result<Self, String> {
        match raw {
            Raw::Bool(truth) => Ok(*truth),
            Raw::Text(text) if text == "true" => Ok(true),
            Raw::Text(text) if text == "false" => Ok(false),
            other => Err(wanted("true or false", other)),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

macro_rules! numbers {
    ($($kind:ty),*) => {$(
        impl Setting for $kind {
            fn read(raw: &Raw) -> Result<Self, String> {
                let number = match raw {
                    Raw::Integer(number) => Some(*number),
                    Raw::Text(text) => text.replace('_', "").parse().ok(),
                    _ => None,
                };
                let number = number.and_then(|number| <$kind>::try_from(number).ok());
                let number = number.filter(|number| *number > 0);
                number.ok_or_else(|| wanted("a whole number above 0", raw))
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

numbers!(usize, u32, u64);

impl Setting for SocketAddr {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = String::read(raw).ok();
        let addr = text.and_then(|text| text.parse().ok());
        addr.ok_or_else(|| wanted("an address and port such as \"127.0.0.1:8600\"", raw))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

/// Units of a span, longest first; spans are written with the longest that fits.
const UNITS: [(&str, u64); 6] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1), ("min", 60_000)];

impl Setting for Duration {
    fn read(raw: &Raw) -> Result<Self, String> {
        let text = String::read(raw).ok();
        let span = text.as_deref().and_then(parse_span);
        span.ok_or_else(|| wanted("a span such as \"500ms\", \"10s\", \"5m\" or \"1h\"", raw))
    }

    fn show(&self) -> String {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let fits = UNITS.iter().find(|(_, unit)| millis.is_multiple_of(*unit) && millis >= *unit);
        let (name, unit) = fits.copied().unwrap_or(("ms", 1));
        format!("\"{}{name}\"", millis / unit)
    }
}

/// `500ms`, `10s`, `5m`, `1h`, `2d`; above zero.
pub(crate) fn parse_span(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, millis) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    let span = number.parse::<u64>().ok()?.checked_mul(*millis)?;
    (span > 0).then(|| Duration::from_millis(span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_shown_in_the_unit_people_use() {
        for text in ["500ms", "10s", "5m", "1h", "2d"] {
            let span = Duration::read(&Raw::Text(text.into())).unwrap();
            assert_eq!(span.show(), format!("\"{text}\""));
        }
        assert_eq!(parse_span("10min"), Some(Duration::from_mins(10)));
        for bad in ["", "10", "s", "0s", "-1s", "1w", "1.5h"] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_wrong_type_is_told_with_what_stood_there() {
        assert_eq!(
            usize::read(&Raw::Text("many".into())).unwrap_err(),
            "must be a whole number above 0, not \"many\""
        );
        assert_eq!(
            SocketAddr::read(&Raw::Integer(8600)).unwrap_err(),
            "must be an address and port such as \"127.0.0.1:8600\", not 8600"
        );
        assert_eq!(u64::read(&Raw::Text("1_000".into())), Ok(1000));
    }
}
