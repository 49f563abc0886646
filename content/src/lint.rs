//! Lint: what an author should know about a lab before learners do.

use std::collections::BTreeSet;
use std::path::Path;

use lectern_api::actions::{Action, ActionBlock};
use lectern_api::ids::LabSlug;

use crate::allow::{self, Allowances};
use crate::diagnostic::Diagnostic;
use crate::lab::Lab;
use crate::layout::{Markup, Page};
use crate::nearest::nearest;
use crate::page::{Lines, RenderOptions, Rendered, code_blocks, place};
use crate::rules::Rule;
use crate::template::{Notice, NoticeKind};
use crate::variables::{SESSION_VARIABLES, Variables};

mod addresses;
mod blocks;
mod checks;
mod commands;
mod images;
mod manifest;
mod namespaces;
mod programs;
mod shell;
mod workspace;

use commands::Exercise;
pub use images::{NamedImage, images};
use programs::Programs;
use workspace::Workspace;

/// Stands for a value that only a session knows.
const UNKNOWN_VALUE: &str = "lectern-lint-value";

/// Checks a lab for a platform with the default allowances. Returns the findings, sorted by file and line.
#[must_use]
pub fn lint(dir: &Path) -> Vec<Diagnostic> {
    lint_for(dir, |_| Allowances::default())
}

/// Checks the labs of a folder for a platform that gives labs of a name these allowances. Returns the findings, sorted
/// by file and line.
#[must_use]
pub fn lint_for(dir: &Path, allowances: impl Fn(&LabSlug) -> Allowances) -> Vec<Diagnostic> {
    match Lab::load_all(dir) {
        Ok((first, others)) => {
            let found = std::iter::once(first).chain(others).map(|lab| {
                let allowances = allowances(&lab.slug);
                lint_lab(&lab, &allowances)
            });
            together(&found.collect::<Vec<_>>())
        }
        Err(error) => sorted(error.diagnostics),
    }
}

/// Checks a lab for a platform that gives it these allowances. Returns the findings, sorted by file and line.
#[must_use]
pub fn lint_lab(lab: &Lab, allowances: &Allowances) -> Vec<Diagnostic> {
    let (granted, overreaches) = allow::allow(&lab.workshop.spec, allowances);
    let mut found = Linter::new(lab).run();
    found.extend(allow::findings(&lab.slug, &lab.workshop, &granted, &overreaches));
    sorted(found)
}

/// Joins the findings about the labs of one folder. What one of them leaves unused may be used by another.
fn together(labs: &[Vec<Diagnostic>]) -> Vec<Diagnostic> {
    let is_everywhere = |one: &Diagnostic| labs.iter().all(|found| found.contains(one));
    let counts = |one: &&Diagnostic| {
        !matches!(one.rule, Rule::UnlistedPage | Rule::UnusedCheck | Rule::UnknownVariable)
            || is_everywhere(one)
    };
    sorted(labs.iter().flatten().filter(counts).cloned().collect())
}

fn sorted(mut found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    found.sort();
    found.dedup();
    found
}

/// What the actions of all pages find in a session.
struct Session {
    exercise: Exercise,
    programs: Programs,
    workspace: Workspace,
}

struct Linter<'a> {
    lab: &'a Lab,
    checks_used: BTreeSet<String>,
    /// What [`Rule::DroppedHtml`] has named already.
    dropped_kinds: BTreeSet<String>,
    found: Vec<Diagnostic>,
}

impl<'a> Linter<'a> {
    fn new(lab: &'a Lab) -> Self {
        Self {
            lab,
            checks_used: BTreeSet::new(),
            dropped_kinds: BTreeSet::new(),
            found: lab.warnings.clone(),
        }
    }

    fn run(mut self) -> Vec<Diagnostic> {
        let variables = variables(self.lab);
        let options = RenderOptions { every_pathway: true, ..RenderOptions::default() };
        let mut pages = Vec::new();
        for page in &self.lab.layout.pages {
            let rendered = self.lab.render(page, &variables, &options);
            if page.markup == Markup::AsciiDoc {
                self.asciidoc(page, rendered.is_lost);
            }
            pages.push((page, rendered));
        }
        let actions: Vec<&Action> = pages
            .iter()
            .flat_map(|(_, rendered)| &rendered.page.actions)
            .filter_map(ActionBlock::action)
            .collect();
        let texts = pages.iter().map(|(_, rendered)| rendered.text.as_str());
        let mut session = Session {
            exercise: Exercise::new(self.lab, texts, actions.iter().copied()),
            programs: Programs::new(self.lab, actions.iter().copied()),
            workspace: Workspace::new(self.lab, actions.iter().copied()),
        };
        for (page, rendered) in &pages {
            self.page(page, rendered, &mut session);
        }
        self.found.extend(session.programs.findings());
        self.found.extend(session.workspace.findings());
        self.listing();
        self.found.extend(checks::lint(self.lab, &self.checks_used));
        self.found.extend(manifest::lint(self.lab));
        self.found.extend(namespaces::lint(self.lab));
        self.found
    }

    /// Lists what is not shown of a page in AsciiDoc.
    fn asciidoc(&mut self, page: &Page, is_lost: bool) {
        let found = |message: String| Diagnostic::new(Rule::AsciiDoc, &page.file, message);
        if is_lost {
            let message = "The page's AsciiDoc cannot be read, so it is not shown".to_owned();
            self.found.push(found(message).hint("write the page in Markdown"));
        }
        for (line, number) in page.text.lines().zip(1..) {
            if line.starts_with("include::") {
                let message = format!("`{}` is not followed", line.trim());
                self.found
                    .push(found(message).at(number, 1).hint("write `{% include \"part.adoc\" %}` instead"));
            }
        }
    }

    fn page(&mut self, page: &Page, rendered: &Rendered, session: &mut Session) {
        for notice in &rendered.notices {
            self.notice(page, page.body_at, notice);
        }
        self.dropped(page, rendered);
        let lines = Lines::new(&page.text, page.body_at, &rendered.text);
        for (info, body, line) in code_blocks(&rendered.text) {
            self.found.extend(blocks::lint(page, &info, &body, lines.of(line as usize)));
        }
        for block in &rendered.page.actions {
            if rendered.swallowed.contains(&block.id) {
                let message = format!(
                    "HTML before it swallows this `{}`, which stands at the page's end instead",
                    block.name
                );
                self.found.push(
                    Diagnostic::new(Rule::SwallowedAction, &page.file, message)
                        .at(block.line, 1)
                        .hint("close every tag and quote of the HTML above it"),
                );
            }
            if let Some(error) = block.error()
                && blocks::is_wrong_anyway(page, block)
            {
                let message = format!("{}: {}", error.message, error.reason);
                self.found.push(Diagnostic::new(Rule::BadAction, &page.file, message).at(error.line, 1));
            }
            if let Some(action) = block.action() {
                self.action(page, block.line, action, session);
            }
        }
        let lines = Lines::new(&page.text, page.body_at, &rendered.text);
        self.found.extend(addresses::lint(self.lab, page, &rendered.text, &lines));
    }

    /// Lists what the sanitiser takes away, each kind once in a lab.
    fn dropped(&mut self, page: &Page, rendered: &Rendered) {
        for (kind, line) in &rendered.dropped {
            if self.dropped_kinds.insert(kind.clone()) {
                let message = format!("HTML that is not shown: `{kind}`");
                self.found.push(
                    Diagnostic::new(Rule::DroppedHtml, &page.file, message)
                        .at(*line, 1)
                        .hint("write it in Markdown, or put it in a file and link to that"),
                );
            }
        }
    }

    fn action(&mut self, page: &Page, line: u32, action: &Action, session: &mut Session) {
        session.programs.note(action, &page.file, line);
        session.workspace.note(action, &page.file, line);
        if let Action::ExaminerExecuteTest { name, url: None, .. } = action {
            self.check(page, line, name);
        }
        for missing in session.exercise.missing(action) {
            let message = format!("`{missing}` is not among the exercise's files");
            self.found.push(
                Diagnostic::new(Rule::MissingFile, &page.file, message)
                    .at(line, 1)
                    .hint("add the file, make it in an earlier step, or bring it in workshop/setup.d"),
            );
        }
    }

    fn notice(&mut self, page: &Page, start: usize, notice: &Notice) {
        let file = &page.file;
        let finding = match &notice.kind {
            // lint does not know what a session's set-up scripts export
            NoticeKind::UnknownVariable(name) if name.starts_with("ENV_") => return,
            NoticeKind::UnknownVariable(name) => unknown_variable(self.lab, file, name),
            NoticeKind::UnknownShortcode(name) => {
                Diagnostic::new(Rule::UnknownShortcode, file, format!("There is no shortcode `{name}`"))
                    .hint("known are param, copy, baseurl, pathway, note, warning, danger and figure")
            }
            NoticeKind::BadShortcode { name, reason } => {
                let message = format!("The lab's shortcode `{name}` {reason}");
                Diagnostic::new(Rule::BadShortcode, file, message)
                    .hint("use its parameters, `.Inner`, conditions and functions on texts alone, or write the page without it")
            }
            NoticeKind::MissingInclude(name) => {
                Diagnostic::new(Rule::MissingInclude, file, format!("`{name}` cannot be included")).hint(
                    "it must lie in workshop/content or workshop/content/_includes, and not include itself",
                )
            }
            NoticeKind::BadTag(reason) => {
                Diagnostic::new(Rule::BadTag, file, format!("A Liquid tag stays as it is: {reason}"))
                    .hint("if it is not meant for Liquid, put it between {% raw %} and {% endraw %}")
            }
        };
        let (line, column) = place(&page.text, start + notice.offset);
        self.found.push(finding.at(line, column));
    }

    fn check(&mut self, page: &Page, line: u32, name: &str) {
        self.checks_used.insert(name.to_owned());
        if !self.lab.checks.iter().any(|check| check.as_str() == name) {
            let names = self.lab.checks.iter().map(|check| check.as_str());
            let hint = nearest(name, names).map_or_else(
                || format!("write an executable workshop/examiner/tests/{name}"),
                |near| format!("did you mean `{near}`?"),
            );
            self.found.push(
                Diagnostic::new(Rule::MissingCheck, &page.file, format!("There is no check `{name}`"))
                    .at(line, 1)
                    .hint(hint),
            );
        }
    }

    fn listing(&mut self) {
        let on_a_pathway = |name: &str| {
            self.lab.pathways.iter().any(|pathway| pathway.pages.iter().any(|page| page == name))
        };
        let is_included = |name: &str| {
            self.lab.layout.pages.iter().any(|page| page.text.contains("{%") && page.text.contains(name))
        };
        let unlisted = self.lab.layout.pages.iter().filter(|page| !page.listed && !on_a_pathway(&page.name));
        for page in unlisted.filter(|page| !is_included(&page.name)) {
            self.found.push(
                Diagnostic::new(Rule::UnlistedPage, &page.file, "No table of contents lists this page")
                    .hint("add it to modules.activate in workshop/workshop.yaml, or remove it"),
            );
        }
    }
}

/// Returns a value for everything that a session would know. No pathway is chosen, so that every pathway's text is
/// checked.
fn variables(lab: &Lab) -> Variables {
    let mut variables = Variables::new();
    let set = SESSION_VARIABLES.iter().filter(|variable| variable.is_set && variable.name != "pathway_name");
    for variable in set {
        variables.set(variable.name, UNKNOWN_VALUE);
    }
    for (name, value) in &lab.spec.session.env {
        variables.set_environment(name, if value.contains("$(") { UNKNOWN_VALUE } else { value.as_str() });
    }
    for parameter in &lab.spec.parameters {
        variables.set_environment(&parameter.name, UNKNOWN_VALUE);
    }
    variables
}

fn unknown_variable(lab: &Lab, file: &str, name: &str) -> Diagnostic {
    if SESSION_VARIABLES.iter().any(|variable| variable.name == name) {
        return Diagnostic::new(Rule::UnsetVariable, file, format!("Lectern gives `{name}` no value yet"))
            .hint("it renders empty; declare a value for it, or write the page without it");
    }
    let known = SESSION_VARIABLES.iter().map(|variable| variable.name);
    let declared = lab.layout.declared.iter().map(|declared| declared.name.as_str());
    let hint = nearest(name, known.chain(declared)).map_or_else(
        || "declare it, or take it out; it renders empty".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Diagnostic::new(Rule::UnknownVariable, file, format!("No value is known for `{name}`")).hint(hint)
}
