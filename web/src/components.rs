//! What pages consist of. Components get data and callbacks, and do not call the API.

pub mod audit_table;
pub mod buttons;
pub mod catalogue;
pub mod class_table;
pub mod dialog;
pub mod form;
pub mod frame;
pub mod learner_table;
pub mod logins;
pub mod menu;
pub mod people;
pub mod sign_in_link;
