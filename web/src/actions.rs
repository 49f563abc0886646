//! What the clickable blocks of a page do.

pub mod address;
pub mod form;
pub mod on_page;
pub mod plan;
pub mod runner;
mod sections;
mod turns;
pub mod typist;
