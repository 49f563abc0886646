//! Regenerates the generated parts of docs/AUTHORING.md.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/AUTHORING.md");
    let guide = std::fs::read_to_string(&path)?;
    std::fs::write(&path, lectern_content::tools::guide::refresh(&guide))
}
