//! YAML as a tree with line numbers, so that every finding can name its place.

use serde_json::{Number, Value};
use serde_saphyr::Spanned;

mod documents;
mod fault;
mod fields;
mod tree;

pub use documents::{Document, parse_documents};
pub use fields::{Fields, Findings};
use tree::{Located, Quick, Tree};

/// A node of a YAML document.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
    pub data: Data,
}

/// The content of a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Data {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// Any other number; `.INF` is infinite.
    Float(f64),
    /// Text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the author's order.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub text: String,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1.
    pub column: u32,
}

impl Node {
    /// Returns the value of a key of a mapping.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|(name, _)| name.text == key).map(|(_, node)| node)
    }

    /// Returns the entries of a mapping. Anything else has none.
    #[must_use]
    pub fn entries(&self) -> &[(Key, Node)] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Returns the items of a list. Anything else has none.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        match &self.data {
            Data::List(items) => items,
            _ => &[],
        }
    }

    /// Returns a scalar as text. A number or boolean is written out.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match &self.data {
            Data::Text(text) => Some(text.clone()),
            Data::Flag(flag) => Some(flag.to_string()),
            Data::Whole(number) => Some(number.to_string()),
            Data::Float(number) => Some(number.to_string()),
            Data::Null | Data::List(_) | Data::Map(_) => None,
        }
    }

    /// Returns a boolean, even if it is written as text.
    #[must_use]
    pub fn flag(&self) -> Option<bool> {
        match &self.data {
            Data::Flag(flag) => Some(*flag),
            Data::Text(text) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" => Some(true),
                "false" | "no" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns a whole number, even if it is written as text.
    #[must_use]
    pub fn whole(&self) -> Option<i64> {
        match &self.data {
            Data::Whole(number) => Some(*number),
            #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
            Data::Float(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
            Data::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Returns a number that is not infinite, even if it is written as text.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        let number = match &self.data {
            #[expect(clippy::cast_precision_loss, reason = "no lab counts that far")]
            Data::Whole(number) => *number as f64,
            Data::Float(number) => *number,
            Data::Text(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        number.is_finite().then_some(number)
    }

    /// Returns whether the node is null.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.data == Data::Null
    }

    /// Returns whether the node is `.INF` or `-.INF`.
    #[must_use]
    pub fn is_infinite(&self) -> bool {
        matches!(self.data, Data::Float(number) if number.is_infinite())
    }

    /// Returns the words for the node's type in messages.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self.data {
            Data::Null => "nothing",
            Data::Flag(_) => "true or false",
            Data::Whole(_) | Data::Float(_) => "a number",
            Data::Text(_) => "text",
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
        }
    }

    /// Converts the tree to JSON. A number that JSON does not have becomes null.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match &self.data {
            Data::Null => Value::Null,
            Data::Flag(flag) => Value::Bool(*flag),
            Data::Whole(number) => Value::from(*number),
            Data::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
            Data::Text(text) => Value::String(text.clone()),
            Data::List(items) => items.iter().map(Node::to_json).collect(),
            Data::Map(entries) => entries
                .iter()
                .map(|(key, node)| (key.text.clone(), node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }
}

/// Why a text is not YAML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct YamlError {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// What is wrong and what to do, as the end of a sentence.
    pub reason: String,
}

/// Parses a YAML document. An empty text is null.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    read(text, |text| {
        serde_saphyr::from_str_with_options::<Spanned<Tree<Located>>>(text, options(true)).map(Node::from)
    })
}

/// Parses a YAML document in a third of the time of [`parse`]. Every node is said to be on line 1.
pub fn parse_quickly(text: &str) -> Result<Node, YamlError> {
    read(text, |text| serde_saphyr::from_str_with_options::<Tree<Quick>>(text, options(true)).map(Node::from))
}

/// Parses a YAML document in which keys may stand twice: each is in the tree.
fn parse_leniently(text: &str) -> Result<Node, YamlError> {
    read(text, |text| {
        serde_saphyr::from_str_with_options::<Spanned<Tree<Located>>>(text, options(false)).map(Node::from)
    })
}

/// Reads a text. One that is indented with tabs, which YAML does not allow, is read as if each were four blanks.
fn read(text: &str, parse: impl Fn(&str) -> Result<Node, serde_saphyr::Error>) -> Result<Node, YamlError> {
    if text.trim().is_empty() {
        return Ok(Node { line: 1, column: 1, data: Data::Null });
    }
    parse(text).or_else(|error| match fault::with_blanks(text) {
        Some(spaced) => parse(&spaced).map_err(|error| fault::explain(&spaced, &error)),
        None => Err(fault::explain(text, &error)),
    })
}

fn options(unique_keys: bool) -> serde_saphyr::Options {
    use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};
    let duplicate_keys =
        if unique_keys { DuplicateKeyPolicy::Error } else { DuplicateKeyPolicy::PassThrough };
    serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        duplicate_keys: duplicate_keys,
        with_snippet: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_knows_its_line() {
        let node = parse("a: 1\nb:\n  - x\n  - c: .INF\n").unwrap();
        let item = &node.get("b").unwrap().items()[1];
        let (key, value) = &item.entries()[0];
        assert_eq!((key.text.as_str(), key.line, key.column), ("c", 4, 5));
        assert!(value.is_infinite());
        assert_eq!(value.line, 4);
    }

    #[test]
    fn yes_is_text_but_reads_as_a_flag() {
        let node = parse("a: yes").unwrap();
        let yes = node.get("a").unwrap();
        assert_eq!(yes.text().as_deref(), Some("yes"));
        assert_eq!(yes.flag(), Some(true));
    }

    #[test]
    fn an_error_says_on_which_line() {
        let error = parse("a: 1\nb: [x\nc: }\n").unwrap_err();
        assert!(error.line >= 2, "{error:?}");
        assert!(!error.reason.is_empty());
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..10 {
            let inner = vec![format!("*a{}", level - 1); 10].join(",");
            bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        }
        assert!(parse(&bomb).is_err());
    }
}
