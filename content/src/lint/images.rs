//! The images that a lab names, so that a registry can be asked for each.

use std::collections::BTreeMap;

use lectern_api::actions::{Action, ActionBlock};

use super::UNKNOWN_VALUE;
use super::shell::steps;
use crate::files;
use crate::lab::Lab;
use crate::layout::Markup;
use crate::page::RenderOptions;
use crate::spec::spec_of;
use crate::yaml::{self, Data, Node};

/// An image that a lab names, and the first place that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImage {
    /// Its name as the author wrote it, such as `nginx` or `ghcr.io/lab/tools:3`.
    pub image: String,
    /// The file, relative to the lab's folder.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
}

/// Lists the images of a lab: those of its Workshop resource, of manifests among the exercise's files, and of commands.
/// An image whose name a variable fills in is left out.
#[must_use]
pub fn images(lab: &Lab) -> Vec<NamedImage> {
    let mut found = Found::default();
    if let Some(document) = &lab.workshop.document {
        let (spec, file) = (spec_of(document), &lab.workshop.findings.file);
        if let Some(image) = &lab.spec.workbench_image {
            let node = spec.get("workshop").and_then(|workshop| workshop.get("image"));
            found.add(image, file, node.map_or(1, |node| node.line));
        }
        for part in ["session", "environment"].iter().filter_map(|part| spec.get(part)?.get("objects")) {
            found.tree(part, file);
        }
    }
    for file in lab.home_files() {
        let is_manifest = file.path.ends_with(".yaml") || file.path.ends_with(".yml");
        if is_manifest && file.link.is_none() && file.size <= files::MAX_MANIFEST_BYTES {
            let text = file.read().unwrap_or_default();
            for document in yaml::parse_documents(&String::from_utf8_lossy(&text)) {
                document.tree.iter().for_each(|tree| found.tree(tree, &file.path));
            }
        }
    }
    let (variables, options) = (super::variables(lab), RenderOptions::default());
    for page in lab.layout.pages.iter().filter(|page| page.markup == Markup::Markdown) {
        let rendered = lab.render(page, &variables, &options);
        for (block, action) in rendered.page.actions.iter().filter_map(with_action) {
            if let Action::TerminalExecute { command, .. } | Action::TerminalExecuteAll { command, .. } =
                action
            {
                found.command(command, &page.file, block.line);
            }
        }
    }
    found.0.into_iter().map(|(image, (file, line))| NamedImage { image, file, line }).collect()
}

fn with_action(block: &ActionBlock) -> Option<(&ActionBlock, &Action)> {
    Some((block, block.action()?))
}

#[derive(Default)]
struct Found(BTreeMap<String, (String, u32)>);

impl Found {
    fn add(&mut self, image: &str, file: &str, line: u32) {
        let image = image.trim();
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "./:@_-".contains(letter);
        let is_name = !image.is_empty() && !image.starts_with('-') && image.chars().all(is_plain);
        if is_name && !image.contains(UNKNOWN_VALUE) {
            self.0.entry(image.to_owned()).or_insert_with(|| (file.to_owned(), line));
        }
    }

    /// Adds the images of the containers in a tree.
    fn tree(&mut self, node: &Node, file: &str) {
        match &node.data {
            Data::List(items) => items.iter().for_each(|item| self.tree(item, file)),
            Data::Map(entries) => {
                for (key, value) in entries {
                    if matches!(key.text.as_str(), "containers" | "initContainers") {
                        for image in value.items().iter().filter_map(|container| container.get("image")) {
                            self.add(&image.text().unwrap_or_default(), file, image.line);
                        }
                    }
                    self.tree(value, file);
                }
            }
            _ => {}
        }
    }

    /// Adds the images after `--image`.
    fn command(&mut self, command: &str, file: &str, line: u32) {
        for step in steps(command) {
            let Some(("kubectl" | "k" | "oc", arguments)) = step.program() else { continue };
            let joined = arguments.iter().filter_map(|word| word.strip_prefix("--image="));
            let apart = arguments.windows(2).filter(|pair| pair[0] == "--image").map(|pair| pair[1].as_str());
            joined.chain(apart).for_each(|image| self.add(image, file, line));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_in_the_resource_in_manifests_and_in_commands() {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in [
            (
                "resources/workshop.yaml",
                "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {name: lab}\nspec:\n  workshop:\n    image: \
                 ghcr.io/lab/tools:3\n  session:\n    objects:\n    - kind: Pod\n      spec:\n        containers:\n        - image: redis:7\n        \
                 - image: $(image_repository)/own\n",
            ),
            (
                "exercises/pod.yaml",
                "kind: Pod\n---\nspec:\n  template:\n    spec:\n      containers:\n      - image: nginx\n",
            ),
            ("workshop/workshop.yaml", "name: L\n"),
            (
                "workshop/content/a.md",
                "Words.\n\n```execute\nkubectl run x --image=busybox:1 && kubectl run y --image {{ ENV_X }} --image nginx\n```\n",
            ),
        ] {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = images(&Lab::load(dir.path()).unwrap());
        let shown: Vec<_> =
            found.iter().map(|one| format!("{} {}:{}", one.image, one.file, one.line)).collect();
        assert_eq!(
            shown,
            [
                "busybox:1 workshop/content/a.md:3",
                "ghcr.io/lab/tools:3 resources/workshop.yaml:6",
                "nginx exercises/pod.yaml:7",
                "redis:7 resources/workshop.yaml:12",
            ]
        );
    }
}
