//! `lectern-agent install`: copies this program into a folder. It brings the agent to images that have none: an init
//! container runs it on a volume that it shares with the workbench.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Copies this program to `lectern-agent` in the folder, which is created if it does not exist.
pub fn run(folder: &Path) -> io::Result<()> {
    let named = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("the agent cannot be installed in {}: {error}", folder.display()),
        )
    };
    let install = || {
        std::fs::create_dir_all(folder)?;
        let copy = tempfile::NamedTempFile::new_in(folder)?;
        io::copy(&mut std::fs::File::open(std::env::current_exe()?)?, &mut copy.as_file())?;
        copy.as_file().set_permissions(std::fs::Permissions::from_mode(0o755))?;
        copy.persist(folder.join("lectern-agent"))?;
        Ok(())
    };
    install().map_err(named)
}
