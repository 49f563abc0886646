//! Reports in a Markdown file that several trials share: each writes its own section and leaves the others alone.

use std::path::Path;

use anyhow::{Context, Result};

fn mark(name: &str) -> String {
    format!("<!-- written by the trial: {name} -->")
}

/// Writes a trial's section of the file, in the place of its earlier one if there is one.
///
/// # Errors
/// The file cannot be read or written.
pub fn keep_section(file: &Path, name: &str, text: &str) -> Result<()> {
    let before = match std::fs::read_to_string(file) {
        Ok(before) => before,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error).with_context(|| format!("could not read {}", file.display())),
    };
    std::fs::write(file, with_section(&before, name, text))
        .with_context(|| format!("could not write {}", file.display()))
}

fn with_section(before: &str, name: &str, text: &str) -> String {
    let mark = mark(name);
    let section = format!("{mark}\n{}\n", text.trim_end());
    let Some(start) = before.find(&mark) else {
        let before = before.trim_end();
        return if before.is_empty() { section } else { format!("{before}\n\n{section}") };
    };
    let rest = &before[start + mark.len()..];
    let after = rest.find("<!-- written by the trial: ").map_or("", |end| &rest[end..]);
    let gap = if after.is_empty() { "" } else { "\n" };
    format!("{}{section}{gap}{after}", &before[..start])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_takes_the_place_of_its_earlier_one_and_leaves_the_others() {
        let one = with_section("", "chaos", "# One\n\ntext");
        let both = with_section(&one, "hostile", "# Two\n");
        let again = with_section(&both, "chaos", "# One, again");
        assert_eq!(again, format!("{}\n# One, again\n\n{}\n# Two\n", mark("chaos"), mark("hostile")));
        assert_eq!(with_section(&again, "hostile", "# Two"), again);
    }
}
