//! The numbers behind the budgets of the dialect: how much a learner's namespace may use.

use lectern_content::spec::Budget;

/// A budget's numbers, as Kubernetes quantities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetNumbers {
    /// Quota on `limits.cpu`.
    pub cpu: &'static str,
    /// Quota on `limits.memory`.
    pub memory: &'static str,
    /// A container's CPU limit where it names none.
    pub default_cpu: &'static str,
    /// A container's memory limit where it names none.
    pub default_memory: &'static str,
    /// The largest volume.
    pub volume: &'static str,
    /// How many persistent volume claims.
    pub volumes: u32,
    /// How many replication controllers.
    pub replication_controllers: u32,
    /// How many secrets.
    pub secrets: u32,
    /// How many services.
    pub services: u32,
    /// Quota on `requests.storage`: all volumes together.
    pub storage: &'static str,
    /// Quota on `limits.ephemeral-storage`: what all pods may write on their nodes' disks together.
    pub disk: &'static str,
    /// The most that one container may write there.
    pub container_disk: &'static str,
    /// How many objects of each of the ordinary kinds; see [`super::manifests::quota`].
    pub objects: u32,
}

/// A container's CPU request where it names none.
pub const DEFAULT_REQUEST_CPU: &str = "50m";
/// A container's memory request where it names none.
pub const DEFAULT_REQUEST_MEMORY: &str = "128Mi";
/// How much a container may write on its node's disk where it names no limit: layers, logs and empty folders.
pub const DEFAULT_DISK: &str = "512Mi";
/// A container's request of its node's disk where it names none.
pub const DEFAULT_REQUEST_DISK: &str = "16Mi";

/// Returns the budget's numbers. Returns `None` for `custom`, which limits neither CPU nor memory.
#[must_use]
pub fn numbers(budget: Budget) -> Option<BudgetNumbers> {
    (budget != Budget::Custom).then(|| bounds(budget))
}

/// Returns the numbers of which those for disk and objects hold for `custom` too. It has the largest ones.
#[must_use]
#[rustfmt::skip] // a table
pub fn bounds(budget: Budget) -> BudgetNumbers {
    let (cpu, memory, default_cpu, default_memory, volume, disk, counts) = match budget {
        Budget::Small    => ("1", "1Gi",  "250m", "256Mi", "1Gi",  ("3Gi",   "5Gi",  "2Gi"),  (3,  10, 20, 5,  50)),
        Budget::Medium   => ("2", "2Gi",  "500m", "512Mi", "5Gi",  ("15Gi",  "10Gi", "4Gi"),  (6,  15, 25, 10, 50)),
        Budget::Large    => ("4", "4Gi",  "500m", "1Gi",   "10Gi", ("40Gi",  "20Gi", "8Gi"),  (12, 25, 35, 20, 75)),
        Budget::XLarge   => ("8", "8Gi",  "500m", "2Gi",   "20Gi", ("60Gi",  "30Gi", "10Gi"), (18, 35, 45, 30, 100)),
        Budget::XxLarge  => ("8", "12Gi", "500m", "2Gi",   "20Gi", ("80Gi",  "40Gi", "10Gi"), (24, 45, 55, 40, 100)),
        Budget::XxxLarge
        | Budget::Custom => ("8", "16Gi", "500m", "2Gi",   "20Gi", ("100Gi", "50Gi", "10Gi"), (30, 55, 65, 50, 100)),
    };
    let (storage, disk, container_disk) = disk;
    let (volumes, replication_controllers, secrets, services, objects) = counts;
    BudgetNumbers {
        cpu, memory, default_cpu, default_memory, volume, storage, disk, container_disk,
        volumes, replication_controllers, secrets, services, objects,
    }
}

/// An amount of CPU and memory as Kubernetes quantities. `None` for the budget's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU, such as `500m`.
    pub cpu: Option<String>,
    /// Memory, such as `1Gi`.
    pub memory: Option<String>,
}

/// Limits of single containers (`session.namespaces.limits` of the dialect).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerLimits {
    /// The minimum of a container.
    pub min: Amounts,
    /// The maximum of a container.
    pub max: Amounts,
    /// The request of a container that names none.
    pub default_request: Amounts,
    /// The limit of a container that names none.
    pub default: Amounts,
}

impl ContainerLimits {
    /// Returns whether the lab sets no limit at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_budget_of_the_dialect_has_numbers_and_custom_has_none() {
        for name in ["small", "medium", "large", "x-large", "xx-large", "xxx-large"] {
            let budget: Budget = serde_json::from_value(name.into()).unwrap();
            assert!(numbers(budget).is_some(), "{name}");
        }
        assert_eq!(numbers(Budget::Custom), None);
    }
}
