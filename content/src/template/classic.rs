//! Liquid and the older `%name%`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::LazyLock;

use liquid::model::Value;
use regex::{Captures, Regex};

use super::grammar::{
    count_growing, fits_tag, is_dotted, is_expression, is_of_go, is_tag, is_variable, names_in, plain_blanks,
};
use super::include;
use super::pieces::{Kind, Piece, Trim, cut};
use super::{COPY_MARK, MAX_EXPANDED_BYTES, NoticeKind, Notices, Sources, TEXT_MARK, value_of};

/// Maximum nesting of conditions.
const MAX_DEPTH: usize = 64;
/// Maximum uses of filters that enlarge values on a page.
const MAX_GROWTH: usize = 4;

/// `%name%`.
static PERCENT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"%([A-Za-z_][A-Za-z0-9_]*)%").ok());

static LIQUID: LazyLock<Option<liquid::Parser>> = LazyLock::new(|| {
    use liquid_lib::stdlib;
    liquid::ParserBuilder::new()
        .tag(stdlib::AssignTag)
        .block(stdlib::IfBlock)
        .block(stdlib::UnlessBlock)
        .block(stdlib::CaseBlock)
        .filter(stdlib::Append)
        .filter(stdlib::Capitalize)
        .filter(stdlib::Default)
        .filter(stdlib::Downcase)
        .filter(stdlib::Escape)
        .filter(stdlib::First)
        .filter(stdlib::Last)
        .filter(stdlib::Lstrip)
        .filter(stdlib::Minus)
        .filter(stdlib::Plus)
        .filter(stdlib::Prepend)
        .filter(stdlib::Remove)
        .filter(stdlib::RemoveFirst)
        .filter(stdlib::Replace)
        .filter(stdlib::ReplaceFirst)
        .filter(stdlib::Rstrip)
        .filter(stdlib::Size)
        .filter(stdlib::Slice)
        .filter(stdlib::Split)
        .filter(stdlib::Strip)
        .filter(stdlib::Truncate)
        .filter(stdlib::Upcase)
        .filter(stdlib::UrlEncode)
        .build()
        .ok()
});

/// Fills in Liquid.
pub(super) fn expand(text: &str, sources: &Sources<'_>, notices: &Notices) -> String {
    if !text.contains("{{") && !text.contains("{%") {
        return text.to_owned();
    }
    let text = include::inline(text, sources, notices);
    let pieces = cut(&text);
    let plain = pieces.iter().all(|piece| match piece.kind {
        Kind::Text(_) => true,
        Kind::Output(inner, trim) => {
            trim == Trim::default() && (is_variable(inner) || !(is_expression(inner) || is_dotted(inner)))
        }
        Kind::Tag(..) => false,
    });
    if plain {
        return expand_plain(&pieces, sources, Some(notices), true);
    }
    match expand_liquid(&pieces, sources, notices) {
        Ok(text) => text,
        Err(reason) => {
            let first = pieces.iter().find(|piece| matches!(piece.kind, Kind::Tag(..)));
            notices.add(first.map_or(0, |piece| piece.offset), NoticeKind::BadTag(reason));
            expand_plain(&pieces, sources, Some(notices), true)
        }
    }
}

/// Fills in expressions that consist of just the name of a known variable.
pub(super) fn expand_known(text: &str, sources: &Sources<'_>) -> String {
    if !text.contains("{{") {
        return text.to_owned();
    }
    expand_plain(&cut(text), sources, None, false)
}

/// Fills in `%name%` if a variable of that name is known.
pub(super) fn expand_percent(text: String, sources: &Sources<'_>) -> String {
    let Some(pattern) = PERCENT.as_ref().filter(|_| text.contains('%')) else { return text };
    let filled = pattern.replace_all(&text, |found: &Captures<'_>| {
        value_of(sources, &found[1]).unwrap_or_else(|| found[0].to_owned())
    });
    match filled {
        Cow::Borrowed(_) => text,
        Cow::Owned(filled) => filled,
    }
}

fn expand_plain(
    pieces: &[Piece<'_>],
    sources: &Sources<'_>,
    notices: Option<&Notices>,
    unknown_is_empty: bool,
) -> String {
    let mut out = String::new();
    for piece in pieces {
        match piece.kind {
            Kind::Text(text) if unknown_is_empty => out.push_str(text),
            Kind::Output(inner, _) if is_variable(inner) || (unknown_is_empty && is_dotted(inner)) => {
                match value_of(sources, inner) {
                    Some(value) => out.push_str(&value),
                    None if inner == "copy" => out.push(COPY_MARK),
                    None if is_of_go(inner) => out.push_str(piece.whole),
                    None if unknown_is_empty => {
                        if let Some(notices) = notices {
                            notices.add(piece.offset, NoticeKind::UnknownVariable(inner.to_owned()));
                        }
                    }
                    None => out.push_str(piece.whole),
                }
            }
            _ => out.push_str(piece.whole),
        }
        if out.len() > MAX_EXPANDED_BYTES {
            break;
        }
    }
    out
}

fn expand_liquid(pieces: &[Piece<'_>], sources: &Sources<'_>, notices: &Notices) -> Result<String, String> {
    check_nesting(pieces)?;
    let assigned: BTreeSet<&str> = pieces
        .iter()
        .filter_map(|piece| match piece.kind {
            Kind::Tag("assign", rest, _) => rest.split(['=', ' ']).next(),
            _ => None,
        })
        .collect();
    // writing to a String cannot fail
    let (mut skeleton, mut texts, mut globals) = (String::new(), Vec::new(), liquid::Object::new());
    for (index, piece) in pieces.iter().enumerate() {
        match piece.kind {
            Kind::Text(text) => mark(&mut skeleton, &mut texts, trimmed(text, pieces, index)),
            Kind::Output("copy", _) if value_of(sources, "copy").is_none() => skeleton.push(COPY_MARK),
            Kind::Output(inner, _) if is_of_go(inner) && value_of(sources, inner).is_none() => {
                mark(&mut skeleton, &mut texts, piece.whole);
            }
            Kind::Output(inner, _) if is_expression(inner) => {
                let unknown = learn(inner, sources, &mut globals);
                if !inner.contains("default") {
                    for name in unknown.into_iter().filter(|name| !assigned.contains(name.as_str())) {
                        notices.add(piece.offset, NoticeKind::UnknownVariable(name));
                    }
                }
                let _ = write!(skeleton, "{{{{ {} }}}}", plain_blanks(inner));
            }
            Kind::Output(inner, _) if is_dotted(inner) => {
                notices.add(piece.offset, NoticeKind::UnknownVariable(inner.to_owned()));
            }
            Kind::Output(..) => mark(&mut skeleton, &mut texts, piece.whole),
            Kind::Tag(name, rest, _) if is_tag(name) => {
                learn(rest, sources, &mut globals);
                let _ = write!(skeleton, "{{% {name} {} %}}", plain_blanks(rest));
            }
            Kind::Tag(name, ..) => {
                notices.add(piece.offset, NoticeKind::BadTag(format!("`{name}` is not supported")));
                mark(&mut skeleton, &mut texts, piece.whole);
            }
        }
    }
    let parser = LIQUID.as_ref().ok_or("Liquid is not available")?;
    let template =
        parser.parse(&skeleton).map_err(|_| "check its quotes, its filters and the tag that ends it")?;
    let rendered = template.render(&globals).map_err(|_| "one of its filters cannot work with its value")?;
    Ok(fill(&rendered, &texts))
}

/// Refuses pieces that Liquid cannot parse, and those with which it would recurse or grow without limit.
fn check_nesting(pieces: &[Piece<'_>]) -> Result<(), String> {
    let (mut open, mut growth): (Vec<&str>, usize) = (Vec::new(), 0);
    for piece in pieces {
        let inner = match piece.kind {
            Kind::Tag(name @ ("if" | "unless" | "case"), rest, _) => {
                open.push(name);
                rest
            }
            Kind::Tag(name @ ("endif" | "endunless" | "endcase"), rest, _) => {
                if open.pop() != name.strip_prefix("end") {
                    return Err(format!("`{name}` ends nothing"));
                }
                rest
            }
            Kind::Tag(name, rest, _) if is_tag(name) => rest,
            Kind::Output(inner, _) if is_expression(inner) => inner,
            _ => continue,
        };
        if let Kind::Tag(name, rest, _) = piece.kind
            && !fits_tag(name, rest)
        {
            return Err(format!("`{name}` cannot be followed by `{rest}`"));
        }
        growth += count_growing(inner);
        if open.len() > MAX_DEPTH {
            return Err(format!("conditions nest more than {MAX_DEPTH} deep"));
        }
    }
    let assigns = pieces.iter().any(|piece| matches!(piece.kind, Kind::Tag("assign", ..)));
    if assigns && growth > MAX_GROWTH {
        return Err(format!(
            "with `assign`, at most {MAX_GROWTH} filters may append, prepend, replace or count"
        ));
    }
    match open.last() {
        Some(name) => Err(format!("`{name}` has no `end{name}`")),
        None => Ok(()),
    }
}

/// Removes the blanks that a neighbouring `{{-` or `-%}` trims.
fn trimmed<'a>(mut text: &'a str, pieces: &[Piece<'_>], index: usize) -> &'a str {
    let trim = |piece: Option<&Piece<'_>>| match piece.map(|piece| piece.kind) {
        Some(Kind::Output(_, trim) | Kind::Tag(_, _, trim)) => trim,
        _ => Trim::default(),
    };
    if index > 0 && trim(pieces.get(index - 1)).after {
        text = text.trim_start();
    }
    if trim(pieces.get(index + 1)).before {
        text = text.trim_end();
    }
    text
}

fn mark<'a>(skeleton: &mut String, texts: &mut Vec<&'a str>, text: &'a str) {
    if !text.is_empty() {
        // writing to a String cannot fail
        let _ = write!(skeleton, "{TEXT_MARK}{}{TEXT_MARK}", texts.len());
        texts.push(text);
    }
}

/// Replaces the marks by their texts.
fn fill(rendered: &str, texts: &[&str]) -> String {
    let mut out = String::new();
    for (index, part) in rendered.split(TEXT_MARK).enumerate() {
        match part.parse::<usize>().ok().filter(|_| index % 2 == 1).and_then(|number| texts.get(number)) {
            Some(text) => out.push_str(text),
            None => out.push_str(part),
        }
    }
    out
}

/// Adds the variables that an expression or condition names to Liquid's, and returns those without a value.
fn learn(inner: &str, sources: &Sources<'_>, globals: &mut liquid::Object) -> Vec<String> {
    let mut unknown = Vec::new();
    for (name, before) in names_in(inner) {
        let value = value_of(sources, name);
        if value.is_none() && !before.ends_with('|') {
            unknown.push(name.to_owned());
        }
        globals.insert(name.to_owned().into(), value.map_or(Value::Nil, Value::scalar));
    }
    unknown
}
