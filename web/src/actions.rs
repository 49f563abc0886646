//! What the clickable blocks of a page do.

pub mod form;
pub mod on_page;
pub mod plan;
pub mod runner;
mod sections;
