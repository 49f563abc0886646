//! The registry of everything that lint finds. The guide for authors, SARIF and `lectern lint --explain` are generated
//! from it.
//!
//! To add a rule, add a line to the table and a file to `content/rules`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::nearest::nearest;
use crate::severity::Severity;

macro_rules! rules {
    ($( $variant:ident $code:literal $severity:ident $summary:literal; )*) => {
        /// One kind of finding. Ordered by code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $( #[doc = $summary] $variant, )*
        }

        impl Rule {
            /// Every rule, ordered by code.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];

            /// Returns the stable name that reports show, such as `unknown-action`.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $( Self::$variant => $code, )* }
            }

            /// Returns how bad such a finding is unless its place says otherwise.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $( Self::$variant => Severity::$severity, )* }
            }

            /// Returns one line that says what was found.
            #[must_use]
            pub const fn summary(self) -> &'static str {
                match self { $( Self::$variant => $summary, )* }
            }

            /// Returns the explanation in Markdown: what the finding means, an example, and a remedy.
            #[must_use]
            pub const fn explanation(self) -> &'static str {
                match self { $( Self::$variant => include_str!(concat!("../rules/", $code, ".md")), )* }
            }
        }
    };
}

rules! {
    AsciiDoc "asciidoc" Warning "a page in AsciiDoc that is not shown, or not all of it";
    BadAction "bad-action" Error "a block whose text cannot be read; learners see an error";
    BadCheckName "bad-check-name" Warning "a check whose name no page can call";
    BadDuration "bad-duration" Warning "a `duration` that is not a length of time";
    BadFrontMatter "bad-front-matter" Warning "front matter that cannot be read; title and weight are ignored";
    BadName "bad-name" Warning "a name that a lab cannot have";
    BadNamespace "bad-namespace" Warning "a secondary namespace that gets another name";
    BadPattern "bad-pattern" Warning "a line of `.eduk8signore` that is not a pattern";
    BadPort "bad-port" Warning "an ingress that is left out because its port is not from 1 to 65535";
    BadShortcode "bad-shortcode" Warning "a shortcode of the lab's own that cannot be evaluated";
    BadTag "bad-tag" Warning "a Liquid tag that is not closed or not supported";
    BadYaml "bad-yaml" Warning "a manifest that is not valid YAML, or a template without values";
    BrokenImage "broken-image" Warning "an image that leads to no served file";
    BrokenLink "broken-link" Warning "a link that leads to no page, served file or heading";
    CheckNotExecutable "check-not-executable" Error "a check that is not executable";
    DroppedHtml "dropped-html" Warning "HTML that learners do not get";
    DuplicateCheck "duplicate-check" Warning "two checks whose names differ only by case or extension";
    DuplicateKey "duplicate-key" Warning "a key that stands twice in a mapping of a manifest; the last one counts";
    ExternalImage "external-image" Warning "an image on another site, which is not shown as a rule";
    IdleAction "idle-action" Warning "an action that nothing in a session can carry out";
    MissingCheck "missing-check" Error "a block that runs a check that does not exist";
    MissingFile "missing-file" Warning "a command that names a file that is neither in the lab nor brought by anything";
    MissingInclude "missing-include" Warning "an included file that is not in the lab or includes itself; a note shows instead";
    MissingPage "missing-page" Warning "a table of contents or pathway that lists a page that does not exist";
    MissingProgram "missing-program" Warning "a command whose program neither the workbench nor the lab has";
    MissingTerminal "missing-terminal" Warning "a block for a terminal that the layout does not have";
    NoPages "no-pages" Error "a lab without pages";
    NotActedOn "not-acted-on" Warning "a field that Lectern knows but does nothing with";
    NotAllowed "not-allowed" Warning "a lab that asks for more than it is allowed; the hint names the operator's key";
    NotUtf8 "not-utf8" Error "a page or manifest that is not UTF-8";
    OtherPlatform "other-platform" Error "a scenario for another platform, which is not run";
    Outside "outside" Error "a path or link that leads out of the lab's folder";
    PrivilegedLab "privileged-lab" Advice "a lab whose learners can take over the machine, as the operator allows";
    SwallowedAction "swallowed-action" Error "HTML above a block that takes the block with it";
    TooLong "too-long" Error "a file that is larger than Lectern reads";
    TooManyFiles "too-many-files" Error "a lab of more than 20,000 files";
    UnknownAction "unknown-action" Warning "a block whose name looks like an action but is none";
    UnknownArgument "unknown-argument" Warning "a key that the block's action does not accept";
    UnknownField "unknown-field" Warning "a field of the Workshop resource that does not exist";
    UnknownShortcode "unknown-shortcode" Warning "a shortcode that does not exist";
    UnknownVariable "unknown-variable" Warning "a variable that nothing gives a value; it renders empty";
    UnknownVersion "unknown-version" Warning "a Workshop resource of an unknown `apiVersion`";
    UnknownWord "unknown-word" Warning "a field whose value is none of the words that it accepts";
    UnlistedPage "unlisted-page" Warning "a page that no table of contents lists";
    UnpullableImage "unpullable-image" Warning "an image that its registry does not give; only looked for with `--online`";
    Unreadable "unreadable" Error "a file or folder that cannot be read";
    UnsetVariable "unset-variable" Warning "a session variable to which Lectern gives no value";
    UnusedCheck "unused-check" Advice "a check that no page runs";
    WrongKind "wrong-kind" Warning "a field of the Workshop resource that holds a value of the wrong type";
}

impl Rule {
    /// Returns the part of the explanation before the example.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        let explanation = self.explanation();
        explanation.split_once("\n## ").map_or(explanation, |(meaning, _)| meaning).trim_end()
    }

    /// Finds a rule by its code.
    #[must_use]
    pub fn find(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.code() == code)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// No rule has this code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no finding `{code}`{}", .nearest.map(|rule| format!("; did you mean `{rule}`?")).unwrap_or_default())]
pub struct UnknownRule {
    /// The code that was asked for.
    pub code: String,
    /// The rule that was probably meant.
    pub nearest: Option<Rule>,
}

impl FromStr for Rule {
    type Err = UnknownRule;

    fn from_str(code: &str) -> Result<Self, UnknownRule> {
        Self::find(code).ok_or_else(|| UnknownRule {
            code: code.to_owned(),
            nearest: nearest(code, Self::ALL.iter().map(|rule| rule.code())).and_then(Self::find),
        })
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Rule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        code.parse().map_err(serde::de::Error::custom)
    }
}
