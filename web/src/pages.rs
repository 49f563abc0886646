//! One module per page. Pages call the API and decide; components show.

pub mod account;
pub mod audit;
pub mod class;
pub mod classes;
mod fetched;
pub mod join;
pub mod labs;
mod leave_class;
pub mod not_found;
mod params;
pub mod people;
pub mod person;
pub mod protected;
pub mod sign_in;
mod submission;
pub mod workspace;
