//! Counts what the labs of a collection contain, and how much of it Lectern understands.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::collection::{find_labs, find_workshops, folders_in};
use crate::lab::Lab;
use crate::layout::{Markup, Page};
use crate::page::{RenderOptions, code_blocks, looks_like_action, place};
use crate::severity::Severity;
use crate::template::NoticeKind;
use crate::variables::{SESSION_VARIABLES, Variables};

/// The counts of one repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryReport {
    /// Its path below the collection's folder.
    pub name: String,
    pub labs: usize,
    /// Pages, including those that no table of contents lists.
    pub pages: usize,
    /// Pages in `AsciiDoc`.
    pub asciidoc_pages: usize,
    /// Code blocks that are actions, or whose info string looks like the name of one.
    pub blocks: usize,
    /// Blocks with a known action.
    pub recognised: usize,
    /// Blocks with a known action whose text is invalid.
    pub with_errors: usize,
    /// Names of variables without a value, and the first place of each.
    pub unknown_variables: BTreeMap<String, String>,
    /// Unknown actions, blocks with errors, and why labs do not load.
    pub problems: Vec<String>,
    /// The findings of lint, without its advice.
    pub findings: Vec<String>,
}

/// The counts of a collection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorpusReport {
    /// The repositories, ordered by name.
    pub repositories: Vec<RepositoryReport>,
}

/// Counts what a collection contains. Each folder in `dir` is a repository, unless `dir` is a lab itself.
#[must_use]
pub fn survey(dir: &Path) -> CorpusReport {
    let mut repositories =
        if dir.join("workshop/content").is_dir() { vec![dir.to_owned()] } else { folders_in(dir) };
    repositories.sort();
    CorpusReport { repositories: repositories.iter().map(|repository| report(dir, repository)).collect() }
}

fn report(base: &Path, repository: &Path) -> RepositoryReport {
    let name = match crate::files::relative(base, repository) {
        name if name.is_empty() => ".".to_owned(),
        name => name,
    };
    let mut report = RepositoryReport { name, ..RepositoryReport::default() };
    for dir in find_workshops(repository) {
        report.labs += 1;
        match Lab::load_all(&dir) {
            Ok((lab, _)) => report.add_lab(&lab, dir.strip_prefix(repository).unwrap_or(&dir)),
            Err(error) => report.problems.extend(error.diagnostics.iter().map(ToString::to_string)),
        }
    }
    for dir in find_labs(repository) {
        let below = crate::files::relative(repository, &dir);
        let found = crate::lint::lint(&dir).into_iter().filter(|one| one.severity > Severity::Advice);
        report.findings.extend(
            found.map(|one| if below.is_empty() { one.to_string() } else { format!("{below}/{one}") }),
        );
    }
    report
}

impl RepositoryReport {
    fn add_lab(&mut self, lab: &Lab, dir: &Path) {
        let mut variables = Variables::new();
        for variable in SESSION_VARIABLES.iter().filter(|variable| variable.name != "pathway_name") {
            variables.set(variable.name, format!("a-{}", variable.name));
        }
        for (name, value) in &lab.spec.session.env {
            variables.set_environment(name, value);
        }
        for parameter in &lab.spec.parameters {
            variables.set_environment(&parameter.name, &parameter.value);
        }
        for page in &lab.layout.pages {
            self.pages += 1;
            self.asciidoc_pages += usize::from(page.markup == Markup::AsciiDoc);
            self.add_page(lab, page, &variables, &dir.join(&page.file));
        }
    }

    fn add_page(&mut self, lab: &Lab, page: &Page, variables: &Variables, file: &Path) {
        let options = RenderOptions { every_pathway: true, ..RenderOptions::default() };
        let (text, notices) = lab.expand(page, variables, &options);
        for notice in notices {
            if let NoticeKind::UnknownVariable(name) = notice.kind {
                let (line, _) = place(&page.text, page.body_at + notice.offset);
                let at = format!("{}:{line}", file.display());
                self.unknown_variables.entry(name).or_insert(at);
            }
        }
        let markdown = if page.markup == Markup::Markdown { &*text } else { "" };
        for (info, ..) in code_blocks(markdown).iter().filter(|(info, ..)| looks_like_action(info)) {
            self.blocks += 1;
            let name = info.split_whitespace().next().unwrap_or_default();
            self.problems.push(format!("{}: there is no action {name}", file.display()));
        }
        let Ok(rendered) = lab.render_page(&page.name, variables, &options) else { return };
        self.blocks += rendered.actions.len();
        self.recognised += rendered.actions.len();
        for error in rendered.actions.iter().filter_map(|block| block.error()) {
            self.with_errors += 1;
            let at = format!("{}:{}", file.display(), error.line);
            self.problems.push(format!("{at}: {}: {}", error.message, error.reason));
        }
    }
}

impl fmt::Display for RepositoryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} pages, {} blocks, {} recognised, {} with errors, {} unknown variables",
            self.name,
            self.pages,
            self.blocks,
            self.recognised,
            self.with_errors,
            self.unknown_variables.len()
        )?;
        if self.labs == 0 {
            f.write_str(" (no workshop/content in it)")?;
        }
        if self.asciidoc_pages > 0 {
            write!(f, "\n  {} of the pages are AsciiDoc", self.asciidoc_pages)?;
        }
        for problem in &self.problems {
            write!(f, "\n  {problem}")?;
        }
        for (name, place) in &self.unknown_variables {
            write!(f, "\n  {place}: no value is known for {name}")?;
        }
        for finding in &self.findings {
            write!(f, "\n  lint: {finding}")?;
        }
        Ok(())
    }
}

impl fmt::Display for CorpusReport {
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repositories = &self.repositories;
        for one in repositories {
            writeln!(f, "{one}")?;
        }
        let sum = |count: fn(&RepositoryReport) -> usize| repositories.iter().map(count).sum::<usize>();
        let (blocks, recognised) = (sum(|one| one.blocks), sum(|one| one.recognised));
        let share = if blocks == 0 { 100.0 } else { recognised as f64 * 100.0 / blocks as f64 };
        write!(
            f,
            "{} repositories, {} pages, {blocks} blocks, {recognised} recognised ({share:.1} %), {} with errors, {} unknown variables, {} findings",
            repositories.len(),
            sum(|one| one.pages),
            sum(|one| one.with_errors),
            sum(|one| one.unknown_variables.len()),
            sum(|one| one.findings.len()),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_collection_is_counted_by_repository() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let page = "{{ lost }} {{ session_namespace }}\n\n```execute\nls\n```\n\n1. in a list\n\n   ```terminal:execute\n   \
                    session: 1\n   ```\n\n```terminal:explode\n```\n\n```yaml\na: b\n```\n";
        write("one/workshop/workshop.yaml", "name: One\n");
        write("one/workshop/content/a.md", page);
        write("one/workshop/content/b.adoc", "= B\n");
        write("two/first/workshop/content/a.md", "```copy\nx\n```\n");
        write("two/second/workshop/content/a.md", "no blocks\n");
        write("three/README.md", "nothing\n");
        let text = survey(dir.path()).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "one: 2 pages, 3 blocks, 2 recognised, 1 with errors, 1 unknown variables");
        assert!(text.contains("  workshop/content/a.md:1: no value is known for lost"), "{text}");
        assert!(text.contains("  workshop/content/a.md: there is no action terminal:explode"), "{text}");
        assert!(text.contains("  workshop/content/a.md:9: `terminal:execute` needs `command`"), "{text}");
        assert!(lines.contains(&"two: 2 pages, 1 blocks, 1 recognised, 0 with errors, 0 unknown variables"));
        assert_eq!(
            *lines.last().unwrap(),
            "3 repositories, 4 pages, 4 blocks, 3 recognised (75.0 %), 1 with errors, 1 unknown variables, 3 findings"
        );
        let found: Vec<_> = lines.iter().filter_map(|line| line.trim().strip_prefix("lint: ")).collect();
        assert!(found.iter().any(|one| one.starts_with("workshop/content/a.md:")), "{found:?}");
    }

    #[test]
    fn a_lab_is_a_collection_of_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("workshop/content")).unwrap();
        fs::write(dir.path().join("workshop/content/a.md"), "x").unwrap();
        let report = survey(dir.path());
        assert_eq!((report.repositories.len(), report.repositories[0].pages), (1, 1));
    }
}
