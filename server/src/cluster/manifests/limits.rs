//! The limit range: the defaults and limits of containers, from the budget unless the lab sets its own. What a
//! container may write to its node's disk is limited whatever the budget.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, LimitRangeSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::super::budget::{
    Amounts, DEFAULT_DISK, DEFAULT_REQUEST_CPU, DEFAULT_REQUEST_DISK, DEFAULT_REQUEST_MEMORY, bounds, numbers,
};
use super::super::{BudgetNumbers, NamespaceSpec, SessionSpec};
use super::{labels, quantities};

/// Builds the limit range of one of a learner's namespaces.
#[must_use]
pub fn limit_range(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> LimitRange {
    let (budget, bounds) = (numbers(space.budget), bounds(space.budget));
    let of_budget = |cpu: fn(&BudgetNumbers) -> &'static str, memory: fn(&BudgetNumbers) -> &'static str| {
        budget.as_ref().map(|numbers| (cpu(numbers), memory(numbers)))
    };
    let container = LimitRangeItem {
        type_: "Container".to_owned(),
        default: amounts(
            &space.limits.default,
            of_budget(|b| b.default_cpu, |b| b.default_memory),
            Some(DEFAULT_DISK),
        ),
        default_request: amounts(
            &space.limits.default_request,
            of_budget(|_| DEFAULT_REQUEST_CPU, |_| DEFAULT_REQUEST_MEMORY),
            Some(DEFAULT_REQUEST_DISK),
        ),
        max: amounts(&space.limits.max, of_budget(|b| b.cpu, |b| b.memory), Some(bounds.container_disk)),
        min: amounts(&space.limits.min, None, None),
        ..LimitRangeItem::default()
    };
    let volume = LimitRangeItem {
        type_: "PersistentVolumeClaim".to_owned(),
        max: Some(quantities([("storage", bounds.volume)])),
        ..LimitRangeItem::default()
    };
    LimitRange {
        metadata: labels::in_namespace(spec, &space.name, instance, "lectern"),
        spec: Some(LimitRangeSpec { limits: vec![container, volume] }),
    }
}

fn amounts(
    lab: &Amounts,
    budget: Option<(&str, &str)>,
    disk: Option<&str>,
) -> Option<BTreeMap<String, Quantity>> {
    let cpu = lab.cpu.as_deref().or(budget.map(|(cpu, _)| cpu));
    let memory = lab.memory.as_deref().or(budget.map(|(_, memory)| memory));
    let all = quantities(
        [("cpu", cpu), ("memory", memory), ("ephemeral-storage", disk)]
            .into_iter()
            .filter_map(|(name, amount)| Some((name, amount?))),
    );
    (!all.is_empty()).then_some(all)
}
