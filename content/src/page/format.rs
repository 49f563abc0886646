//! Writes a page's tree as HTML, as comrak does, except headings and links.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write};

use comrak::html::{ChildRendering, Context, format_node_default};
use comrak::nodes::{AstNode, Node, NodeValue};

use crate::html::escape_into;

/// Returns a unique id for each heading.
pub(super) fn heading_ids<'a>(root: &'a AstNode<'a>) -> Vec<String> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut taken: HashSet<String> = HashSet::new();
    let mut ids = Vec::new();
    for node in root.descendants() {
        if !matches!(node.data().value, NodeValue::Heading(_)) {
            continue;
        }
        let slug: String = node
            .collect_text()
            .to_lowercase()
            .chars()
            .filter_map(|letter| match letter {
                letter if letter.is_alphanumeric() || letter == '-' || letter == '_' => Some(letter),
                ' ' => Some('-'),
                _ => None,
            })
            .take(200)
            .collect();
        let count = seen.entry(slug.clone()).or_insert(0);
        let mut id = if *count == 0 { slug.clone() } else { format!("{slug}-{count}") };
        *count += 1;
        while !taken.insert(id.clone()) {
            id.push('_');
        }
        ids.push(id);
    }
    ids
}

/// Writes one node as comrak does, except headings (with our ids), links that leave the lab (opened in a new tab), and
/// links and images without an address.
pub(super) fn format_node<'a>(
    context: &mut Context<'_, '_, std::vec::IntoIter<String>>,
    node: Node<'a>,
    entering: bool,
) -> Result<ChildRendering, fmt::Error> {
    match &node.data().value {
        NodeValue::Heading(heading) => {
            if entering {
                context.cr()?;
                let id = context.user.next().unwrap_or_default();
                let mut escaped = String::new();
                escape_into(&mut escaped, &id);
                write!(context, "<h{} id=\"page-{escaped}\">", heading.level)?;
            } else {
                writeln!(context, "</h{}>", heading.level)?;
            }
            Ok(ChildRendering::HTML)
        }
        NodeValue::Link(link) if link.url.starts_with("http://") || link.url.starts_with("https://") => {
            if entering {
                context.write_str("<a rel=\"noopener noreferrer\" target=\"_blank\" href=\"")?;
                context.escape_href(&link.url)?;
                if !link.title.is_empty() {
                    context.write_str("\" title=\"")?;
                    context.escape(&link.title)?;
                }
                context.write_str("\">")?;
            } else {
                context.write_str("</a>")?;
            }
            Ok(ChildRendering::HTML)
        }
        // its address was removed
        NodeValue::Link(link) if link.url.is_empty() => {
            context.write_str(if entering { "<a>" } else { "</a>" })?;
            Ok(ChildRendering::HTML)
        }
        NodeValue::Image(image) if image.url.is_empty() => {
            if entering {
                context.write_str("<img alt=\"")?;
                return Ok(ChildRendering::Plain);
            }
            context.write_str("\" />")?;
            Ok(ChildRendering::HTML)
        }
        _ => format_node_default(context, node, entering),
    }
}
