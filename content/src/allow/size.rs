//! Sizes as Kubernetes writes them.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// A size in bytes, together with its original text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Size {
    text: String,
    bytes: u64,
}

impl Size {
    pub(super) fn new(text: &str, bytes: u64) -> Self {
        Self { text: text.to_owned(), bytes }
    }

    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the original text, a Kubernetes quantity.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// The text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a size; write it like 512Mi, 2Gi or 5G")]
pub struct BadSize(String);

impl FromStr for Size {
    type Err = BadSize;

    fn from_str(text: &str) -> Result<Self, BadSize> {
        match bytes(text) {
            Some(bytes) => Ok(Self { text: text.to_owned(), bytes }),
            None => Err(BadSize(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Size {
    type Error = BadSize;

    fn try_from(text: String) -> Result<Self, BadSize> {
        text.parse()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Parses a Kubernetes quantity into bytes, rounded up. Returns `None` if it is none or is negative.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let factor = match suffix {
        "" => 1.0,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024_f64.powi(2),
        "Gi" => 1024_f64.powi(3),
        "Ti" => 1024_f64.powi(4),
        "Pi" => 1024_f64.powi(5),
        "Ei" => 1024_f64.powi(6),
        _ => 10_f64.powi(suffix.strip_prefix(['e', 'E'])?.parse::<i16>().ok()?.into()),
    };
    let whole = (number * factor).ceil();
    // a size that does not fit is more than anybody allows
    whole.is_finite().then_some(whole as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_kubernetes_reads_them() {
        for (text, wanted) in [
            ("0", Some(0)),
            ("512Mi", Some(512 << 20)),
            ("2Gi", Some(2 << 30)),
            ("1.5Gi", Some(3 << 29)),
            ("5G", Some(5_000_000_000)),
            ("1e3", Some(1000)),
            ("1500m", Some(2)),
            ("99999999E", Some(u64::MAX)),
            ("-1Gi", None),
            ("+1Gi", None),
            ("lots", None),
            ("", None),
            (".", None),
            ("1 Gi", None),
            ("1gi", None),
            ("1e9999", None),
        ] {
            assert_eq!(bytes(text), wanted, "{text}");
        }
    }
}
