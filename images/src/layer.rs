//! A finished layer, and the age that everything in an image has.

use serde::{Deserialize, Serialize};

/// The age of every file in every image, in seconds since 1970: equal inputs give equal digests.
pub const EPOCH: &str = "1735689600";
/// [`EPOCH`] as an image states its own age.
pub const CREATED: &str = "2025-01-01T00:00:00Z";

/// A layer whose blob is in the registry's storage.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Layer {
    /// Its name in the image's history.
    pub origin: String,
    /// The digest of the packed layer, without the algorithm.
    pub digest: String,
    /// The digest of the tar before packing, without the algorithm.
    pub diff_id: String,
    pub packed_bytes: u64,
}
