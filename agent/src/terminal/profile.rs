//! What each shell reads when it starts: the learner's own settings, then what the lab's packages and the lab add.

use std::io;
use std::path::{Path, PathBuf};

use pty_process::Command;

use crate::settings::{packages, workshop};

/// Returns the command that starts a shell for a terminal. If the file with the settings cannot be written, the shell starts
/// without them.
pub fn with_profile(shell: &Path) -> Command {
    let command = Command::new(shell);
    let file = match write_profile() {
        Ok(file) => file,
        Err(error) => {
            tracing::warn!(%error, "the settings for shells could not be written");
            return command;
        }
    };
    match shell.file_name().and_then(|name| name.to_str()) {
        Some("bash") => command.arg("--rcfile").arg(file),
        // what POSIX shells read if somebody types
        Some("sh" | "dash" | "ash" | "ksh") => command.env("ENV", file),
        _ => command,
    }
}

/// Writes the file anew: the learner may have changed or removed it.
fn write_profile() -> io::Result<PathBuf> {
    let folder = std::env::temp_dir();
    let file = folder.join(format!(".lectern-shell-{}", std::process::id()));
    // a temporary file is its owner's alone
    let draft = tempfile::Builder::new().prefix(".lectern-shell-").tempfile_in(&folder)?;
    std::fs::write(draft.path(), text(&packages(), &workshop()))?;
    draft.persist(&file).map_err(|error| error.error)?;
    Ok(file)
}

/// Returns the settings. They are plain POSIX, except where bash reads them.
fn text(packages: &Path, workshop: &Path) -> String {
    let (packages, workshop) = (quoted(packages), quoted(workshop));
    format!(
        "[ -n \"$BASH_VERSION\" ] && [ -r ~/.bashrc ] && . ~/.bashrc
for lectern_file in {packages}/*/profile {packages}/*/profile.d/*.sh {workshop}/profile {workshop}/profile.d/*.sh; do
    [ -f \"$lectern_file\" ] && [ -r \"$lectern_file\" ] && . \"$lectern_file\"
done
unset lectern_file
"
    )
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}
