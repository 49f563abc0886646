//! What an operator allows labs, and what that leaves of a lab that asks for more.
//!
//! Whoever writes a lab is not whoever runs the platform: a lab gets what its definition asks for within these
//! bounds, and starts with what is left. Each thing that it does not get becomes a finding that names the operator's key for it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::spec::{Budget, Egress, LabSpec, SecurityPolicy};

mod image;
mod network;
mod objects;
mod overreach;
mod rbac;
mod size;

pub use image::{BadPattern, ImagePattern};
pub use objects::{OwnNamespaces, Refusal, check_object, listed};
pub use overreach::{Overreach, Place, Wish};
pub use rbac::check_rule;
pub use size::{BadSize, Size};

pub use crate::lint::is_cluster_wide;

/// What an operator allows a lab. The default is the strictest that still runs ordinary labs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowances {
    /// The weakest pod security standard.
    pub policy: SecurityPolicy,
    /// The largest budget.
    pub budget: Budget,
    /// Which images workbenches may have besides the platform's own.
    pub images: Vec<ImagePattern>,
    /// Whether a lab may give its learners rights beyond their role's.
    pub rules: bool,
    /// The most that a session may reach.
    pub egress: Egress,
    /// Kinds of objects beyond those that learners may make themselves: `Kind`, or `Kind.group`.
    pub objects: BTreeSet<String>,
    /// The most memory of a workbench.
    pub memory: Size,
    /// The largest home directory.
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
    /// Says whether a kind was named that labs may make although learners may not.
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

/// Says whether a lab asks that its learners' pods may do anything, and so take over a node.
#[must_use]
pub fn is_privileged(spec: &LabSpec) -> bool {
    let namespaces = &spec.session.namespaces;
    let policies = namespaces.secondary.iter().map(|one| one.policy).chain([namespaces.policy]);
    policies.flatten().any(|policy| policy == SecurityPolicy::Privileged)
}

/// Returns what a lab gets of what it asks for, and what it does not get.
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
    fn refuse(&mut self, place: Place, wish: Wish) {
        self.found.push(Overreach { place, wish });
    }

    fn namespaces(&mut self) {
        let mut namespaces = std::mem::take(&mut self.spec.session.namespaces);
        self.policy(&mut namespaces.policy, Place::Policy);
        // what says nothing gets the usual one, which may be more than is allowed
        namespaces.policy.get_or_insert(self.allowances.policy.min(SecurityPolicy::Baseline));
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
            self.refuse(place, Wish::Policy { wanted, granted });
        }
    }

    fn budget(&mut self, budget: &mut Budget, place: Place) {
        let (wanted, granted) = (*budget, self.allowances.budget);
        if wanted.rank() > granted.rank() {
            *budget = granted;
            if wanted != Budget::Default {
                self.refuse(place, Wish::Budget { wanted, granted });
            }
        }
    }

    fn rules(&mut self) {
        let rules = std::mem::take(&mut self.spec.session.namespaces.rules);
        if !self.allowances.rules {
            if !rules.is_empty() {
                self.refuse(Place::Rules, Wish::Rules);
            }
            return;
        }
        for (number, rule) in rules.into_iter().enumerate() {
            match check_rule(&rule) {
                Ok(()) => self.spec.session.namespaces.rules.push(rule),
                Err(reason) => self.refuse(Place::Rule(number), Wish::Rule { reason }),
            }
        }
    }

    fn egress(&mut self) {
        let granted = self.allowances.egress;
        match self.spec.session.egress {
            Some(wanted) if wanted > granted => self.refuse(Place::Egress, Wish::Egress { wanted, granted }),
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
            self.refuse(Place::Image, Wish::Image { image });
        }
        let most = self.allowances;
        if let Some((wanted, granted)) = capped(&mut self.spec.session.resources.memory, &most.memory) {
            self.refuse(Place::Memory, Wish::Memory { wanted, granted });
        }
        if let Some((wanted, granted)) = capped(&mut self.spec.session.resources.storage, &most.storage) {
            self.refuse(Place::Storage, Wish::Storage { wanted, granted });
        }
    }

    fn objects(&mut self) {
        let shared = std::mem::take(&mut self.spec.environment_objects);
        self.spec.environment_objects = self.allowed(shared, Place::EnvironmentObject);
        let own = std::mem::take(&mut self.spec.session.objects);
        self.spec.session.objects = self.allowed(own, Place::SessionObject);
    }

    fn allowed(&mut self, objects: Vec<Value>, place: fn(usize) -> Place) -> Vec<Value> {
        let mut kept = Vec::new();
        for (number, object) in objects.iter().enumerate() {
            for one in listed(object) {
                match check_object(one, self.allowances, &OwnNamespaces::Unknown) {
                    Ok(()) => kept.push(one.clone()),
                    Err(refusal) => self.refuse(place(number), Wish::Object(refusal)),
                }
            }
        }
        kept
    }
}

/// Brings a size down to the most that is allowed, and says both where that was needed.
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
