//! Reads single texts that belong to no lab, for fuzzers and property tests. What must hold for any text is checked
//! here, so that both check the same.

use std::sync::Arc;

use crate::html::Place;
use crate::page::{RenderedText, Source, keep_words, render_text};
use crate::spec::{self, ReadSpec};
use crate::template::{Sources, Style, expand};
use crate::yaml;

/// Fills in the variables of a text. A few of them have values.
#[must_use]
pub fn variables(text: &str, style: Style) -> String {
    let variable = |name: &str| match name {
        "session_namespace" => Some("lab-7".to_owned()),
        "markup" => Some("<b>\"'&{{ session_namespace }}`".to_owned()),
        _ => None,
    };
    let include = |name: &str| (name == "part.md").then(|| text.chars().take(1000).collect());
    let sources = Sources {
        variable: &variable,
        include: &include,
        shortcode: &|name| (name == "own").then(|| "<b>{{ .Get 0 }}</b>{{ .Inner }}".to_owned()),
        pathway: Some("short"),
        every_pathway: false,
        base_url: "/files",
    };
    expand(text, style, &sources).0
}

/// Renders a text as a page and returns its HTML.
///
/// # Panics
/// Panics if the place of an action is missing or there twice, or if the HTML contains anything that runs.
#[must_use]
pub fn page(text: &str, style: Style) -> String {
    let expanded = keep_words(variables(text, style));
    let place = Place {
        folder: "a".to_owned(),
        own_folder: None,
        base_url: "/files".to_owned(),
        pages: Arc::default(),
        assets: None,
    };
    let source = Source { text, body_at: 0 };
    let RenderedText { html, actions, .. } = render_text(source, &expanded, "A title", place);
    for block in &actions {
        let places = ["<div data-action", "<details data-section-begin"]
            .map(|place| format!("{place}=\"{}\"", block.id));
        let count: usize = places.iter().map(|place| html.matches(place.as_str()).count()).sum();
        assert_eq!(count, 1, "action {} has {count} places", block.id);
        assert_eq!(serde_json::to_value(block).and_then(serde_json::from_value).ok().as_ref(), Some(block));
    }
    let lower = html.to_ascii_lowercase();
    assert!(!["<script", "<iframe", "<style", "<svg", "<object"].iter().any(|tag| lower.contains(tag)));
    html
}

/// Reads each document of a text as a Workshop resource. Returns none if the text is not YAML.
///
/// # Panics
/// Panics if a finding names no line.
#[must_use]
pub fn manifest(text: &str) -> Vec<ReadSpec> {
    let documents = yaml::parse_documents(text);
    let trees = documents.iter().filter_map(|document| document.tree.as_ref().ok());
    let found: Vec<_> = trees.map(|document| spec::read(document, "x.yaml")).collect();
    for complaint in found.iter().flat_map(|read| &read.findings.diagnostics) {
        assert!(complaint.line >= 1 && !complaint.message.is_empty(), "{complaint}");
    }
    found
}
