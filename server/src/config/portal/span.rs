//! Lengths of time in the portal file.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The longest session of all, in seconds. The database's integer columns hold it easily.
const MAX_SECS: u64 = 30 * 24 * 60 * 60;

/// A length of time, written like `90s`, `45m`, `2h` or `1h30m`; a bare number counts seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// In seconds; at most thirty days.
    pub secs: u32,
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Secs(u64),
            Text(String),
        }
        let secs = match Written::deserialize(deserializer)? {
            Written::Secs(secs) => secs,
            Written::Text(text) => parse_secs(&text).ok_or_else(|| {
                D::Error::custom(format!("{text:?} is not a length of time; write it like 45m, 2h or 1h30m"))
            })?,
        };
        match u32::try_from(secs) {
            Ok(secs) if u64::from(secs) <= MAX_SECS => Ok(Self { secs }),
            _ => Err(D::Error::custom("a length of time must be at most thirty days (720h)")),
        }
    }
}

/// Parses a length of time in whole seconds. A last number without a unit counts seconds, as in `600` or `1h30`.
fn parse_secs(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = if text.ends_with(|last: char| last.is_ascii_digit()) { "s" } else { "" };
    let span = humantime::parse_duration(&format!("{text}{unit}")).ok()?;
    (span.subsec_nanos() == 0).then_some(span.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Span, String> {
        serde_saphyr::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_length_of_time_is_written_with_or_without_units() {
        for (text, secs) in [
            ("90s", 90),
            ("45m", 2700),
            ("2h", 7200),
            ("1d", 86_400),
            ("1h30m", 5400),
            ("1h 30m", 5400),
            ("'600'", 600),
            ("600", 600),
            ("1h30", 3630),
            ("' 5m '", 300),
            ("0", 0),
            ("'0'", 0),
            ("'00'", 0),
            ("0s", 0),
            ("0m", 0),
            ("720h", 30 * 86_400),
        ] {
            assert_eq!(parse(text).ok(), Some(Span { secs }), "{text}");
        }
        for text in ["soon", "''", "-5", "500ms", "721h", "h", "5x", "99999999999999999999h"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
