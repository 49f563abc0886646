//! The Workshop resources of a folder: each is a lab of its own, and all share the folder's pages.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::LazyLock;

use lectern_api::ids::LabSlug;
use regex::Regex;

use crate::diagnostic::Diagnostic;
use crate::files;
use crate::rules::Rule;
use crate::severity::Severity;
use crate::spec::{self, ReadSpec};
use crate::yaml::{self, Document, Findings, Node};

/// The maximum number of labs of one folder.
const MOST: usize = 50;

/// A line that makes a document a Workshop resource, even if the rest of it cannot be read.
static IS_WORKSHOP: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?m)^kind:[ \t]*["']?Workshop["']?[ \t]*\r?$"#).ok());
/// `metadata.name`, found without reading the document.
static NAME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"(?m)^metadata:[ \t]*\r?\n(?:[ \t]+.*\n)*?[ \t]+name:[ \t]*["']?([A-Za-z0-9-]+)["']?[ \t]*\r?$"#,
    )
    .ok()
});

/// Reads the Workshop resources of a folder: that of `resources/workshop.yaml` first, then those of the other files in
/// `resources`. Returns the default one if there is none. What cannot be read is a finding, and costs nothing else.
pub(super) fn read(root: &Path) -> (Vec<ReadSpec>, Vec<Diagnostic>) {
    let (mut workshops, mut diagnostics) = (Vec::new(), Vec::new());
    for name in manifests(root) {
        let file = format!("resources/{name}");
        match files::read_text(root, &file, files::MAX_MANIFEST_BYTES) {
            Ok(text) => {
                for document in yaml::parse_documents(&text) {
                    let is_only = is_main(&name) && workshops.is_empty();
                    workshops.extend(read_document(&document, &file, is_only, &mut diagnostics));
                }
            }
            Err(diagnostic) => diagnostics.push(diagnostic),
        }
    }
    if workshops.len() > MOST {
        let (file, line) = (workshops[MOST].findings.file.clone(), line_of(&workshops[MOST]));
        let message = format!(
            "The folder holds more than {MOST} Workshop resources; from this one on they are left out"
        );
        diagnostics.push(
            Diagnostic::new(Rule::TooManyFiles, file, message)
                .at(line, 1)
                .hint("divide them among several folders"),
        );
        workshops.truncate(MOST);
    }
    if workshops.is_empty() {
        workshops.push(ReadSpec::default());
    }
    (workshops, diagnostics)
}

/// Returns the line on which a resource begins.
pub(super) fn line_of(workshop: &ReadSpec) -> u32 {
    workshop.document.as_ref().map_or(1, |document| document.line)
}

/// Lists the manifests beside each other in `resources`, the main one first.
fn manifests(root: &Path) -> Vec<String> {
    let (found, _) = files::list(root, "resources", |path| path.contains('/'));
    let mut names: Vec<String> = found
        .into_iter()
        .map(|file| file.path)
        .filter(|path| !path.contains('/') && (path.ends_with(".yaml") || path.ends_with(".yml")))
        .collect();
    names.sort_by_key(|name| (!is_main(name), name.clone()));
    names
}

fn is_main(name: &str) -> bool {
    name.starts_with("workshop.")
}

/// Reads a document if it is a Workshop resource, or if it cannot be read and must be one.
fn read_document(
    document: &Document,
    file: &str,
    is_expected: bool,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<ReadSpec> {
    let says_so = || IS_WORKSHOP.as_ref().is_some_and(|pattern| pattern.is_match(&document.text));
    let is_template = document.text.contains("{{");
    match &document.tree {
        Ok(node) if is_workshop(node) && is_template && holds_template(node) => {
            Some(read_template(document, file, document.above + 1))
        }
        Ok(node) if is_workshop(node) => {
            let mut workshop = spec::read(node, file);
            for key in &document.repeated {
                let message = format!("`{}` stands twice in the same mapping; the last one counts", key.text);
                workshop.findings.diagnostics.push(
                    Diagnostic::new(Rule::DuplicateKey, file, message)
                        .at(key.line, key.column)
                        .hint("take this one out"),
                );
            }
            Some(workshop)
        }
        Err(error) if is_template && says_so() => Some(read_template(document, file, error.line)),
        Err(error) if says_so() || is_expected => {
            let message = format!("This is not valid YAML: {}", error.reason);
            let finding = Diagnostic::new(Rule::BadYaml, file, message)
                .at(error.line, error.column)
                .hint("until then the lab has its folder's name, and sessions have what labs have that ask for nothing");
            if !says_so() {
                diagnostics.push(finding);
                return None;
            }
            let mut workshop = unread(document, file);
            workshop.findings.diagnostics.push(finding);
            Some(workshop)
        }
        _ => None,
    }
}

fn is_workshop(node: &Node) -> bool {
    node.get("kind").and_then(Node::text).as_deref() == Some("Workshop")
}

/// Returns whether a tree holds a value such as `{{ .Values.name }}`, which YAML reads as a mapping whose key is none.
fn holds_template(node: &Node) -> bool {
    node.items().iter().any(holds_template)
        || node.entries().iter().any(|(key, value)| key.text.is_empty() || holds_template(value))
}

/// Reads what a template says without its values.
fn read_template(document: &Document, file: &str, line: u32) -> ReadSpec {
    let plain: String = document.text.split_inclusive('\n').map(without_template).collect();
    let plain = Document::parse(&plain, document.above);
    let mut workshop = match &plain.tree {
        Ok(node) if is_workshop(node) => spec::read(node, file),
        _ => unread(document, file),
    };
    // what is missing or wrong in it is a value of the template
    workshop.findings.diagnostics.clear();
    let message =
        "This is a template, and there is nothing here to fill in its `{{ … }}`: those lines are left out";
    workshop.findings.diagnostics.push(
        Diagnostic::new(Rule::BadYaml, file, message)
            .at(line, 1)
            .hint("write the resource with its values, for example the output of `helm template`"),
    );
    workshop
}

/// Returns a line as it is, or empty if a template fills it in.
fn without_template(line: &str) -> &str {
    let is_text = |at: usize| line[..at].contains(['"', '\'', '#']);
    match line.find("{{") {
        Some(at) if !is_text(at) => "\n",
        _ => line,
    }
}

/// Returns a resource of which only the name is known, if that.
fn unread(document: &Document, file: &str) -> ReadSpec {
    let name = NAME.as_ref().and_then(|pattern| pattern.captures(&document.text)?.get(1));
    ReadSpec {
        name: name.map(|name| name.as_str().to_owned()),
        findings: Findings::new(file),
        ..ReadSpec::default()
    }
}

/// Returns the name of a lab: that of its resource, or else that of its folder, with what a name cannot hold left out.
pub(super) fn slug_of(workshop: &ReadSpec, root: &Path, diagnostics: &mut Vec<Diagnostic>) -> LabSlug {
    if let Some(name) = &workshop.name {
        match name.parse::<LabSlug>() {
            Ok(slug) => return slug,
            Err(error) => {
                let slug =
                    fitting(name).or_else(|| fitting(&folder_of(root))).unwrap_or_else(|| numbered(root));
                let at =
                    workshop.document.as_ref().and_then(|document| document.get("metadata")?.get("name"));
                let (line, column) = at.map_or((1, 1), |node| (node.line, node.column));
                diagnostics.push(
                    Diagnostic::new(
                        Rule::BadName,
                        &workshop.findings.file,
                        format!("{error}; it is called `{slug}` here"),
                    )
                    .at(line, column)
                    .hint("change `metadata.name`"),
                );
                return slug;
            }
        }
    }
    fitting(&folder_of(root)).unwrap_or_else(|| {
        let slug = numbered(root);
        let message = format!("The folder's name has no letter or digit, so the lab is called `{slug}`");
        diagnostics.push(
            Diagnostic::new(Rule::BadName, ".", message)
                .hint("rename the folder, or write resources/workshop.yaml"),
        );
        slug
    })
}

fn folder_of(root: &Path) -> String {
    root.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn fitting(name: &str) -> Option<LabSlug> {
    let lower = name.to_lowercase();
    let dashed: String =
        lower.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    let short: String = dashed.trim_matches('-').chars().take(63).collect();
    short.trim_end_matches('-').parse().ok()
}

fn numbered(root: &Path) -> LabSlug {
    let mut hasher = DefaultHasher::new();
    root.hash(&mut hasher);
    let name = format!("lab-{:016x}", hasher.finish());
    name.parse().unwrap_or_else(|_| unreachable!("letters and hexadecimal digits are a name"))
}

/// Returns the finding for a resource that is left out because another has its name.
pub(super) fn same_name(workshop: &ReadSpec, slug: &LabSlug) -> Diagnostic {
    let message =
        format!("Another Workshop resource of this folder is called `{slug}` too; this one is left out");
    Diagnostic::new(Rule::BadName, &workshop.findings.file, message)
        .at(line_of(workshop), 1)
        .severity(Severity::Advice)
        .hint("give it a `metadata.name` of its own")
}
