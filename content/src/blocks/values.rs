//! The values in a block's YAML, as the dialect takes them.

use std::borrow::Cow;

use lectern_api::actions::ArgumentKind;
use serde_json::{Value, json};

use crate::yaml::{Data, Node};

/// Converts a value to the type of its argument. Returns `None` if it has another one.
pub(super) fn convert(kind: ArgumentKind, node: &Node) -> Option<Value> {
    Some(match kind {
        ArgumentKind::Text => Value::from(node.text()?),
        ArgumentKind::Number => Value::from(rounded_up(node.number()?)?),
        ArgumentKind::Amount => Value::from(node.number()?),
        ArgumentKind::Flag => Value::from(node.flag()?),
        ArgumentKind::Retries => {
            match node.is_infinite().then_some(-1).or_else(|| rounded_up(node.number()?)) {
                Some(-1) => json!("forever"),
                Some(times) => json!({"times": u32::try_from(times).ok()?}),
                None => return None,
            }
        }
        ArgumentKind::Texts => match node.text() {
            Some(text) => json!([text]),
            None if matches!(node.data, Data::List(_)) => {
                node.items().iter().map(|item| item.text().map(Value::from)).collect::<Option<_>>()?
            }
            None => return None,
        },
        ArgumentKind::Values => match node.data {
            Data::List(_) => node.to_json(),
            _ => json!([node.to_json()]),
        },
        ArgumentKind::Value => node.to_json(),
    })
}

/// Returns the whole number that is not below a number. Returns `None` if it is too large to count with.
pub(super) fn rounded_up(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    (number.abs() < 9e15).then(|| number.ceil() as i64)
}

/// Returns a terminal's name: `1` for `01`.
pub(super) fn session_of(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.to_owned();
    }
    match text.trim_start_matches('0') {
        "" => "0".to_owned(),
        number => number.to_owned(),
    }
}

/// Removes a no-break space at the end of a value, as a word processor leaves it there. A value of several lines, such as
/// a file's text, stays as it is.
pub(super) fn trimmed(node: &Node) -> Cow<'_, Node> {
    match &node.data {
        Data::Text(text) if text.ends_with('\u{a0}') && !text.contains('\n') => {
            let text = text.trim_end_matches(['\u{a0}', ' ']).to_owned();
            Cow::Owned(Node { data: Data::Text(text), ..*node })
        }
        _ => Cow::Borrowed(node),
    }
}
