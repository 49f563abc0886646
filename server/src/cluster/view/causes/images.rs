//! Images that cannot be pulled.

use super::quoted;

/// Phrases that registries and container runtimes use, and what they mean for the image of this name.
type Meaning = (&'static [&'static str], fn(&str) -> String);

/// What is wrong; the first row that matches counts.
const PHRASES: [Meaning; 5] = [
    (&["toomanyrequests", "429 Too Many Requests"], |image| {
        format!(
            "The registry gives out no more images at the moment, so {image} must wait. It is tried again by itself."
        )
    }),
    (
        &[
            "no such host",
            "i/o timeout",
            "connection refused",
            "dial tcp",
            "TLS handshake",
            "no route to host",
        ],
        |image| {
            format!(
                "The registry of the image {image} cannot be reached. Check the part of the name before the first slash."
            )
        },
    ),
    (&["no match for platform", "does not match the specified platform"], |image| {
        format!("The image {image} was not built for this machine's kind of processor.")
    }),
    // Docker Hub gives this answer for names that do not exist, too
    (
        &[
            "unauthorized",
            "authorization failed",
            "access denied",
            "403 Forbidden",
            "denied:",
            "no basic auth",
        ],
        |image| {
            format!(
                "The registry refused to give out the image {image}: there is no image of this name, or it needs a password. Check the name."
            )
        },
    ),
    (
        &[
            "not found",
            "manifest unknown",
            "name unknown",
            "does not exist",
            "NAME_UNKNOWN",
            "MANIFEST_UNKNOWN",
        ],
        |image| format!("There is no image named {image}. Check its name and the part after the colon."),
    ),
];

/// Returns why an image cannot be pulled. `message` is what the kubelet says, or an event.
pub(super) fn cause(image: &str, reason: &str, message: &str) -> String {
    match reason {
        "InvalidImageName" => {
            return format!("{image:?} cannot be the name of an image. Check how it is written.");
        }
        "ErrImageNeverPull" => {
            return format!(
                "The image {image} is not on the node, and the pod's imagePullPolicy says never to pull it."
            );
        }
        _ => {}
    }
    let lower = message.to_lowercase();
    let found = PHRASES
        .iter()
        .find(|(phrases, _)| phrases.iter().any(|phrase| lower.contains(&phrase.to_lowercase())));
    match found {
        Some((_, sentence)) => sentence(image),
        None if message.trim().is_empty() => format!("The image {image} cannot be pulled."),
        None => format!("The image {image} cannot be pulled: {}", quoted(message)),
    }
}

/// Returns whether a container's reason to wait is about its image.
pub(super) fn is_about_image(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed"
    )
}
