//! Generates parts of docs/AUTHORING.md from the tables with which labs are read and checked.

use std::fmt::Write;

use lectern_api::actions::{ALIASES, Argument, BodyForm, COMMON_OPTIONS, KINDS};

use crate::rules::Rule;
use crate::spec::fields::{Effect, FIELDS};
use crate::variables::SESSION_VARIABLES;

/// Regenerates the parts of the author's guide between `<!-- generated: X -->` and `<!-- end -->`.
#[must_use]
pub fn refresh(guide: &str) -> String {
    let mut out = String::with_capacity(guide.len());
    let mut skipping = false;
    for line in guide.lines() {
        if let Some(name) = line.strip_prefix("<!-- generated: ").and_then(|rest| rest.strip_suffix(" -->")) {
            skipping = true;
            out.push_str(line);
            out.push_str("\n\n");
            out.push_str(&generated(name));
        } else if line == "<!-- end -->" {
            skipping = false;
        }
        if !skipping {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn generated(name: &str) -> String {
    match name {
        "actions" => actions(),
        "plain actions" => plain_actions(),
        "options" => arguments_table(COMMON_OPTIONS),
        "variables" => variables(),
        "fields" => fields(),
        "unused fields" => unused_fields(),
        "findings" => findings(),
        other => format!("There is no generated part `{other}`.\n\n"),
    }
}

fn actions() -> String {
    let mut out = String::new();
    let mut family = "";
    for kind in KINDS {
        if kind.prefix != family {
            family = kind.prefix;
            // writing to a String cannot fail
            let _ = writeln!(out, "### {family}\n");
        }
        let older = ALIASES.iter().find(|alias| alias.action == kind.name && alias.body == BodyForm::Yaml);
        let older = older.map_or_else(String::new, |alias| format!(" (older: `{}`)", alias.name));
        let _ = writeln!(out, "**`{}`**{older}: {}\n", kind.name, kind.summary);
        if !kind.arguments.is_empty() {
            out.push_str(&arguments_table(kind.arguments));
        }
    }
    out
}

fn plain_actions() -> String {
    let mut out = String::from("| Block | Same as |\n|---|---|\n");
    for alias in ALIASES {
        if let BodyForm::Plain { argument, session } = alias.body {
            let session = session.map_or_else(String::new, |session| format!(", `session: {session}`"));
            let _ = writeln!(
                out,
                "| `{}` | `{}` with the text as `{argument}`{session} |",
                alias.name, alias.action
            );
        }
    }
    out.push('\n');
    out
}

fn arguments_table(arguments: &[Argument]) -> String {
    let mut out = String::from("| Key | Holds | Default | Meaning |\n|---|---|---|---|\n");
    for argument in arguments {
        let default = match (argument.required, argument.default) {
            (true, _) => "required".to_owned(),
            (false, Some(default)) => format!("`{default}`"),
            (false, None) => String::new(),
        };
        let _ = writeln!(
            out,
            "| `{}` | {} | {default} | {} |",
            argument.name,
            argument.kind.describe(),
            argument.summary.replace('|', "\\|")
        );
    }
    out.push('\n');
    out
}

fn variables() -> String {
    let mut out = String::from("| Variable | Is |\n|---|---|\n");
    for variable in SESSION_VARIABLES.iter().filter(|variable| variable.is_set) {
        let _ = writeln!(out, "| `{}` | {} |", variable.name, variable.summary);
    }
    let unset: Vec<String> = SESSION_VARIABLES
        .iter()
        .filter(|variable| !variable.is_set)
        .map(|variable| format!("`{}`", variable.name))
        .collect();
    let _ =
        writeln!(out, "\nThese are known, but have no value yet, and render empty: {}.\n", unset.join(", "));
    out
}

fn fields() -> String {
    let mut out = String::from("| Field of `spec` | Holds |\n|---|---|\n");
    for field in FIELDS.iter().filter(|field| field.effect == Effect::Acted) {
        let default = match field.default {
            Some(default) => format!(" (default `{default}`)"),
            None => String::new(),
        };
        let _ = writeln!(out, "| `{}` | {}{default} |", field.path, field.holds.replace('|', "\\|"));
    }
    out.push('\n');
    out
}

fn unused_fields() -> String {
    let mut out = String::from("| Field of `spec` | In Educates |\n|---|---|\n");
    for field in FIELDS.iter().filter(|field| field.effect != Effect::Acted) {
        let _ = writeln!(out, "| `{}` | {} |", field.path, field.holds.replace('|', "\\|"));
    }
    out.push('\n');
    out
}

fn findings() -> String {
    let mut out = String::from("| Finding | Severity | Means |\n|---|---|---|\n");
    for rule in Rule::ALL {
        let _ = writeln!(out, "| `{rule}` | {} | {} |", rule.severity(), rule.summary());
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_authors_guide_is_up_to_date() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/AUTHORING.md");
        let guide = std::fs::read_to_string(path).unwrap();
        assert!(
            refresh(&guide) == guide,
            "run `cargo run -p lectern-content --example authoring` and commit the result"
        );
        for kind in KINDS {
            assert!(guide.contains(&format!("`{}`", kind.name)), "{} is missing", kind.name);
        }
        for name in SESSION_VARIABLES
            .iter()
            .map(|variable| variable.name)
            .chain(FIELDS.iter().map(|field| field.path))
            .chain(Rule::ALL.iter().map(|rule| rule.code()))
        {
            assert!(guide.contains(&format!("`{name}`")), "{name} is missing");
        }
    }

    #[test]
    fn refreshing_replaces_what_was_there() {
        let stale = "a\n<!-- generated: options -->\nwhat was there\n<!-- end -->\nb\n";
        let fresh = refresh(stale);
        assert!(!fresh.contains("what was there") && fresh.contains("| `cascade` |"), "{fresh}");
        assert_eq!(refresh(&fresh), fresh);
        assert!(fresh.starts_with("a\n") && fresh.ends_with("<!-- end -->\nb\n"));
    }
}
