//! `lectern lint`: what an author should know about a lab before learners do.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, ValueEnum};
use lectern_content::report::{self, LintedLab};
use lectern_content::{Diagnostic, Lab, Rule, Severity, collection};
use lectern_server::catalog::images;
use lectern_server::config::portal::{Portal, PortalFlags};

/// Flags of `lectern lint`.
#[derive(Args)]
#[command(
    after_help = "Exit status: 0 if there is no error, 1 if there is one, 2 if nothing could be checked."
)]
pub struct LintArgs {
    /// Folders of labs, or folders that contain labs.
    #[arg(required_unless_present = "explain", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Output format of the findings.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Counts warnings as errors.
    #[arg(long)]
    strict: bool,
    /// Portal file of the platform on which the labs will run. It says what labs are allowed; without it the strict
    /// defaults apply.
    #[arg(long, value_name = "FILE")]
    portal: Option<PathBuf>,
    /// Also asks registries whether the images that labs name can be pulled.
    #[arg(long)]
    online: bool,
    /// Explains a finding with an example and a remedy, or lists all findings.
    #[arg(
        long,
        value_name = "CODE",
        num_args = 0..=1,
        value_parser = rule_parser(),
        hide_possible_values = true,
        conflicts_with_all = ["paths", "format", "strict", "online", "portal"]
    )]
    explain: Option<Option<Rule>>,
}

/// Parses the code of a finding. Shells complete it, and clap answers a misspelt one with the nearest.
fn rule_parser() -> impl TypedValueParser<Value = Rule> {
    let codes =
        Rule::ALL.iter().map(|rule| PossibleValue::new(rule.code()).help(rule.summary())).collect::<Vec<_>>();
    PossibleValuesParser::new(codes).try_map(|code| code.parse::<Rule>())
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Text, with the lines of the files.
    #[default]
    Human,
    /// A JSON list of objects.
    Json,
    /// SARIF 2.1.0, for code hosts and editors.
    Sarif,
}

/// The result of lint, which decides the exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Faulty,
}

/// Runs `lectern lint`.
pub async fn run(args: &LintArgs) -> ExitCode {
    let verdict = match args.explain {
        Some(rule) => explain(rule, &mut std::io::stdout().lock()).map(|()| Verdict::Fine),
        None => lint(args, &mut std::io::stdout()).await,
    };
    match verdict {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Faulty) => ExitCode::from(1),
        Err(error) => {
            eprintln!("lectern: {}", super::describe(&error));
            ExitCode::from(2)
        }
    }
}

async fn lint(args: &LintArgs, out: &mut impl Write) -> anyhow::Result<Verdict> {
    let portal = Portal::read(&PortalFlags { portal: args.portal.clone() })?;
    let (mut labs, mut known) = (Vec::new(), BTreeSet::new());
    for path in &args.paths {
        for dir in find_labs(path)? {
            // a folder may be named twice, or be in another that is
            if !known.insert(dir.canonicalize().unwrap_or_else(|_| dir.clone())) {
                continue;
            }
            let mut diagnostics = lectern_content::lint_for(&dir, |lab| portal.allowances_of(lab));
            if args.online {
                diagnostics.extend(ask_for_images(&dir).await);
                diagnostics.sort();
                diagnostics.dedup();
            }
            labs.push(LintedLab { dir, diagnostics });
        }
    }
    let text = match args.format {
        Format::Human => labs.iter().map(report::to_terminal).chain([summary(&labs)]).collect(),
        Format::Json => format!("{:#}", report::to_json(&labs)),
        Format::Sarif => format!("{:#}", report::to_sarif(&labs)),
    };
    write(out, &text)?;
    let count = |severity| report::count(&labs, severity);
    let faulty = count(Severity::Error) > 0 || (args.strict && count(Severity::Warning) > 0);
    Ok(if faulty { Verdict::Faulty } else { Verdict::Fine })
}

/// Asks registries for the images of the labs in a folder, and says about which none answered.
async fn ask_for_images(dir: &Path) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let Ok((first, others)) = Lab::load_all(dir) else { return findings };
    for lab in std::iter::once(first).chain(others) {
        let asked = images::ask_for_images(&lab).await;
        findings.extend(asked.findings);
        for image in asked.unanswered {
            eprintln!("lectern: no registry answered for the image {image}; it is not checked");
        }
    }
    findings
}

/// Writes the explanation of a rule, or the list of all.
fn explain(rule: Option<Rule>, out: &mut impl Write) -> anyhow::Result<()> {
    let text = match rule {
        Some(rule) => {
            format!("{rule} ({}): {}\n\n{}", rule.severity(), rule.summary(), rule.explanation().trim_end())
        }
        None => {
            let width = Rule::ALL.iter().map(|rule| rule.code().len()).max().unwrap_or_default();
            let lines = Rule::ALL.iter().map(|rule| {
                format!("{:width$}  {:8} {}", rule.code(), rule.severity().to_string(), rule.summary())
            });
            lines.collect::<Vec<_>>().join("\n")
        }
    };
    write(out, &text)
}

fn write(out: &mut impl Write, text: &str) -> anyhow::Result<()> {
    match writeln!(out, "{text}") {
        // the reader may close the pipe early, as `head` does
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn find_labs(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    std::fs::read_dir(path).with_context(|| format!("cannot read the folder {}", path.display()))?;
    let labs = collection::find_labs(path);
    anyhow::ensure!(
        !labs.is_empty(),
        "there is no lab in {}; name a folder with pages, or with workshop/content in it",
        path.display()
    );
    Ok(labs)
}

fn summary(labs: &[LintedLab]) -> String {
    let counted = |number: usize, one: &str, more: &str| match number {
        1 => format!("1 {one}"),
        number => format!("{number} {more}"),
    };
    let count = |severity| report::count(labs, severity);
    format!(
        "{}: {}, {}, {}",
        counted(labs.len(), "lab", "labs"),
        counted(count(Severity::Error), "error", "errors"),
        counted(count(Severity::Warning), "warning", "warnings"),
        counted(count(Severity::Advice), "piece of advice", "pieces of advice"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(path: &Path, format: Format, strict: bool) -> LintArgs {
        LintArgs { paths: vec![path.to_owned()], format, strict, online: false, portal: None, explain: None }
    }

    /// Lints without asking anybody, which waits for nothing.
    fn run_lint(args: &LintArgs, out: &mut Vec<u8>) -> anyhow::Result<Verdict> {
        futures::executor::block_on(lint(args, out))
    }

    fn labs_with(pages: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (lab, text) in pages {
            let content = dir.path().join(lab).join("workshop/content");
            std::fs::create_dir_all(&content).unwrap();
            std::fs::write(content.join("page.md"), text).unwrap();
        }
        dir
    }

    #[test]
    fn the_verdict_follows_the_worst_that_was_found() {
        let dir = labs_with(&[
            ("fine", "words\n"),
            ("warned", "[x](nowhere.md)\n"),
            ("faulty", "```terminal:execute\ncommand: [\n```\n"),
        ]);
        let verdict = |lab: &str, strict| {
            run_lint(&args(&dir.path().join(lab), Format::Human, strict), &mut Vec::new()).unwrap()
        };
        assert_eq!([verdict("fine", true), verdict("warned", false)], [Verdict::Fine, Verdict::Fine]);
        assert_eq!([verdict("warned", true), verdict("faulty", false)], [Verdict::Faulty, Verdict::Faulty]);
        assert_eq!(verdict("", false), Verdict::Faulty);
    }

    #[test]
    fn a_lab_is_held_against_what_the_platform_allows() {
        let dir = labs_with(&[("greedy", "words\n")]);
        let resources = dir.path().join("greedy/resources");
        std::fs::create_dir_all(&resources).unwrap();
        std::fs::write(
            resources.join("workshop.yaml"),
            "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {name: greedy}\nspec:\n  title: x\n  \
             session:\n    namespaces:\n      security: {policy: privileged}\n",
        )
        .unwrap();
        let portal = dir.path().join("portal.yaml");
        std::fs::write(&portal, "labs: {greedy: {allow: {policy: privileged}}}\n").unwrap();
        let found = |portal: Option<PathBuf>| {
            let mut out = Vec::new();
            let args = LintArgs { portal, ..args(&dir.path().join("greedy"), Format::Json, false) };
            run_lint(&args, &mut out).unwrap();
            serde_json::from_slice::<serde_json::Value>(&out).unwrap()
        };
        let strict = found(None);
        assert_eq!(strict[0]["code"], "not-allowed");
        assert_eq!((&strict[0]["line"], &strict[0]["severity"]), (&8.into(), &"warning".into()));
        assert!(
            strict[0]["hint"].as_str().unwrap().contains("labs: {greedy: {allow: {policy: privileged}}}")
        );
        let allowed = found(Some(portal));
        assert_eq!(allowed[0]["code"], "privileged-lab");
        assert_eq!(allowed.as_array().unwrap().len(), 1);
    }

    #[test]
    fn a_folder_that_is_named_twice_is_linted_once() {
        let dir = labs_with(&[("one", "[x](nowhere.md)\n"), ("two", "words\n")]);
        let paths = vec![dir.path().to_owned(), dir.path().join("one"), dir.path().join("two/../one")];
        let mut out = Vec::new();
        run_lint(&LintArgs { paths, ..args(dir.path(), Format::Human, false) }, &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.ends_with("2 labs: 0 errors, 1 warning, 0 pieces of advice\n"), "{out}");
    }

    #[test]
    fn people_read_the_line_and_a_summary() {
        let dir = labs_with(&[("lab", "words\n\n```terminal:execute\ncommand: [\n```\n")]);
        let mut out = Vec::new();
        run_lint(&args(dir.path(), Format::Human, false), &mut out).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(out.contains("bad-action") && out.contains("command: ["), "{out}");
        assert!(out.ends_with("1 lab: 1 error, 0 warnings, 0 pieces of advice\n"), "{out}");
    }

    #[test]
    fn programs_read_json_and_sarif() {
        let dir = labs_with(&[("lab", "[x](nowhere.md)\n")]);
        let read = |format| {
            let mut out = Vec::new();
            run_lint(&args(dir.path(), format, false), &mut out).unwrap();
            serde_json::from_slice::<serde_json::Value>(&out).unwrap()
        };
        assert_eq!(read(Format::Json)[0]["code"], "broken-link");
        assert_eq!(read(Format::Sarif)["runs"][0]["results"][0]["ruleId"], "broken-link");
    }

    /// The flags of `lectern lint`, as a command of their own.
    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        args: LintArgs,
    }

    fn parse(args: &[&str]) -> Result<LintArgs, String> {
        let args = std::iter::once("lint").chain(args.iter().copied());
        <Cli as clap::Parser>::try_parse_from(args).map(|cli| cli.args).map_err(|error| error.to_string())
    }

    fn explained(rule: Option<Rule>) -> String {
        let mut out = Vec::new();
        explain(rule, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_finding_is_explained_by_its_code_and_without_one_all_are_listed() {
        assert_eq!(parse(&["--explain", "unknown-action"]).unwrap().explain, Some(Some(Rule::UnknownAction)));
        assert_eq!(parse(&["--explain"]).unwrap().explain, Some(None));
        assert_eq!(parse(&["labs"]).unwrap().explain, None);
        assert!(parse(&[]).is_err() && parse(&["--explain", "bad-tag", "labs"]).is_err());
        let one = explained(Some(Rule::UnknownAction));
        assert!(one.starts_with("unknown-action (warning): ") && one.contains("## Remedy"), "{one}");
        let all = explained(None);
        assert_eq!(all.lines().count(), Rule::ALL.len());
        assert!(Rule::ALL.iter().all(|rule| all.contains(rule.code())), "{all}");
    }

    #[test]
    fn an_unknown_code_is_answered_with_the_nearest_and_the_list() {
        let error = parse(&["--explain", "unknown-acton"]).err().unwrap();
        assert!(error.contains("a similar value exists: 'unknown-action'"), "{error}");
        assert!(Rule::ALL.iter().all(|rule| error.contains(rule.code())), "{error}");
    }

    #[test]
    fn a_path_without_a_lab_is_no_verdict() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("absent")] {
            let error = run_lint(&args(&path, Format::Human, false), &mut Vec::new()).unwrap_err();
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }
}
