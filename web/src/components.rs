//! What pages are made of. Components get data and callbacks and call no API.

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
