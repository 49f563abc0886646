//! Reads `workshop.files`, `workshop.packages` and `content.files`.

use super::Reader;
use crate::rules::Rule;
use crate::spec::sources::{LabSource, Origin, Package, PathRules, folder_path, is_pattern, platform_arch};
use crate::yaml::{Fields, Node};

mod older;

/// The most entries of one list.
const MAX_ENTRIES: usize = 16;
/// The kinds of source that are read. Any other is a finding.
const KINDS: &[&str] = &["git", "http", "image", "imgpkgBundle", "inline", "directory"];
/// The keys of an entry beside its source.
const BESIDE: &[&str] = &["path", "newRootPath", "includePaths", "excludePaths", "legalPaths", "lazy"];
/// What stands for the registry to which a lab's own image is published.
const REGISTRIES: &[&str] = &["$(image_repository)/", "$(workshop_image_repository)/"];

impl Reader {
    /// Reads the entries for the learner's files.
    pub(super) fn sources(&mut self, spec: &Fields<'_>, lab: &str) -> Vec<LabSource> {
        let workshop = spec.child("workshop", &mut self.findings);
        let mut sources = self.entries(&workshop, lab, true);
        let content = spec.child("content", &mut self.findings);
        if sources.is_empty() {
            sources.extend(self.older_files(&content));
        }
        sources
    }

    pub(super) fn packages(&mut self, spec: &Fields<'_>, lab: &str) -> Vec<Package> {
        let workshop = spec.child("workshop", &mut self.findings);
        let mut packages: Vec<Package> = Vec::new();
        for package in workshop.children("packages", &mut self.findings) {
            let Some(name) = self.text(&package, "name") else { continue };
            let is_name = !name.is_empty()
                && !name.starts_with(['.', '-'])
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
            if !is_name || packages.iter().any(|other| other.name == name) || packages.len() == MAX_ENTRIES {
                self.complain(
                    &package,
                    "name",
                    Rule::BadName,
                    format!("the package {name:?} is left out"),
                    format!(
                        "at most {MAX_ENTRIES} packages are added, each with a name of its own of letters, digits, dots and dashes"
                    ),
                );
                continue;
            }
            let files = self.entries(&package, lab, false);
            packages.push(Package { name, files });
        }
        packages
    }

    /// Reads a list of entries. `is_lab` if they bring the lab's own files.
    fn entries(&mut self, around: &Fields<'_>, lab: &str, is_lab: bool) -> Vec<LabSource> {
        let nodes = around.list("files", &mut self.findings);
        if nodes.len() > MAX_ENTRIES {
            self.complain(
                around,
                "files",
                Rule::NotActedOn,
                format!("only the first {MAX_ENTRIES} of {} sources are fetched", nodes.len()),
                "put what belongs together into one source".to_owned(),
            );
        }
        let mut sources = Vec::new();
        for node in nodes.iter().take(MAX_ENTRIES) {
            let entry = self.begin(node, "files");
            let origin = self.origin(node, &entry, lab, is_lab);
            let path = self.folder(&entry, "path");
            let new_root = self.folder(&entry, "newRootPath");
            let rules = self.path_rules(&entry);
            if let (Some(origin), Some(path), Some(new_root)) = (origin, path, new_root) {
                sources.push(LabSource { origin, path, new_root, rules, line: node.line });
            }
        }
        sources
    }

    /// Reads a folder's path. Returns `None`, with a finding, if it leads out.
    fn folder(&mut self, entry: &Fields<'_>, key: &str) -> Option<String> {
        let text = self.text(entry, key).unwrap_or_default();
        let folder = folder_path(&text);
        if folder.is_none() {
            self.complain(
                entry,
                key,
                Rule::Outside,
                format!("`{key}` leads out: {text:?}; the source is left out"),
                "name a folder without `..`".to_owned(),
            );
        }
        folder
    }

    fn path_rules(&mut self, entry: &Fields<'_>) -> PathRules {
        let mut valid = |key: &str| -> Vec<String> {
            let patterns = entry.texts(key, &mut self.findings);
            for pattern in patterns.iter().filter(|pattern| !is_pattern(pattern)) {
                self.complain(
                    entry,
                    key,
                    Rule::BadPattern,
                    format!("{pattern:?} is no pattern of paths"),
                    "write it like /exercises/**".to_owned(),
                );
            }
            patterns
        };
        PathRules { include: valid("includePaths"), exclude: valid("excludePaths") }
    }

    fn origin(&mut self, node: &Node, entry: &Fields<'_>, lab: &str, is_lab: bool) -> Option<Origin> {
        let kinds = node.entries().iter().map(|(key, _)| key.text.as_str());
        let Some(kind) = kinds.clone().find(|kind| KINDS.contains(kind)) else {
            let other = kinds.clone().find(|kind| !BESIDE.contains(kind)).unwrap_or("files").to_owned();
            self.unsupported(entry, &other, format!("Lectern does not fetch `{other}`"));
            return None;
        };
        let part = entry.child(kind, &mut self.findings);
        if part.node("secretRef").is_some() {
            self.unsupported(
                &part,
                "secretRef",
                format!("`{kind}` names a secret, which Lectern does not use"),
            );
        }
        for choice in ["tagSelection", "refSelection"] {
            if part.node(choice).is_some() {
                self.unsupported(&part, choice, format!("Lectern does not choose by `{choice}`"));
            }
        }
        match kind {
            "git" => {
                let url = self.address(&part, "url", lab)?;
                let reference = self.text(&part, "ref").map(|text| filled(&text, lab)).unwrap_or_default();
                let reference = reference.trim().trim_start_matches("origin/");
                let reference = if reference == "HEAD" { "" } else { reference };
                Some(Origin::Git { url, reference: reference.to_owned() })
            }
            "http" => Some(Origin::Http {
                url: self.address(&part, "url", lab)?,
                sha256: self.text(&part, "sha256"),
                keeps_archive: self.flag(&part, "disableUnpack").unwrap_or_default(),
            }),
            "image" | "imgpkgBundle" => {
                let key = if kind == "image" { "url" } else { "image" };
                let text = self.text(&part, key)?;
                if is_lab && REGISTRIES.iter().any(|registry| text.trim().starts_with(registry)) {
                    return Some(Origin::Own);
                }
                let reference = self.address(&part, key, lab)?;
                Some(Origin::Image { plain_http: false, reference })
            }
            "inline" => Some(Origin::Inline(self.inline(&part))),
            _ => {
                let path = self.text(&part, "path").unwrap_or_default();
                let is_own = folder_path(&path).is_some_and(|path| path.is_empty());
                if !is_own {
                    self.unsupported(
                        &part,
                        "path",
                        "`directory` names a folder of its author's machine".to_owned(),
                    );
                }
                is_own.then_some(Origin::Own)
            }
        }
    }

    /// Reads an address, with values for the variables that are known when a lab is loaded.
    fn address(&mut self, part: &Fields<'_>, key: &str, lab: &str) -> Option<String> {
        let text = self.text(part, key)?;
        let address = filled(text.trim(), lab);
        if address.contains("$(") {
            self.unsupported(part, key, format!("{address:?} names something that only Educates has"));
            return None;
        }
        (!address.is_empty()).then_some(address)
    }

    fn inline(&mut self, part: &Fields<'_>) -> Vec<(String, String)> {
        if part.node("pathsFrom").is_some() {
            self.unsupported(
                part,
                "pathsFrom",
                "`pathsFrom` names secrets, which Lectern does not use".to_owned(),
            );
        }
        let Some(paths) = part.node("paths") else { return Vec::new() };
        let texts = paths.entries().iter().filter_map(|(key, value)| {
            let path = folder_path(&key.text).filter(|path| !path.is_empty())?;
            Some((path, value.text()?))
        });
        texts.collect()
    }

    fn unsupported(&mut self, fields: &Fields<'_>, key: &str, message: String) {
        let hint = "name a public git repository, a file on the web or an image by its whole address";
        self.complain(fields, key, Rule::NotActedOn, message, hint.to_owned());
    }
}

/// Fills in the values that are known before there is a session.
fn filled(text: &str, lab: &str) -> String {
    [
        ("$(workshop_name)", lab),
        ("$(environment_name)", lab),
        ("$(workshop_version)", "latest"),
        ("$(training_portal)", "lectern"),
        ("$(platform_arch)", platform_arch()),
    ]
    .iter()
    .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}
