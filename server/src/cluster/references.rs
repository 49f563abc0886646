//! Values that stand in a session's own secrets and config maps.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use super::{Cluster, ClusterError, SessionNames};

/// The kinds of objects that hold values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    Secret,
    ConfigMap,
}

impl Cluster {
    /// Reads the texts of an object in the session's main namespace. Returns `None` if there is no such object. Entries
    /// that are no text are left out.
    ///
    /// # Errors
    /// Returns an error if the cluster does not answer.
    pub async fn find_values(
        &self,
        names: &SessionNames,
        holder: Holder,
        name: &str,
    ) -> Result<Option<BTreeMap<String, String>>, ClusterError> {
        // anything else would lead to another address
        let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(is_name) {
            return Ok(None);
        }
        let namespace = &names.namespace;
        let failed = |error| ClusterError::of(error, &format!("read {holder:?} {namespace}/{name}"));
        Ok(match holder {
            Holder::Secret => {
                let found = self.namespaced::<Secret>(namespace).get_opt(name).await.map_err(failed)?;
                found.map(|secret| {
                    let entries = secret.data.unwrap_or_default().into_iter();
                    entries.filter_map(|(key, value)| Some((key, String::from_utf8(value.0).ok()?))).collect()
                })
            }
            Holder::ConfigMap => {
                let found = self.namespaced::<ConfigMap>(namespace).get_opt(name).await.map_err(failed)?;
                found.map(|map| map.data.unwrap_or_default())
            }
        })
    }
}
