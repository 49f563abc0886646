//! Reads and renders labs written in the Educates dialect of Markdown: pure and fast, no network, no async.
//!
//! [`Lab::load`] reads a folder: the classic layout, the Hugo style, or just Markdown files. [`Lab::render_page`]
//! fills in a session's [`Variables`] and returns sanitised HTML with typed actions. Serving, watching and fetching
//! labs is the server's work.

pub mod allow;
mod blocks;
pub mod collection;
pub mod corpus;
mod diagnostic;
pub mod docs;
pub mod files;
mod highlight;
mod html;
mod lab;
mod layout;
mod lint;
mod page;
pub mod probe;
pub mod report;
pub mod spec;
mod template;
pub mod variables;
pub mod yaml;

pub use diagnostic::{Diagnostic, LabError, Severity};
pub use files::LabFile;
pub use lab::{Exit, Lab};
pub use layout::Pathway;
pub use lint::{lint, lint_for};
pub use page::{PageError, RenderOptions};
pub use spec::LabSpec;
pub use template::Style;
pub use variables::Variables;
