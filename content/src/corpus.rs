//! Counting what the labs of a collection hold, and how much of it is understood.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::lab::Lab;
use crate::page::{RenderOptions, action_name, code_blocks};
use crate::template::NoticeKind;
use crate::variables::{SESSION_VARIABLES, Variables};

/// What one repository holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryReport {
    /// Its path below the collection.
    pub name: String,
    /// Its pages, also those that no table of contents lists.
    pub pages: usize,
    /// Code blocks that are actions, or whose info string looks like the name of one.
    pub blocks: usize,
    /// Blocks with a known action.
    pub recognised: usize,
    /// Blocks with a known action whose text is wrong.
    pub with_errors: usize,
    /// Names of variables that nothing gives a value.
    pub unknown_variables: BTreeSet<String>,
    /// What is wrong: blocks with errors, or why the lab does not load.
    pub problems: Vec<String>,
}

/// What a collection holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorpusReport {
    /// Its repositories, by name.
    pub repositories: Vec<RepositoryReport>,
}

/// Counts what every lab below a folder holds.
#[must_use]
pub fn survey(dir: &Path) -> CorpusReport {
    let repositories = find_labs(dir).into_iter().map(|lab| report(dir, &lab)).collect();
    CorpusReport { repositories }
}

/// Finds the folders below a folder that are labs: that hold `workshop/content`. The folder itself may be one.
#[must_use]
pub fn find_labs(dir: &Path) -> Vec<PathBuf> {
    let (mut labs, mut folders) = (Vec::new(), vec![(dir.to_owned(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        if folder.join("workshop/content").is_dir() {
            labs.push(folder);
            continue;
        }
        let hidden =
            |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten().filter(|_| depth < 6) {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && !hidden(&entry.path()) {
                folders.push((entry.path(), depth + 1));
            }
        }
    }
    labs.sort();
    labs
}

fn report(base: &Path, dir: &Path) -> RepositoryReport {
    let name = dir.strip_prefix(base).unwrap_or(dir).display().to_string();
    let mut report =
        RepositoryReport { name: if name.is_empty() { ".".to_owned() } else { name }, ..Default::default() };
    let lab = match Lab::load(dir) {
        Ok(lab) => lab,
        Err(error) => {
            report.problems.extend(error.diagnostics.iter().map(ToString::to_string));
            return report;
        }
    };
    let mut variables = Variables::new();
    for (name, _) in SESSION_VARIABLES {
        variables.set(*name, format!("a-{name}"));
    }
    for page in &lab.layout.pages {
        report.pages += 1;
        let (text, notices) = lab.expand(page, &variables, "");
        for notice in notices {
            if let NoticeKind::UnknownVariable(name) = notice.kind {
                report.unknown_variables.insert(name);
            }
        }
        let unknown = code_blocks(&text).iter().filter(|(info, ..)| looks_like_action(info)).count();
        let Ok(rendered) = lab.render_page(&page.name, &variables, &RenderOptions::default()) else {
            continue;
        };
        report.blocks += unknown + rendered.actions.len();
        report.recognised += rendered.actions.len();
        for block in &rendered.actions {
            if let Some(error) = block.error() {
                report.with_errors += 1;
                report
                    .problems
                    .push(format!("{}:{}: {}: {}", page.file, error.line, error.message, error.reason));
            }
        }
    }
    report
}

/// Says whether an info string looks like an action's name without being one.
pub(crate) fn looks_like_action(info: &str) -> bool {
    const PREFIXES: &[&str] =
        &["terminal:", "workshop:", "dashboard:", "editor:", "examiner:", "files:", "section:", "execute"];
    action_name(info).is_none() && PREFIXES.iter().any(|prefix| info.starts_with(prefix))
}

impl fmt::Display for CorpusReport {
    #[expect(clippy::cast_precision_loss, reason = "a share in percent")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let repositories = &self.repositories;
        for one in repositories {
            writeln!(
                f,
                "{}: {} pages, {} blocks, {} recognised, {} with errors, {} unknown variables",
                one.name,
                one.pages,
                one.blocks,
                one.recognised,
                one.with_errors,
                one.unknown_variables.len()
            )?;
            for problem in &one.problems {
                writeln!(f, "  {problem}")?;
            }
            if !one.unknown_variables.is_empty() {
                let names: Vec<_> = one.unknown_variables.iter().map(String::as_str).collect();
                writeln!(f, "  unknown: {}", names.join(", "))?;
            }
        }
        let sum = |count: fn(&RepositoryReport) -> usize| repositories.iter().map(count).sum::<usize>();
        let (blocks, recognised) = (sum(|one| one.blocks), sum(|one| one.recognised));
        let share = if blocks == 0 { 100.0 } else { recognised as f64 * 100.0 / blocks as f64 };
        write!(
            f,
            "{} repositories, {} pages, {blocks} blocks, {recognised} recognised ({share:.1} %), {} with errors, {} unknown variables",
            repositories.len(),
            sum(|one| one.pages),
            sum(|one| one.with_errors),
            sum(|one| one.unknown_variables.len()),
        )
    }
}
