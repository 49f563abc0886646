//! Pure functions that build the objects of a session from its [`super::SessionSpec`]. Nothing here talks to a cluster.

pub mod checks;
pub mod guard;
pub mod home;
pub mod ingress_class;
pub mod labels;
pub mod limits;
pub mod namespace;
pub mod network_policy;
pub mod priority;
pub mod probe;
pub mod quota;
pub mod rbac;
pub mod roles;
pub mod workbench;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

fn quantities<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> BTreeMap<String, Quantity> {
    pairs.into_iter().map(|(name, amount)| (name.to_owned(), Quantity(amount.to_owned()))).collect()
}

#[cfg(test)]
mod tests;
