//! The parts of the table of actions: kinds, families, arguments, aliases.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The description of one action of the dialect.
#[derive(Clone, Copy, Debug)]
pub struct ActionKind {
    /// Its name, such as `terminal:execute`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The word before its title, such as `Terminal`.
    pub prefix: &'static str,
    /// The look that its block shares with those of similar actions.
    pub family: Family,
    /// The keys that its YAML body accepts besides the common options.
    pub arguments: &'static [Argument],
}

impl ActionKind {
    /// Finds one of the action's arguments.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&'static Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }
}

/// The look of a block. Every program that draws blocks takes its choice of icon and colour from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Works on a terminal.
    Terminal,
    /// Copies text to the clipboard.
    Copy,
    /// Opens an address in the browser.
    Link,
    /// Runs a check.
    Check,
    /// Can be ticked off.
    Tick,
    /// Works on the editor, files, dashboards or sections.
    Other,
}

impl Family {
    /// Returns the name of the CSS class.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Copy => "copy",
            Self::Link => "link",
            Self::Check => "check",
            Self::Tick => "tick",
            Self::Other => "other",
        }
    }
}

/// One argument of an action.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Its key in the YAML body.
    pub name: &'static str,
    /// Its meaning, in a few words.
    pub summary: &'static str,
    /// The type of its value.
    pub kind: ArgumentKind,
    /// Whether a block without it is broken.
    pub required: bool,
    /// The value when the author leaves it out, as YAML. `None` if there is none.
    pub default: Option<&'static str>,
}

/// The type of an argument's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Text; a number or boolean is taken as it is spelled.
    Text,
    /// A whole number. One with a fraction is rounded up.
    Number,
    /// A number, which may have a fraction.
    Amount,
    /// `true` or `false`.
    Flag,
    /// A whole number; `.INF` or -1 means forever.
    Retries,
    /// A list of texts.
    Texts,
    /// A list of any values.
    Values,
    /// Any value.
    Value,
}

impl ArgumentKind {
    /// Returns the words for the type, as messages and the author's guide use them.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a whole number",
            Self::Amount => "a number",
            Self::Flag => "true or false",
            Self::Retries => "a number, or .INF",
            Self::Texts => "a list of texts",
            Self::Values => "a list",
            Self::Value => "any YAML value",
        }
    }
}

/// Another spelling of an action.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    /// The alternative name.
    pub name: &'static str,
    /// The action's own name.
    pub action: &'static str,
    /// How a body under this name is parsed.
    pub body: BodyForm,
}

/// How the body of a block is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// A YAML mapping of arguments and options.
    Yaml,
    /// The whole body is the value of one argument.
    Plain {
        /// The argument that takes the body.
        argument: &'static str,
        /// The terminal that the name implies. `None` if it implies none.
        session: Option<&'static str>,
    },
}

/// How often a failed check is retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retries {
    /// This many times after the first run.
    Times(u32),
    /// Until it passes or the learner leaves the page.
    Forever,
}

/// The options that every YAML body accepts.
pub const COMMON_OPTIONS: &[Argument] = &[
    option("title", ArgumentKind::Text, None, "title in place of the action's own"),
    option("prefix", ArgumentKind::Text, None, "word before the title in place of the action's own"),
    option("description", ArgumentKind::Text, None, "text in the body in place of the command or the like"),
    option("autostart", ArgumentKind::Flag, Some("false"), "runs when the page is opened"),
    option(
        "cascade",
        ArgumentKind::Flag,
        Some("false"),
        "runs the next action of the page when this one is done; a check, when it passes",
    ),
    option("pause", ArgumentKind::Amount, Some("750"), "milliseconds before the next action of a cascade"),
    option(
        "cooldown",
        ArgumentKind::Retries,
        Some("1"),
        "seconds during which a second click does nothing (3 for editor actions; `.INF` or -1: for ever)",
    ),
    option(
        "hidden",
        ArgumentKind::Flag,
        Some("false"),
        "the block is not shown, but a cascade or `autostart` runs it",
    ),
    option("event", ArgumentKind::Value, None, "what to report when the action runs: a name, or a mapping"),
];

const fn option(
    name: &'static str,
    kind: ArgumentKind,
    default: Option<&'static str>,
    summary: &'static str,
) -> Argument {
    Argument { name, summary, kind, required: false, default }
}

/// The table's facts about the Rust type of an argument.
pub(super) trait ArgumentType {
    const KIND: ArgumentKind;
    const REQUIRED: bool = false;
}

impl ArgumentType for String {
    const KIND: ArgumentKind = ArgumentKind::Text;
    const REQUIRED: bool = true;
}

impl ArgumentType for Option<String> {
    const KIND: ArgumentKind = ArgumentKind::Text;
}

impl ArgumentType for bool {
    const KIND: ArgumentKind = ArgumentKind::Flag;
}

impl ArgumentType for i64 {
    const KIND: ArgumentKind = ArgumentKind::Number;
    const REQUIRED: bool = true;
}

impl ArgumentType for Option<i64> {
    const KIND: ArgumentKind = ArgumentKind::Number;
}

impl ArgumentType for u32 {
    const KIND: ArgumentKind = ArgumentKind::Number;
    const REQUIRED: bool = true;
}

impl ArgumentType for f64 {
    const KIND: ArgumentKind = ArgumentKind::Amount;
    const REQUIRED: bool = true;
}

impl ArgumentType for Retries {
    const KIND: ArgumentKind = ArgumentKind::Retries;
}

impl ArgumentType for Vec<String> {
    const KIND: ArgumentKind = ArgumentKind::Texts;
}

impl ArgumentType for Vec<Value> {
    const KIND: ArgumentKind = ArgumentKind::Values;
}

impl ArgumentType for Value {
    const KIND: ArgumentKind = ArgumentKind::Value;
    const REQUIRED: bool = true;
}

impl ArgumentType for Option<Value> {
    const KIND: ArgumentKind = ArgumentKind::Value;
}
