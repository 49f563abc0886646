//! The functions of Hugo that a lab's shortcodes may call.

use gotmpl::html::{CSS, HTML, HTMLAttr, JS, URL};
use gotmpl::{Result, TemplateError, ToValue, Value};

use crate::html::escape;

/// Maximum size of the values that a function joins, in bytes.
const MAX_ARGUMENT_BYTES: usize = 4096;
/// Maximum size of a value that a function returns, in bytes.
const MAX_VALUE_BYTES: usize = 64 * 1024;

type Function = fn(&[Value]) -> Result<Value>;

/// Returns every function with its name.
pub(super) fn all() -> impl Iterator<Item = (&'static str, Function)> {
    const TABLE: &[(&str, Function)] = &[
        ("absURL", first),
        ("add", |values| numbers(values, |one, other| one.checked_add(other))),
        ("chomp", |values| map_text(values, |text| text.trim_end_matches(['\n', '\r']).to_owned())),
        ("cond", |values| pick(values, if values.first().is_some_and(Value::is_truthy) { 1 } else { 2 })),
        ("default", default),
        ("delimit", delimit),
        ("dict", dict),
        ("div", |values| numbers(values, |one, other| one.checked_div(other))),
        ("emojify", first),
        ("hasPrefix", |values| compare(values, |text, part| text.starts_with(part))),
        ("hasSuffix", |values| compare(values, |text, part| text.ends_with(part))),
        ("htmlEscape", |values| map_text(values, escape)),
        ("in", contains),
        ("int", |values| Ok(values.first().and_then(number).unwrap_or(0).to_value())),
        ("isset", isset),
        ("lower", |values| map_text(values, str::to_lowercase)),
        ("markdownify", |values| html(values)),
        ("mod", |values| numbers(values, |one, other| one.checked_rem(other))),
        ("mul", |values| numbers(values, |one, other| one.checked_mul(other))),
        ("plainify", |values| map_text(values, plainify)),
        ("print", |values| built_in("print", values)),
        ("printf", |values| built_in("printf", values)),
        ("println", |values| built_in("println", values)),
        ("relURL", first),
        ("replace", replace),
        ("safeCSS", |values| Ok(CSS::from(text(values, 0)).to_value())),
        ("safeHTML", |values| html(values)),
        ("safeHTMLAttr", |values| Ok(HTMLAttr::from(text(values, 0)).to_value())),
        ("safeJS", |values| Ok(JS::from(text(values, 0)).to_value())),
        ("safeURL", |values| Ok(URL::from(text(values, 0)).to_value())),
        ("seq", seq),
        ("slice", |values| Ok(values.to_vec().to_value())),
        ("split", split),
        ("string", |values| map_text(values, str::to_owned)),
        ("stringsContains", |values| compare(values, |text, part| text.contains(part))),
        ("stringsHasPrefix", |values| compare(values, |text, part| text.starts_with(part))),
        ("stringsHasSuffix", |values| compare(values, |text, part| text.ends_with(part))),
        ("stringsReplace", replace),
        ("stringsSplit", split),
        ("stringsTitle", |values| map_text(values, title)),
        ("stringsToLower", |values| map_text(values, str::to_lowercase)),
        ("stringsToUpper", |values| map_text(values, str::to_uppercase)),
        ("stringsTrim", trim),
        ("stringsTrimPrefix", |values| {
            let prefix = text(values, 0);
            map_text(values, |text| text.strip_prefix(&prefix).unwrap_or(text).to_owned())
        }),
        ("stringsTrimSpace", |values| map_text(values, |text| text.trim().to_owned())),
        ("stringsTrimSuffix", |values| {
            let suffix = text(values, 0);
            map_text(values, |text| text.strip_suffix(&suffix).unwrap_or(text).to_owned())
        }),
        ("sub", |values| numbers(values, |one, other| one.checked_sub(other))),
        ("title", |values| map_text(values, title)),
        ("trim", trim),
        ("upper", |values| map_text(values, str::to_uppercase)),
        ("urlize", |values| map_text(values, |text| text.trim().to_lowercase().replace(' ', "-"))),
    ];
    TABLE.iter().copied()
}

fn error(reason: &str) -> TemplateError {
    TemplateError::Exec(reason.to_owned())
}

fn pick(values: &[Value], at: usize) -> Result<Value> {
    Ok(values.get(at).cloned().unwrap_or(Value::Nil))
}

fn first(values: &[Value]) -> Result<Value> {
    pick(values, 0)
}

/// Returns a value as text: what it looks like on a page.
fn text(values: &[Value], at: usize) -> String {
    values.get(at).map(shown).unwrap_or_default()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Nil => String::new(),
        Value::Safe { s, .. } => s.to_string(),
        other => other.as_str().map_or_else(|| other.to_string(), str::to_owned),
    }
}

fn number(value: &Value) -> Option<i64> {
    value.as_int().or_else(|| value.as_str()?.trim().parse().ok())
}

fn bounded(text: String) -> Result<Value> {
    if text.len() > MAX_VALUE_BYTES { Err(error("a value is too long")) } else { Ok(text.to_value()) }
}

/// Maps the last argument, which may come through a pipe.
fn map_text(values: &[Value], map: impl Fn(&str) -> String) -> Result<Value> {
    let text = values.last().map(shown).unwrap_or_default();
    if text.len() > MAX_VALUE_BYTES {
        return Err(error("a value is too long"));
    }
    bounded(map(&text))
}

fn html(values: &[Value]) -> Result<Value> {
    Ok(HTML::from(values.last().map(shown).unwrap_or_default()).to_value())
}

fn numbers(values: &[Value], of: impl Fn(i64, i64) -> Option<i64>) -> Result<Value> {
    let mut numbers = values.iter().map(|value| number(value).ok_or_else(|| error("not a number")));
    let first = numbers.next().ok_or_else(|| error("no number"))??;
    numbers
        .try_fold(first, |so_far, next| of(so_far, next?).ok_or_else(|| error("too large")))
        .map(|all| all.to_value())
}

fn compare(values: &[Value], of: impl Fn(&str, &str) -> bool) -> Result<Value> {
    Ok(of(&text(values, 0), &text(values, 1)).to_value())
}

fn default(values: &[Value]) -> Result<Value> {
    let given = values.get(1).filter(|value| !matches!(value, Value::Nil) && !shown(value).is_empty());
    given.map_or_else(|| pick(values, 0), |value| Ok(value.clone()))
}

fn replace(values: &[Value]) -> Result<Value> {
    let (text, from, to) = (text(values, 0), text(values, 1), text(values, 2));
    if to.len() > MAX_ARGUMENT_BYTES || text.len() > MAX_ARGUMENT_BYTES {
        return Err(error("a value is too long"));
    }
    bounded(text.replace(&from, &to))
}

fn trim(values: &[Value]) -> Result<Value> {
    let cut = text(values, 1);
    let cut = if cut.is_empty() { " \n\r\t".to_owned() } else { cut };
    bounded(text(values, 0).trim_matches(|letter| cut.contains(letter)).to_owned())
}

fn split(values: &[Value]) -> Result<Value> {
    let (text, at) = (text(values, 0), text(values, 1));
    if at.is_empty() {
        return Ok(text.chars().map(|letter| letter.to_string()).collect::<Vec<_>>().to_value());
    }
    Ok(text.split(&at).map(str::to_owned).collect::<Vec<_>>().to_value())
}

fn delimit(values: &[Value]) -> Result<Value> {
    let Some(Value::List(items)) = values.first() else { return Err(error("not a list")) };
    let texts: Vec<String> = items.iter().map(shown).collect();
    if texts.iter().map(String::len).sum::<usize>() > MAX_VALUE_BYTES {
        return Err(error("a value is too long"));
    }
    bounded(texts.join(&text(values, 1)))
}

fn dict(values: &[Value]) -> Result<Value> {
    let pairs = values.chunks_exact(2);
    let map: std::collections::BTreeMap<String, Value> =
        pairs.filter_map(|pair| Some((shown(pair.first()?), pair.get(1)?.clone()))).collect();
    Ok(map.to_value())
}

fn contains(values: &[Value]) -> Result<Value> {
    let wanted = text(values, 1);
    let found = match values.first() {
        Some(Value::List(items)) => items.iter().any(|item| shown(item) == wanted),
        Some(other) => shown(other).contains(&wanted),
        None => false,
    };
    Ok(found.to_value())
}

fn isset(values: &[Value]) -> Result<Value> {
    let found = match (values.first(), values.get(1)) {
        (Some(Value::Map(map)), Some(key)) => map.contains_key(shown(key).as_str()),
        (Some(Value::List(items)), Some(at)) => {
            number(at).and_then(|at| usize::try_from(at).ok()).is_some_and(|at| at < items.len())
        }
        _ => false,
    };
    Ok(found.to_value())
}

/// Counts up to a number, or from one to another.
fn seq(values: &[Value]) -> Result<Value> {
    let given: Vec<i64> = values.iter().filter_map(number).collect();
    let (from, to) = match given.as_slice() {
        [to] => (1, *to),
        [from, to] => (*from, *to),
        _ => return Err(error("not a range")),
    };
    if to.saturating_sub(from) > 2000 {
        return Err(error("too many numbers"));
    }
    Ok((from..=to).collect::<Vec<i64>>().to_value())
}

fn title(text: &str) -> String {
    let mut at_start = true;
    text.chars()
        .flat_map(|letter| {
            let upper = at_start;
            at_start = letter.is_whitespace();
            let mapped: Vec<char> = if upper { letter.to_uppercase().collect() } else { vec![letter] };
            mapped
        })
        .collect()
}

/// Removes tags.
fn plainify(text: &str) -> String {
    let mut pieces = text.split('<');
    let start = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(start, |out, piece| out + piece.split_once('>').map_or("", |(_, text)| text))
}

/// Calls a function of Go's own on values that are not too long for it.
fn built_in(name: &str, values: &[Value]) -> Result<Value> {
    if values.iter().map(|value| shown(value).len()).sum::<usize>() > MAX_ARGUMENT_BYTES {
        return Err(error("a value is too long"));
    }
    let arguments: String = (0..values.len()).map(|at| format!(" (index . {at})")).collect();
    let template = gotmpl::Template::new(name).parse(&format!("{{{{ {name}{arguments} }}}}"))?;
    bounded(template.execute_to_string(&values.to_vec().to_value())?)
}
