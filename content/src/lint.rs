//! What an author should know about a lab before learners do.

use std::collections::BTreeSet;
use std::path::Path;

use lectern_api::actions::{Action, COMMON_OPTIONS, KINDS, find_kind};
use lectern_api::ids::LabSlug;

use crate::allow::Allowances;
use crate::corpus::looks_like_action;
use crate::diagnostic::Diagnostic;
use crate::files::LabFile;
use crate::lab::Lab;
use crate::layout::{Markup, Page, split_front_matter};
use crate::page::{Lines, RenderOptions, action_name, code_blocks};
use crate::template::{Notice, NoticeKind};
use crate::variables::{SESSION_VARIABLES, Variables};
use crate::yaml;

mod addresses;
pub(crate) mod allowed;
mod checks;
mod commands;
mod manifest;
mod objects;

use commands::Exercise;
pub use objects::is_cluster_wide;

/// Stands for a value that only a session knows.
const UNKNOWN_VALUE: &str = "lectern-lint-value";

/// Looks a lab over, for a platform that allows what is usual; an empty answer means that nothing is wrong. Sorted by
/// file and line.
#[must_use]
pub fn lint(dir: &Path) -> Vec<Diagnostic> {
    lint_for(dir, |_| Allowances::default())
}

/// Looks a lab over for a platform that allows labs of this name so much.
#[must_use]
pub fn lint_for(dir: &Path, allowances: impl FnOnce(&LabSlug) -> Allowances) -> Vec<Diagnostic> {
    let mut found = match Lab::load(dir) {
        Ok(lab) => {
            let mut found = Linter::new(&lab).run();
            found.extend(allowed::lint(&lab, &allowances(&lab.slug)));
            found
        }
        Err(error) => error.diagnostics,
    };
    found.sort();
    found.dedup();
    found
}

struct Linter<'a> {
    lab: &'a Lab,
    variables: Variables,
    options: RenderOptions,
    home: Vec<LabFile>,
    checks_used: BTreeSet<String>,
    found: Vec<Diagnostic>,
}

impl<'a> Linter<'a> {
    fn new(lab: &'a Lab) -> Self {
        let mut variables = Variables::new();
        // each page is looked at with the text of every pathway
        let set =
            SESSION_VARIABLES.iter().filter(|variable| variable.is_set && variable.name != "pathway_name");
        for variable in set {
            variables.set(variable.name, UNKNOWN_VALUE);
        }
        for (name, value) in &lab.spec.session.env {
            variables
                .set_environment(name, if value.contains("$(") { UNKNOWN_VALUE } else { value.as_str() });
        }
        for parameter in &lab.spec.parameters {
            variables.set_environment(&parameter.name, UNKNOWN_VALUE);
        }
        Self {
            lab,
            variables,
            options: RenderOptions { every_pathway: true, ..RenderOptions::default() },
            home: lab.home_files(),
            checks_used: BTreeSet::new(),
            found: lab.warnings.clone(),
        }
    }

    fn run(mut self) -> Vec<Diagnostic> {
        let pages = &self.lab.layout.pages;
        let mut exercise = Exercise::new(&self.home, pages.iter().flat_map(|page| self.actions(page)));
        for page in pages {
            if page.markup == Markup::AsciiDoc {
                self.found.push(
                    Diagnostic::warning("asciidoc", &page.file, "AsciiDoc pages are not shown yet")
                        .hint("write the page in Markdown"),
                );
                continue;
            }
            self.page(page, &mut exercise);
        }
        self.listing();
        self.found.extend(checks::lint(&self, &self.checks_used));
        self.found.extend(manifest::lint(self.lab));
        self.found.extend(objects::lint(self.lab));
        self.found
    }

    fn actions(&self, page: &Page) -> Vec<Action> {
        let (rendered, _) = self.lab.render(page, &self.variables, &self.options);
        rendered.actions.iter().filter_map(|block| block.action().cloned()).collect()
    }

    fn page(&mut self, page: &Page, exercise: &mut Exercise) {
        let (text, notices) = self.lab.expand(page, &self.variables, &self.options);
        let (_, start, _) = split_front_matter(&page.text);
        for notice in notices {
            self.notice(page, start, notice);
        }
        let lines = Lines::new(&page.text, &text);
        for (info, body, line) in code_blocks(&text) {
            self.block(page, &info, &body, lines.of(line as usize));
        }
        let (rendered, swallowed) = self.lab.render(page, &self.variables, &self.options);
        for block in rendered.actions.iter().filter(|block| swallowed.contains(&block.id)) {
            let message = format!(
                "HTML before it swallows this `{}`, which stands at the page's end instead",
                block.name
            );
            self.found.push(
                Diagnostic::error("swallowed-action", &page.file, message)
                    .at(block.line, 1)
                    .hint("close every tag and quote of the HTML above it"),
            );
        }
        for block in &rendered.actions {
            if let Some(error) = block.error() {
                self.found.push(
                    Diagnostic::error(
                        "bad-action",
                        &page.file,
                        format!("{}: {}", error.message, error.reason),
                    )
                    .at(error.line, 1),
                );
            }
            let Some(action) = block.action() else { continue };
            if let Action::ExaminerExecuteTest { name, url: None, .. } = action {
                self.check(page, block.line, name);
            }
            for missing in exercise.missing(action) {
                self.found.push(
                    Diagnostic::warning(
                        "missing-file",
                        &page.file,
                        format!("`{missing}` is not among the exercise's files"),
                    )
                    .at(block.line, 1)
                    .hint("add the file, or make it in an earlier step"),
                );
            }
        }
        self.found.extend(addresses::lint(self.lab, page, &text, &Lines::new(&page.text, &text)));
    }

    fn notice(&mut self, page: &Page, start: usize, notice: Notice) {
        let diagnostic = match notice.kind {
            // what a session's set-up scripts export is not known here
            NoticeKind::UnknownVariable(name) if name.starts_with("ENV_") => return,
            NoticeKind::UnknownVariable(name) => unknown_variable(self.lab, &page.file, &name),
            NoticeKind::UnknownShortcode(name) => Diagnostic::warning(
                "unknown-shortcode",
                &page.file,
                format!("There is no shortcode `{name}`"),
            )
            .hint("known are param, copy, baseurl, pathway, note, warning, danger and figure"),
            NoticeKind::MissingInclude(name) => {
                Diagnostic::error("missing-include", &page.file, format!("`{name}` cannot be included")).hint(
                    "it must lie in workshop/content or workshop/content/_includes, and not include itself",
                )
            }
            NoticeKind::BadTag(reason) => {
                Diagnostic::warning("bad-tag", &page.file, format!("A Liquid tag stays as it is: {reason}"))
                    .hint("if it is not meant for Liquid, put it between {% raw %} and {% endraw %}")
            }
        };
        let (line, column) = place(&page.text, start + notice.offset);
        self.found.push(diagnostic.at(line, column));
    }

    fn block(&mut self, page: &Page, info: &str, body: &str, line: u32) {
        let Some(name) = action_name(info) else {
            if looks_like_action(info) {
                let name = info.split_whitespace().next().unwrap_or_default();
                let names = KINDS.iter().map(|kind| kind.name);
                let hint = nearest(name, names).map(|near| format!("did you mean `{near}`?"));
                let mut diagnostic =
                    Diagnostic::warning("unknown-action", &page.file, format!("There is no action `{name}`"))
                        .at(line, 1);
                diagnostic.hint = hint;
                self.found.push(diagnostic);
            }
            return;
        };
        let Some((kind, lectern_api::actions::BodyForm::Yaml)) = find_kind(name) else { return };
        let Ok(node) = yaml::parse(body) else { return };
        for (key, _) in node.entries() {
            let known = kind.arguments.iter().chain(COMMON_OPTIONS).map(|argument| argument.name);
            if known.clone().any(|argument| argument == key.text) {
                continue;
            }
            let hint = nearest(&key.text, known.clone()).map_or_else(
                || format!("it takes {}", known.collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            self.found.push(
                Diagnostic::warning(
                    "unknown-argument",
                    &page.file,
                    format!("`{}` takes no `{}`", kind.name, key.text),
                )
                .at(line + key.line, key.column)
                .hint(hint),
            );
        }
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
                Diagnostic::error("missing-check", &page.file, format!("There is no check `{name}`"))
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
                Diagnostic::warning("unlisted-page", &page.file, "No table of contents lists this page")
                    .hint("add it to modules.activate in workshop/workshop.yaml, or remove it"),
            );
        }
    }
}

fn unknown_variable(lab: &Lab, file: &str, name: &str) -> Diagnostic {
    if SESSION_VARIABLES.iter().any(|variable| variable.name == name) {
        return Diagnostic::warning("unset-variable", file, format!("Lectern gives `{name}` no value yet"))
            .hint("it renders empty; declare a value for it, or write the page without it");
    }
    let known = SESSION_VARIABLES.iter().map(|variable| variable.name);
    let declared = lab.layout.declared.iter().map(|declared| declared.name.as_str());
    let hint = nearest(name, known.chain(declared)).map_or_else(
        || "declare it, or take it out; it renders empty".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Diagnostic::warning("unknown-variable", file, format!("No value is known for `{name}`")).hint(hint)
}

/// Returns the line and column, from 1, of a byte offset.
pub(crate) fn place(text: &str, offset: usize) -> (u32, u32) {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (u32::try_from(line).unwrap_or(1), u32::try_from(column).unwrap_or(1))
}

/// Finds the name that somebody probably meant.
fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= 1 + name.chars().count() / 5)
        .min()
        .map(|(_, known)| known)
}
