//! The images that workbenches may have.

use std::fmt;
use std::str::FromStr;

use globset::GlobBuilder;
use serde::Deserialize;

/// A pattern of image names. `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ImagePattern(String);

/// Why a pattern is refused: it would match more than its author means.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// The name of its registry is open at the end, so that other people's registries would match.
    #[error(
        "the image pattern {0:?} does not say where the registry's name ends; write it like \
         ghcr.io/educates/*, or * for any image"
    )]
    OpenRegistry(String),
    /// It contains a character that is special in other kinds of patterns.
    #[error("the image pattern {0:?} may hold no other sign than * that stands for something else")]
    Sign(String),
}

impl ImagePattern {
    /// Returns whether the pattern matches an image.
    #[must_use]
    pub fn matches(&self, image: &str) -> bool {
        // it has no escapes, so it can be parsed again
        let glob = GlobBuilder::new(&self.0).literal_separator(false).build();
        glob.is_ok_and(|glob| glob.compile_matcher().is_match(image))
    }
}

impl FromStr for ImagePattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let own = || text.to_owned();
        if text.contains(['?', '[', ']', '{', '}', '\\', '!']) || text.contains(char::is_whitespace) {
            return Err(BadPattern::Sign(own()));
        }
        let is_open = text.split_once('*').is_some_and(|(before, _)| !before.contains('/'));
        match text {
            "*" => Ok(Self(own())),
            "" => Err(BadPattern::OpenRegistry(own())),
            _ if is_open => Err(BadPattern::OpenRegistry(own())),
            _ => Ok(Self(own())),
        }
    }
}

impl TryFrom<String> for ImagePattern {
    type Error = BadPattern;

    fn try_from(text: String) -> Result<Self, BadPattern> {
        text.parse()
    }
}

impl fmt::Display for ImagePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_the_images_below_it_and_nobody_elses() {
        let pattern: ImagePattern = "ghcr.io/educates/*".parse().unwrap();
        for image in ["ghcr.io/educates/jdk:1", "ghcr.io/educates/deep/er@sha256:0"] {
            assert!(pattern.matches(image), "{image}");
        }
        for image in ["ghcr.io/educates", "ghcr.io/educates-evil/x", "evil.io/ghcr.io/educates/x", "jdk"] {
            assert!(!pattern.matches(image), "{image}");
        }
        assert!("*".parse::<ImagePattern>().unwrap().matches("any/thing:1"));
        assert!(!"lab/tools:1".parse::<ImagePattern>().unwrap().matches("lab/tools:2"));
    }

    #[test]
    fn a_pattern_that_others_registries_would_match_is_refused() {
        for text in ["registry.example.org*", "*.example.org/x", "", "a/[b]", "a/ b*"] {
            assert!(text.parse::<ImagePattern>().is_err(), "{text}");
        }
    }
}
