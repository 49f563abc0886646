//! The agent as the server uses it: a real process, real terminals, real shells, through a [`lectern_link::Link`].

#![expect(clippy::unwrap_used, reason = "what helps a test may fail as the test itself does")]
#![expect(clippy::disallowed_methods, reason = "the agent gets the path of this program")]

mod changes;
mod checks;
mod files;
mod flow;
mod learner_files;
mod life;
mod packages;
mod ports;
mod scripts;
mod support;
mod terminals;
