//! The classic layout: `workshop/workshop.yaml` lists the pages, `workshop/modules.yaml` has their titles.

use std::path::Path;

use super::{Layout, declare, order_by, read_declared, read_manifest, read_pages};
use crate::diagnostic::Diagnostic;
use crate::rules::Rule;
use crate::template::Style;
use crate::yaml::Node;

const MODULES: &str = "workshop/modules.yaml";

/// Reads a lab in the classic layout. `workshop_file` is the file in `workshop/` that lists the pages.
pub(super) fn read(root: &Path, workshop_file: &str) -> Layout {
    let mut layout = Layout::new(Style::Classic, "workshop/content");
    let workshop_file = format!("workshop/{workshop_file}");
    let workshop = read_manifest(root, &workshop_file, &mut layout.diagnostics);
    let modules = read_manifest(root, MODULES, &mut layout.diagnostics);
    read_pages(root, &mut layout);

    layout.title = workshop.as_ref().and_then(|node| node.get("name")).and_then(Node::text);
    for node in [&modules, &workshop].into_iter().flatten() {
        let vars = node.get("config").and_then(|config| config.get("vars")).or_else(|| node.get("vars"));
        declare(&mut layout.declared, read_declared(vars));
    }
    let named = modules.as_ref().and_then(|node| node.get("modules"));
    let activated =
        workshop.as_ref().and_then(|node| node.get("modules")).and_then(|node| node.get("activate"));
    match (activated, named) {
        (Some(list), _) => {
            let names: Vec<(String, &Node)> =
                list.items().iter().filter_map(|item| Some((item.text()?, item))).collect();
            order(
                &mut layout,
                &workshop_file,
                names.into_iter().map(|(name, node)| (name, node.line, node.column)).collect(),
            );
        }
        (None, Some(named)) => {
            let names =
                named.entries().iter().map(|(key, _)| (key.text.clone(), key.line, key.column)).collect();
            order(&mut layout, MODULES, names);
        }
        (None, None) => layout.pages.sort_by_key(|page| (page.name != "index", page.name.clone())),
    }
    for page in &mut layout.pages {
        let Some(module) = named.and_then(|named| named.get(&page.name)) else { continue };
        let text = |key| module.get(key).and_then(Node::text);
        if let Some(title) = text("name").or_else(|| text("title")) {
            page.title = title;
        }
        page.exit_sign = text("exit_sign");
        page.exit_link = text("exit_link");
    }
    layout
}

fn order(layout: &mut Layout, file: &str, names: Vec<(String, u32, u32)>) {
    let plain: Vec<String> = names.iter().map(|(name, ..)| name.clone()).collect();
    let missing = order_by(&mut layout.pages, &plain);
    for (name, line, column) in names {
        if missing.contains(&name) {
            layout.diagnostics.push(
                Diagnostic::new(Rule::MissingPage, file, format!("There is no page `{name}`"))
                    .at(line, column)
                    .hint(format!("write workshop/content/{name}.md, or take the line out")),
            );
        }
    }
}
