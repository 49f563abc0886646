//! Processes: helper programs that run to their end, and parts that are kept running.

pub(crate) mod command;
pub(crate) mod logs;
pub(crate) mod supervise;
pub(crate) mod table;
