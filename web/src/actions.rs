//! Running the clickable blocks of a page.

pub mod on_page;
pub mod plan;
pub mod runner;
