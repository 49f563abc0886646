//! The limit range: what a container gets that names nothing, from the budget, and what the lab says over it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{LimitRange, LimitRangeItem, LimitRangeSpec};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::super::budget::{Amounts, DEFAULT_REQUEST_CPU, DEFAULT_REQUEST_MEMORY};
use super::super::{BudgetNumbers, NamespaceSpec, SessionSpec};
use super::{labels, quantities};

/// The limits of one of a learner's namespaces; none where the budget is `custom` and the lab sets none either.
#[must_use]
pub fn limit_range(spec: &SessionSpec, space: &NamespaceSpec, instance: &str) -> Option<LimitRange> {
    let budget = space.budget.numbers();
    if budget.is_none() && space.limits.is_empty() {
        return None;
    }
    let of_budget = |cpu: fn(&BudgetNumbers) -> &'static str, memory: fn(&BudgetNumbers) -> &'static str| {
        budget.as_ref().map(|numbers| (cpu(numbers), memory(numbers)))
    };
    let container = LimitRangeItem {
        type_: "Container".to_owned(),
        default: amounts(&space.limits.default, of_budget(|b| b.default_cpu, |b| b.default_memory)),
        default_request: amounts(
            &space.limits.default_request,
            of_budget(|_| DEFAULT_REQUEST_CPU, |_| DEFAULT_REQUEST_MEMORY),
        ),
        max: amounts(&space.limits.max, of_budget(|b| b.cpu, |b| b.memory)),
        min: amounts(&space.limits.min, None),
        ..LimitRangeItem::default()
    };
    let volume = budget.map(|numbers| LimitRangeItem {
        type_: "PersistentVolumeClaim".to_owned(),
        max: Some(quantities([("storage", numbers.volume)])),
        ..LimitRangeItem::default()
    });
    Some(LimitRange {
        metadata: labels::in_namespace(spec, &space.name, instance, "lectern"),
        spec: Some(LimitRangeSpec { limits: [container].into_iter().chain(volume).collect() }),
    })
}

fn amounts(lab: &Amounts, budget: Option<(&str, &str)>) -> Option<BTreeMap<String, Quantity>> {
    let cpu = lab.cpu.as_deref().or(budget.map(|(cpu, _)| cpu));
    let memory = lab.memory.as_deref().or(budget.map(|(_, memory)| memory));
    let all = quantities(
        [("cpu", cpu), ("memory", memory)].into_iter().filter_map(|(name, amount)| Some((name, amount?))),
    );
    (!all.is_empty()).then_some(all)
}
