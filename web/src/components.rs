//! What pages are made of. Components get data and callbacks and call no API.

pub mod catalogue;
pub mod class_table;
pub mod dialog;
pub mod form;
pub mod frame;
pub mod menu;
