//! Budgets: the dialect's names for how much a learner's namespace may use, and what they mean.

use std::str::FromStr;

use super::spec::UnknownWord;

/// How much a learner's own pods may use together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Budget {
    /// 1 CPU, 1 GiB.
    Small,
    /// 2 CPUs, 2 GiB.
    #[default]
    Medium,
    /// 4 CPUs, 4 GiB.
    Large,
    /// 8 CPUs, 8 GiB.
    XLarge,
    /// 8 CPUs, 12 GiB.
    XxLarge,
    /// 8 CPUs, 16 GiB.
    XxxLarge,
    /// No bound on CPU and memory and no defaults for them: the lab brings its own. Disk and numbers of objects stay
    /// bounded, as by the largest budget.
    Custom,
}

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

impl Budget {
    /// The budget's numbers; `None` for `custom`.
    #[must_use]
    pub fn numbers(self) -> Option<BudgetNumbers> {
        (self != Self::Custom).then(|| self.bounds())
    }

    /// The numbers of which those on disk and on objects hold for `custom`, too, which has the largest ones.
    #[must_use]
    #[rustfmt::skip] // a table
    pub fn bounds(self) -> BudgetNumbers {
        let (cpu, memory, default_cpu, default_memory, volume, disk, counts) = match self {
            Self::Small    => ("1", "1Gi",  "250m", "256Mi", "1Gi",  ("3Gi",   "5Gi",  "2Gi"),  (3,  10, 20, 5,  50)),
            Self::Medium   => ("2", "2Gi",  "500m", "512Mi", "5Gi",  ("15Gi",  "10Gi", "4Gi"),  (6,  15, 25, 10, 50)),
            Self::Large    => ("4", "4Gi",  "500m", "1Gi",   "10Gi", ("40Gi",  "20Gi", "8Gi"),  (12, 25, 35, 20, 75)),
            Self::XLarge   => ("8", "8Gi",  "500m", "2Gi",   "20Gi", ("60Gi",  "30Gi", "10Gi"), (18, 35, 45, 30, 100)),
            Self::XxLarge  => ("8", "12Gi", "500m", "2Gi",   "20Gi", ("80Gi",  "40Gi", "10Gi"), (24, 45, 55, 40, 100)),
            Self::XxxLarge
            | Self::Custom => ("8", "16Gi", "500m", "2Gi",   "20Gi", ("100Gi", "50Gi", "10Gi"), (30, 55, 65, 50, 100)),
        };
        let (storage, disk, container_disk) = disk;
        let (volumes, replication_controllers, secrets, services, objects) = counts;
        BudgetNumbers {
            cpu, memory, default_cpu, default_memory, volume, storage, disk, container_disk,
            volumes, replication_controllers, secrets, services, objects,
        }
    }
}

impl FromStr for Budget {
    type Err = UnknownWord;
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "small" => Ok(Self::Small),
            "medium" => Ok(Self::Medium),
            "large" => Ok(Self::Large),
            "x-large" => Ok(Self::XLarge),
            "xx-large" => Ok(Self::XxLarge),
            "xxx-large" => Ok(Self::XxxLarge),
            "custom" => Ok(Self::Custom),
            _ => Err(UnknownWord {
                what: "budget",
                text: text.to_owned(),
                known: "small, medium, large, x-large, xx-large, xxx-large or custom",
            }),
        }
    }
}

/// An amount of CPU and memory as Kubernetes quantities; what is absent comes from the budget.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts {
    /// CPU, such as `500m`.
    pub cpu: Option<String>,
    /// Memory, such as `1Gi`.
    pub memory: Option<String>,
}

/// What a lab says about single containers (`session.namespaces.limits` of the dialect).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerLimits {
    /// The least that a container may ask for.
    pub min: Amounts,
    /// The most that a container may be given.
    pub max: Amounts,
    /// The request of a container that names none.
    pub default_request: Amounts,
    /// The limit of a container that names none.
    pub default: Amounts,
}

impl ContainerLimits {
    /// Whether the lab says nothing at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_budget_of_the_dialect_is_known_and_custom_sets_none() {
        for name in ["small", "medium", "large", "x-large", "xx-large", "xxx-large"] {
            assert!(name.parse::<Budget>().unwrap().numbers().is_some(), "{name}");
        }
        assert_eq!("custom".parse::<Budget>().unwrap().numbers(), None);
        assert!("huge".parse::<Budget>().is_err());
    }
}
