//! What labs are allowed, as the operator writes it.

use lectern_content::allow::{Allowances, ImagePattern, Size, is_cluster_wide};
use lectern_content::spec::{Budget, Egress, SecurityPolicy};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// What is absent stays as it is for all labs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allow {
    /// The weakest pod security standard.
    pub policy: Option<SecurityPolicy>,
    /// The largest budget.
    pub budget: Option<Budget>,
    /// Which images workbenches may have besides the platform's own.
    pub images: Option<Vec<ImagePattern>>,
    /// Whether a lab may give its learners rights beyond their role's.
    pub rules: Option<bool>,
    /// The most that a session may reach.
    pub egress: Option<Egress>,
    /// Kinds of objects beyond those that learners may make themselves.
    #[serde(deserialize_with = "kinds")]
    pub objects: Option<Vec<String>>,
    /// The greatest size of a workbench.
    pub resources: AllowedResources,
}

/// The greatest size of a workbench.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AllowedResources {
    /// Its memory.
    pub memory: Option<Size>,
    /// Its home directory.
    pub storage: Option<Size>,
}

impl Allow {
    /// Puts what is written here over what was allowed before.
    pub(super) fn apply_to(&self, allowances: &mut Allowances) {
        let Self { policy, budget, images, rules, egress, objects, resources } = self.clone();
        let AllowedResources { memory, storage } = resources;
        replace(&mut allowances.policy, policy);
        replace(&mut allowances.budget, budget);
        replace(&mut allowances.images, images);
        replace(&mut allowances.rules, rules);
        replace(&mut allowances.egress, egress);
        replace(&mut allowances.objects, objects.map(|kinds| kinds.into_iter().collect()));
        replace(&mut allowances.memory, memory);
        replace(&mut allowances.storage, storage);
    }
}

fn replace<T>(value: &mut T, written: Option<T>) {
    if let Some(written) = written {
        *value = written;
    }
}

fn kinds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    let kinds = Option::<Vec<String>>::deserialize(deserializer)?;
    for kind in kinds.iter().flatten() {
        let name = kind.split('.').next().unwrap_or_default();
        if is_cluster_wide(name) {
            return Err(D::Error::custom(format!(
                "a {kind} belongs to the whole cluster; labs make objects in their sessions' namespaces only"
            )));
        }
        let is_kind = !name.is_empty()
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if !is_kind {
            return Err(D::Error::custom(format!(
                "{kind:?} is no kind of objects; write it like LimitRange or Certificate.cert-manager.io"
            )));
        }
    }
    Ok(kinds)
}
