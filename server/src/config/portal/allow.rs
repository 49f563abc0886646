//! What labs are allowed, as the operator writes it in the portal file.

use lectern_content::allow::{Allowances, ImagePattern, Size, cannot_be_renamed};
use lectern_content::spec::{Budget, Egress, SecurityPolicy};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// What one lab or all labs are allowed. Absent fields change nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Allow {
    /// The weakest pod security standard.
    pub policy: Option<SecurityPolicy>,
    /// The largest budget.
    pub budget: Option<Budget>,
    /// Images that workbenches may use besides the platform's own.
    pub images: Option<Vec<ImagePattern>>,
    /// Whether a lab may give its learners rights beyond their role's.
    pub rules: Option<bool>,
    /// The widest egress of a session.
    pub egress: Option<Egress>,
    /// Kinds of objects that labs may create besides those that learners may create themselves.
    #[serde(deserialize_with = "kinds")]
    pub objects: Option<Vec<String>>,
    pub resources: AllowedResources,
}

/// The largest size of a workbench.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AllowedResources {
    pub memory: Option<Size>,
    /// The size of the home directory.
    pub storage: Option<Size>,
}

impl Allow {
    /// Replaces in `allowances` whatever is written here.
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
        if let Some(reason) = cannot_be_renamed(name) {
            return Err(D::Error::custom(format!("a session cannot have a {kind} of its own: {reason}")));
        }
        let is_kind = !name.is_empty()
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
        if !is_kind {
            return Err(D::Error::custom(format!(
                "{kind:?} is not a kind of objects; write it like LimitRange or Certificate.cert-manager.io"
            )));
        }
    }
    Ok(kinds)
}
