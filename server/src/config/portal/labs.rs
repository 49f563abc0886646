//! The `labs` section of the portal file: settings of single labs, and what all labs are allowed.

use std::collections::BTreeMap;
use std::fmt;

use lectern_api::ids::LabSlug;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::{Allow, LabNumbers};

/// The one key that is not a lab's name.
const ALLOW: &str = "allow";

/// Labs by name, and what all labs are allowed. A lab called `allow` cannot be configured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labs {
    /// What all labs are allowed.
    pub allow: Allow,
    /// Settings of single labs.
    pub by_name: BTreeMap<LabSlug, LabNumbers>,
}

impl From<BTreeMap<LabSlug, LabNumbers>> for Labs {
    fn from(by_name: BTreeMap<LabSlug, LabNumbers>) -> Self {
        Self { allow: Allow::default(), by_name }
    }
}

impl<'de> Deserialize<'de> for Labs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LabsVisitor)
    }
}

struct LabsVisitor;

impl<'de> Visitor<'de> for LabsVisitor {
    type Value = Labs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("labs by name, or `allow` with what all labs are allowed")
    }

    fn visit_unit<E>(self) -> Result<Labs, E> {
        Ok(Labs::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labs, A::Error> {
        let mut labs = Labs::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == ALLOW {
                labs.allow = map.next_value()?;
                continue;
            }
            let slug =
                key.parse::<LabSlug>().map_err(|error| A::Error::custom(format!("{key:?}: {error}")))?;
            labs.by_name.insert(slug, map.next_value()?);
        }
        Ok(labs)
    }
}
