//! What the table of actions is made of: kinds, arguments, aliases.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::table::{ALIASES, KINDS};

/// One action of the dialect, described.
#[derive(Clone, Copy, Debug)]
pub struct ActionKind {
    /// Its name, such as `terminal:execute`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// The word before its title, such as `Terminal`.
    pub prefix: &'static str,
    /// What its YAML body may hold besides the common options.
    pub arguments: &'static [Argument],
}

impl ActionKind {
    /// Finds one of the action's arguments.
    #[must_use]
    pub fn argument(&self, name: &str) -> Option<&'static Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }
}

/// One argument of an action.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Its key in the YAML body.
    pub name: &'static str,
    /// What it says, in a few words.
    pub summary: &'static str,
    /// What may stand there.
    pub kind: ArgumentKind,
    /// Whether the action cannot do without it.
    pub required: bool,
    /// What stands there when the author says nothing; as YAML.
    pub default: Option<&'static str>,
}

/// What may stand as an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Text; a number or truth value counts as its spelling.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// A whole number, or `.INF` or -1 for ever.
    Retries,
    /// A list of texts.
    Texts,
    /// A list of anything.
    Values,
    /// Anything.
    Value,
}

impl ArgumentKind {
    /// Names the kind as a message or the author's guide does.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a whole number",
            Self::Flag => "true or false",
            Self::Retries => "a whole number, or .INF",
            Self::Texts => "a list of texts",
            Self::Values => "a list",
            Self::Value => "any YAML value",
        }
    }
}

/// Another spelling of an action.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    /// The spelling.
    pub name: &'static str,
    /// The action it stands for.
    pub action: &'static str,
    /// How its body is read.
    pub body: BodyForm,
}

/// How the body of a block is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyForm {
    /// A YAML mapping of arguments and options.
    Yaml,
    /// The whole body is one argument; a session may be implied.
    Plain {
        /// The argument that the body fills.
        argument: &'static str,
        /// The terminal that the spelling names.
        session: Option<&'static str>,
    },
}

/// How often a check is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retries {
    /// This many times after the first.
    Times(u32),
    /// Until it passes or the learner leaves the page.
    Forever,
}

/// The options that every YAML body may hold: name, what may stand there, what it does.
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
    option("pause", ArgumentKind::Number, Some("750"), "milliseconds before the next action of a cascade"),
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

/// Finds an action by any of its spellings, and how that spelling's body is read.
#[must_use]
pub fn find_kind(name: &str) -> Option<(&'static ActionKind, BodyForm)> {
    let (name, body) = ALIASES
        .iter()
        .find(|alias| alias.name == name)
        .map_or((name, BodyForm::Yaml), |alias| (alias.action, alias.body));
    let kind = KINDS.iter().find(|kind| kind.name == name)?;
    Some((kind, body))
}

/// Says whether this is one of the dialect's spellings of an action.
#[must_use]
pub fn is_action(name: &str) -> bool {
    find_kind(name).is_some()
}

/// What the table needs to know of a field's type.
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
