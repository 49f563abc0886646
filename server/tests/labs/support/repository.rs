//! A git repository with a working tree, made by the program git.

use std::path::PathBuf;
use std::process::Command;

use super::Folder;

/// The repository. What is in its folder can be committed.
pub struct Repository {
    pub files: Folder,
}

impl Repository {
    pub fn new() -> Self {
        let repository = Self { files: Folder::new() };
        repository.git(&["init", "--quiet", "--initial-branch=main"]);
        repository
    }

    /// Runs git in the working tree.
    pub fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .args([
                "-c",
                "user.name=Ada",
                "-c",
                "user.email=ada@example.org",
                "-c",
                "protocol.file.allow=always",
            ])
            .args(args)
            .current_dir(self.files.path())
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")])
            .output()
            .expect("these tests need git (Debian's package git)");
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits everything and returns the commit.
    pub fn commit(&self) -> String {
        self.git(&["add", "--all", "--force"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "Change labs"]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// The repository itself.
    pub fn path(&self) -> PathBuf {
        self.files.path().join(".git")
    }

    /// Its address on this machine, as a source of labs.
    pub fn source(&self) -> String {
        format!("git+file://{}", self.path().display())
    }
}
