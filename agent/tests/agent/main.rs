//! The agent as its server meets it: a real process, real terminals, real shells, through a [`lectern_link::Link`].

mod changes;
mod files;
mod flow;
mod life;
mod ports;
mod scripts;
mod support;
mod terminals;
