//! The server of Lectern: the API and the pages' content, sessions, terminals, progress, identity.
//!
//! Rooms and who may call whom: [`http`] calls [`sessions`], [`catalog`], [`progress`], [`identity`] and
//! [`terminals`]; those call [`store`] and [`cluster`]; nothing calls upward. SQL stands only in [`store`], kube only
//! in [`cluster`], actix only in [`http`], [`app`] and [`telemetry`].

pub mod app;
pub mod audit;
pub mod background;
pub mod catalog;
pub mod clock;
pub mod cluster;
pub mod config;
pub mod enrolment;
pub mod http;
pub mod identity;
pub mod job_board;
#[cfg(test)]
mod layers;
pub mod lifecycle;
pub mod previews;
pub mod progress;
pub mod report;
pub mod sessions;
pub mod store;
pub mod telemetry;
pub mod terminals;
pub mod tls;
