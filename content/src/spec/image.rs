//! The image in which a lab's terminals run.

use crate::yaml::Node;

/// Returns the image that a lab names for its terminals. Returns `None` for the images of Educates itself, which have no
/// registry and the version `*`: ours contains the same.
pub(super) fn workbench_image(workshop: &Node) -> Option<String> {
    let image = workshop.get("image")?.text()?;
    let is_own = !image.trim().is_empty() && !image.ends_with(":*") && !image.contains("$(");
    is_own.then_some(image)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    #[test]
    fn an_image_of_the_labs_own_is_told_from_those_of_the_other_platform() {
        for (text, wanted) in [
            ("image: ghcr.io/lab/tools:3", Some("ghcr.io/lab/tools:3")),
            ("image: jdk17-environment:*", None),
            ("image: $(image_repository)/tools:1", None),
            ("image: ''", None),
            ("files: []", None),
        ] {
            assert_eq!(workbench_image(&parse(text).unwrap()).as_deref(), wanted, "{text}");
        }
    }
}
