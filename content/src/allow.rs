//! What an operator allows labs, and what a lab gets that asks for more.
//!
//! The author of a lab is not the operator of the platform. A lab gets what it asks for within the operator's limits,
//! and starts with that. Everything that it does not get becomes a finding that names the operator's key.

use std::collections::BTreeSet;

use crate::spec::{Budget, Egress, LabSpec, SecurityPolicy};

mod findings;
mod image;
mod network;
mod objects;
mod overreach;
mod rbac;
mod size;
mod wide;

pub(crate) use findings::findings;
pub use image::{BadPattern, ImagePattern};
pub(crate) use objects::OWN;
pub use objects::{OwnNamespaces, Refusal, check_object, check_objects, listed};
pub use overreach::{Overreach, Place, Request};
pub use rbac::check_rule;
pub use size::{BadSize, Size};
pub use wide::{cannot_be_renamed, is_cluster_wide};

/// The limits that an operator sets for a lab. The defaults are the strictest with which ordinary labs run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowances {
    /// The weakest Pod Security Standard.
    pub policy: SecurityPolicy,
    pub budget: Budget,
    /// The images that workbenches may have besides the platform's own.
    pub images: Vec<ImagePattern>,
    /// Whether a lab may give its learners rights beyond their role's.
    pub rules: bool,
    /// The most that a session may reach.
    pub egress: Egress,
    /// Kinds of objects that labs may create although learners may not: `Kind` or `Kind.group`.
    pub objects: BTreeSet<String>,
    /// The maximum memory of a workbench.
    pub memory: Size,
    /// The maximum size of a home directory.
    pub storage: Size,
}

impl Default for Allowances {
    fn default() -> Self {
        const GIB: u64 = 1024 * 1024 * 1024;
        Self {
            policy: SecurityPolicy::Baseline,
            budget: Budget::Large,
            images: Vec::new(),
            rules: false,
            egress: Egress::Internet,
            objects: BTreeSet::new(),
            memory: Size::new("2Gi", 2 * GIB),
            storage: Size::new("5Gi", 5 * GIB),
        }
    }
}

impl Allowances {
    /// Returns whether the operator names a kind that labs may create although learners may not.
    #[must_use]
    pub fn trusts_kind(&self, api_version: &str, kind: &str) -> bool {
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let is_named = |entry: &String| match entry.split_once('.') {
            Some((named, of)) => named == kind && of == group,
            None => entry == kind,
        };
        // a budget of the lab's own is made of these two
        let is_budget = || {
            self.budget == Budget::Custom
                && api_version == "v1"
                && matches!(kind, "ResourceQuota" | "LimitRange")
        };
        self.objects.iter().any(is_named) || is_budget()
    }
}

/// Returns whether a lab asks for privileged pods, with which learners can take over a node.
#[must_use]
pub fn is_privileged(spec: &LabSpec) -> bool {
    let namespaces = &spec.session.namespaces;
    let policies = namespaces.secondary.iter().map(|one| one.policy).chain([namespaces.policy]);
    policies.flatten().any(|policy| policy == SecurityPolicy::Privileged)
}

/// Returns what a lab gets and what it asks for in vain.
#[must_use]
pub fn allow(spec: &LabSpec, allowances: &Allowances) -> (LabSpec, Vec<Overreach>) {
    let mut granting = Granting { spec: spec.clone(), allowances, found: Vec::new() };
    granting.namespaces();
    granting.rules();
    granting.egress();
    granting.workbench();
    granting.objects();
    (granting.spec, granting.found)
}

struct Granting<'a> {
    spec: LabSpec,
    allowances: &'a Allowances,
    found: Vec<Overreach>,
}

impl Granting<'_> {
    fn refuse(&mut self, place: Place, request: Request) {
        self.found.push(Overreach { place, request });
    }

    fn namespaces(&mut self) {
        let mut namespaces = std::mem::take(&mut self.spec.session.namespaces);
        self.policy(&mut namespaces.policy, Place::Policy);
        // a lab that names none gets the usual one, which may be more than is allowed
        namespaces.policy.get_or_insert(self.allowances.policy.min(SecurityPolicy::UNNAMED));
        self.budget(&mut namespaces.budget, Place::Budget);
        for (number, secondary) in namespaces.secondary.iter_mut().enumerate() {
            self.policy(&mut secondary.policy, Place::SecondaryPolicy(number));
            self.budget(&mut secondary.budget, Place::SecondaryBudget(number));
        }
        self.spec.session.namespaces = namespaces;
    }

    fn policy(&mut self, policy: &mut Option<SecurityPolicy>, place: Place) {
        let granted = self.allowances.policy;
        if let Some(wanted) = *policy
            && wanted > granted
        {
            *policy = Some(granted);
            self.refuse(place, Request::Policy { wanted, granted });
        }
    }

    fn budget(&mut self, budget: &mut Option<Budget>, place: Place) {
        let granted = self.allowances.budget;
        // a lab that names none gets the usual one, which may be more than is allowed
        let wanted = *budget.get_or_insert(granted.min(Budget::UNNAMED));
        if wanted > granted {
            *budget = Some(granted);
            self.refuse(place, Request::Budget { wanted, granted });
        }
    }

    fn rules(&mut self) {
        let rules = std::mem::take(&mut self.spec.session.namespaces.rules);
        if !self.allowances.rules {
            if !rules.is_empty() {
                self.refuse(Place::Rules, Request::Rules);
            }
            return;
        }
        for (number, rule) in rules.into_iter().enumerate() {
            match check_rule(&rule) {
                Ok(()) => self.spec.session.namespaces.rules.push(rule),
                Err(reason) => self.refuse(Place::Rule(number), Request::Rule { reason }),
            }
        }
    }

    fn egress(&mut self) {
        let granted = self.allowances.egress;
        match self.spec.session.egress {
            Some(wanted) if wanted > granted => {
                self.refuse(Place::Egress, Request::Egress { wanted, granted });
            }
            Some(_) => return,
            None => {}
        }
        self.spec.session.egress = Some(granted);
    }

    fn workbench(&mut self) {
        if let Some(image) = &self.spec.workbench_image
            && !self.allowances.images.iter().any(|pattern| pattern.matches(image))
        {
            let image = image.clone();
            self.spec.workbench_image = None;
            self.refuse(Place::Image, Request::Image { image });
        }
        let most = self.allowances;
        if let Some((wanted, granted)) = capped(&mut self.spec.session.resources.memory, &most.memory) {
            self.refuse(Place::Memory, Request::Memory { wanted, granted });
        }
        if let Some((wanted, granted)) = capped(&mut self.spec.session.resources.storage, &most.storage) {
            self.refuse(Place::Storage, Request::Storage { wanted, granted });
        }
    }

    fn objects(&mut self) {
        let shared = std::mem::take(&mut self.spec.environment_objects);
        let own = std::mem::take(&mut self.spec.session.objects);
        let requested = std::mem::take(&mut self.spec.request_objects);
        let lists = [
            (&shared, Place::EnvironmentObject as fn(usize) -> Place),
            (&own, Place::SessionObject),
            (&requested, Place::RequestObject),
        ];
        let (mut places, mut all) = (Vec::new(), Vec::new());
        for (objects, place) in lists {
            for (number, object) in objects.iter().enumerate() {
                let items = listed(object);
                places.extend(items.iter().map(|_| place(number)));
                all.extend(items);
            }
        }
        let checked = check_objects(&all, self.allowances, &OwnNamespaces::Unknown);
        for (place, checked) in places.into_iter().zip(checked) {
            let kept = match place {
                Place::EnvironmentObject(_) => &mut self.spec.environment_objects,
                Place::RequestObject(_) => &mut self.spec.request_objects,
                _ => &mut self.spec.session.objects,
            };
            match checked {
                Ok(object) => kept.push(object.clone()),
                Err(refusal) => self.refuse(place, Request::Object(refusal)),
            }
        }
    }
}

/// Reduces a size to the maximum. Returns both as text if that was necessary.
fn capped(wanted: &mut Option<String>, most: &Size) -> Option<(String, String)> {
    let text = wanted.as_ref()?;
    if size::bytes(text).is_some_and(|bytes| bytes <= most.bytes()) {
        return None;
    }
    let asked = wanted.replace(most.as_str().to_owned())?;
    Some((asked, most.as_str().to_owned()))
}

#[cfg(test)]
mod tests;
