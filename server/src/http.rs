//! The HTTP API and the web app: routes, extractors, and one file per resource. Handlers parse the request, call one
//! service and map its answer.

pub mod assets;
pub mod audit;
pub mod caller;
pub mod classes;
pub mod cluster_view;
pub mod edge;
pub mod endpoints;
pub mod error;
pub mod file_changes;
pub mod files;
pub mod guard;
pub mod headers;
pub mod health;
pub mod hosts;
pub mod labs;
pub mod limits;
pub mod live;
pub mod log;
pub mod logins;
pub mod me;
pub mod origin;
pub mod paths;
pub mod preview;
pub mod previews;
pub mod privacy;
pub mod progress;
pub mod readiness;
pub mod record;
pub mod services;
pub mod sessions;
pub mod sse;
pub mod terminals;
pub mod trail;
pub mod transfers;
pub mod users;
pub mod visitor;

pub use error::ApiError;
