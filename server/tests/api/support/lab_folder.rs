//! A folder of labs that a test may change.

use std::path::{Path, PathBuf};

/// The lab that is always there.
pub const LAB: &str = "shell-basics";
/// Its pages, in order.
pub const PAGES: [&str; 2] = ["01-look-around", "02-make-files"];

/// The folder; it goes when the test ends.
pub struct LabFolder {
    folder: tempfile::TempDir,
}

impl LabFolder {
    /// With [`LAB`] in it.
    pub fn with_one_lab() -> Self {
        let labs = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        labs.write_manifest(LAB, "The shell, slowly");
        for page in PAGES {
            labs.write(
                &format!("{LAB}/workshop/content/{page}.md"),
                &format!("---\ntitle: {page}\n---\n\nHello.\n"),
            );
        }
        labs.write(
            &format!("{LAB}/workshop/content/picture.svg"),
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
        );
        labs.write(&format!("{LAB}/workshop/examiner/tests/knows-ls"), "#!/bin/sh\nexit 1\n");
        labs
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the folder.
    pub fn write(&self, path: &str, text: &str) -> PathBuf {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a file in a folder")).expect("a folder can be made");
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// Writes the lab's `resources/workshop.yaml`.
    pub fn write_manifest(&self, lab: &str, title: &str) {
        let text = format!(
            "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata:\n  name: {lab}\nspec:\n  \
             title: {title}\n  description: A lab for tests.\n"
        );
        self.write(&format!("{lab}/resources/workshop.yaml"), &text);
    }
}
