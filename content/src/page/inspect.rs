//! Lists the code blocks, addresses and anchors of a page without rendering it.

use comrak::nodes::NodeValue;
use comrak::{Arena, parse_document};

use super::{OPTIONS, format, quotes_deeply};

/// Returns the code blocks of a text: info string, text, line.
pub(crate) fn code_blocks(text: &str) -> Vec<(String, String, u32)> {
    let arena = Arena::new();
    let text = if quotes_deeply(text) { "" } else { text };
    let root = parse_document(&arena, text, &OPTIONS);
    root.descendants()
        .filter_map(|node| {
            let data = node.data();
            let NodeValue::CodeBlock(code) = &data.value else { return None };
            let line = u32::try_from(data.sourcepos.start.line).unwrap_or(1);
            code.fenced.then(|| (code.info.clone(), code.literal.clone(), line))
        })
        .collect()
}

/// Returns the links and images of a text: whether it is an image, address, line, column.
pub(crate) fn addresses(text: &str) -> Vec<(bool, String, u32, u32)> {
    let arena = Arena::new();
    let text = if quotes_deeply(text) { "" } else { text };
    let root = parse_document(&arena, text, &OPTIONS);
    root.descendants()
        .filter_map(|node| {
            let data = node.data();
            let (image, link) = match &data.value {
                NodeValue::Image(link) => (true, link),
                NodeValue::Link(link) => (false, link),
                _ => return None,
            };
            let place = |number: usize| u32::try_from(number).unwrap_or(1);
            Some((
                image,
                link.url.clone(),
                place(data.sourcepos.start.line),
                place(data.sourcepos.start.column),
            ))
        })
        .collect()
}

/// Returns the slugs of a text's headings, to which links with `#` lead.
pub(crate) fn anchors(text: &str) -> Vec<String> {
    let arena = Arena::new();
    let text = if quotes_deeply(text) { "" } else { text };
    format::heading_ids(parse_document(&arena, text, &OPTIONS))
}
