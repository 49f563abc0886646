//! The agent as its server meets it: a real process, real terminals, real shells, through a [`lectern_link::Link`].

mod files;
mod scripts;
mod support;
mod terminals;
