//! Reads, checks and renders labs written in the Educates dialect of Markdown. No network, no async.
//!
//! [`Lab::load`] reads a folder: the classic layout, the Hugo style, or just Markdown files. [`Lab::render_page`]
//! fills in a session's [`Variables`] and returns sanitised HTML with typed actions. [`lint`] lists what is wrong with
//! a lab. Serving, watching and fetching labs is the server's work.

pub mod allow;
mod blocks;
pub mod collection;
mod diagnostic;
pub mod files;
mod highlight;
mod html;
mod lab;
pub mod layers;
mod layout;
mod lint;
mod nearest;
mod page;
pub mod report;
mod rules;
pub mod scenario;
mod severity;
pub mod spec;
mod template;
pub mod tools;
pub mod variables;
pub mod yaml;

pub use diagnostic::{Diagnostic, LabError};
pub use files::LabFile;
pub use lab::{LAID_FILES, LAID_PACKAGES, Lab, LabSources};
pub use layout::Pathway;
pub use lint::{NamedImage, images, lint, lint_for, lint_lab};
pub use page::{PageError, RenderOptions};
pub use rules::{Rule, UnknownRule};
pub use severity::Severity;
pub use spec::LabSpec;
pub use template::Style;
pub use variables::Variables;
