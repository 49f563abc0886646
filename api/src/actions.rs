//! The clickable actions of a page.

use serde::{Deserialize, Serialize};

/// One clickable block of a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionBlock {
    /// Number of the block on its page, from 0, in reading order.
    pub id: u32,
}
