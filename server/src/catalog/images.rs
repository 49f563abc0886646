//! Asks registries whether the images that a lab names can be pulled, for `lectern lint --online`.

use std::time::Duration;

use futures::StreamExt as _;
use lectern_content::{Diagnostic, Lab, Rule, images};
use oci_client::Reference;

use super::fetch::{Answer, ask_registry};

/// How many registries are asked at the same time.
const AT_ONCE: usize = 8;
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(20);

/// What the registries say about the images of a lab.
#[derive(Debug, Default)]
pub struct AskedImages {
    /// A finding for each image that cannot be pulled.
    pub findings: Vec<Diagnostic>,
    /// The images about which no registry answered.
    pub unanswered: Vec<String>,
}

/// Asks the registries of all images that a lab names. [`crate::tls::install`] must have been called.
pub async fn ask_for_images(lab: &Lab) -> AskedImages {
    let asking = images(lab).into_iter().map(async |named| {
        let answer = match named.image.parse::<Reference>() {
            Ok(reference) => {
                tokio::time::timeout(TIMEOUT, ask_registry(&reference)).await.unwrap_or(Answer::None)
            }
            Err(_) => Answer::NoName,
        };
        (named, answer)
    });
    let answers: Vec<_> = futures::stream::iter(asking).buffered(AT_ONCE).collect().await;
    let mut asked = AskedImages::default();
    for (named, answer) in answers {
        let why = match answer {
            Answer::There => continue,
            Answer::None => {
                asked.unanswered.push(named.image);
                continue;
            }
            Answer::Absent => "its registry does not have it",
            Answer::Denied => "its registry does not give it to everybody, or does not have it",
            Answer::NoName => "that is no name of an image",
        };
        let message = format!("The image `{}` cannot be pulled: {why}", named.image);
        asked.findings.push(
            Diagnostic::new(Rule::UnpullableImage, named.file, message)
                .at(named.line, 1)
                .hint("correct its name or tag"),
        );
    }
    asked
}
