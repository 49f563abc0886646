//! Writes the reference of the command line in Markdown: docs/CONFIGURATION.md.

use std::fmt::Write;

use clap::{Arg, Command};

const INTRODUCTION: &str = "# Configuration

Every command of `lectern` with its flags and environment variables. A flag wins over its variable. What labs may do and
how many sessions there are stands in the portal file, which [OPERATING.md](OPERATING.md) describes.

This page is written by `lectern reference`, from the same definitions as `--help`.
";

/// Returns the page for a program with all its subcommands.
pub fn markdown(mut program: Command) -> String {
    // fills in what subcommands inherit, and `--help`
    program.build();
    let mut page = INTRODUCTION.to_owned();
    for command in program.get_subcommands() {
        add(&mut page, program.get_name(), command);
    }
    page
}

fn add(page: &mut String, parent: &str, command: &Command) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let name = format!("{parent} {}", command.get_name());
    let mut subcommands = command.get_subcommands().filter(|sub| sub.get_name() != "help").peekable();
    if subcommands.peek().is_some() {
        for sub in subcommands {
            add(page, &name, sub);
        }
        return;
    }
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(|text| text.to_string()).unwrap_or_default();
    let _ = write!(page, "\n## `{name}`\n\n{}\n", sentence(&about));
    let shown = |arg: &&Arg| !arg.is_hide_set() && !matches!(arg.get_id().as_str(), "help" | "version");
    let mut args = command.get_arguments().filter(shown).peekable();
    if args.peek().is_none() {
        return;
    }
    page.push_str("\n| Flag | Variable | Default | Meaning |\n|---|---|---|---|\n");
    for arg in args {
        add_argument(page, arg);
    }
}

fn add_argument(page: &mut String, arg: &Arg) {
    let takes_value = arg.get_action().takes_values();
    let value_names = arg.get_value_names().unwrap_or_default().join(" ");
    let flag = match arg.get_long() {
        Some(long) if takes_value => format!("--{long} {value_names}"),
        Some(long) => format!("--{long}"),
        None => value_names,
    };
    let variable = arg.get_env().map(|name| code(&name.to_string_lossy())).unwrap_or_default();
    let default: Vec<_> = match takes_value {
        true => arg.get_default_values().iter().map(|value| code(&value.to_string_lossy())).collect(),
        false => vec![],
    };
    let help = arg.get_long_help().or_else(|| arg.get_help());
    let mut meaning = sentence(&help.map(|text| text.to_string()).unwrap_or_default());
    let words: Vec<_> = match takes_value {
        true => arg.get_possible_values().iter().map(|value| code(value.get_name())).collect(),
        false => vec![],
    };
    if !words.is_empty() {
        let _ = write!(meaning, " One of {}.", words.join(", "));
    }
    let _ = writeln!(page, "| {} | {variable} | {} | {meaning} |", code(&flag), default.join(", "));
}

fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// One line of help, which ends like a sentence and breaks no table.
fn sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
    match line.ends_with(['.', '?', '!']) || line.is_empty() {
        true => line,
        false => format!("{line}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_shows_its_variable_its_default_and_its_words() {
        let flag = Arg::new("colour")
            .long("colour")
            .value_name("WORD")
            .env("SHOP_COLOUR")
            .default_value("red")
            .value_parser(["red", "blue"])
            .help("Colour of the door\nand of the window");
        let page = markdown(Command::new("shop").subcommand(Command::new("open").about("Opens").arg(flag)));
        assert!(page.contains("\n## `shop open`\n\nOpens.\n"), "{page}");
        let row = "| `--colour WORD` | `SHOP_COLOUR` | `red` | Colour of the door and of the window. One of `red`, `blue`. |";
        assert!(page.contains(row), "{page}");
        assert!(!page.contains("| `--help"), "{page}");
    }
}
