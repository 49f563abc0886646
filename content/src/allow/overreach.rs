//! What a lab asks for and does not get, in words.

use lectern_api::ids::LabSlug;

use super::Refusal;
use crate::spec::{Budget, Egress, SecurityPolicy};

/// Something that a lab asks for and does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overreach {
    /// Where in the definition.
    pub place: Place,
    /// What.
    pub wish: Wish,
}

/// A place in a lab's definition; numbers count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The security policy.
    Policy,
    /// The budget.
    Budget,
    /// The security policy of a further namespace.
    SecondaryPolicy(usize),
    /// The budget of a further namespace.
    SecondaryBudget(usize),
    /// The extra rights.
    Rules,
    /// One of the extra rights.
    Rule(usize),
    /// What may be reached.
    Egress,
    /// The image of the workbench.
    Image,
    /// The memory of the workbench.
    Memory,
    /// The size of the home directory.
    Storage,
    /// An object that all sessions share.
    EnvironmentObject(usize),
    /// An object of a session's.
    SessionObject(usize),
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A weaker pod security standard.
    Policy {
        /// What the lab names.
        wanted: SecurityPolicy,
        /// What it gets.
        granted: SecurityPolicy,
    },
    /// A larger budget.
    Budget {
        /// What the lab names.
        wanted: Budget,
        /// What it gets.
        granted: Budget,
    },
    /// An image of the lab's own; it gets the platform's.
    Image {
        /// What the lab names.
        image: String,
    },
    /// Rights beyond the role's; it gets none of them.
    Rules,
    /// A right that no lab gets.
    Rule {
        /// Why, as the end of a sentence.
        reason: String,
    },
    /// More of the network.
    Egress {
        /// What the lab names.
        wanted: Egress,
        /// What it gets.
        granted: Egress,
    },
    /// More memory for the workbench.
    Memory {
        /// What the lab names.
        wanted: String,
        /// What it gets.
        granted: String,
    },
    /// A larger home directory.
    Storage {
        /// What the lab names.
        wanted: String,
        /// What it gets.
        granted: String,
    },
    /// An object; it is left out.
    Object(Refusal),
}

impl Overreach {
    /// Says what the lab asks for and what it gets, for whoever wrote or runs it.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.wish {
            Wish::Policy { wanted, granted } => {
                format!(
                    "The lab asks for the security policy `{}` and gets `{}`",
                    wanted.as_str(),
                    granted.as_str()
                )
            }
            Wish::Budget { wanted, granted } => {
                format!("The lab asks for the budget `{}` and gets `{}`", wanted.as_str(), granted.as_str())
            }
            Wish::Image { image } => {
                format!("The lab asks for the workbench image `{image}` and gets the platform's own")
            }
            Wish::Rules => {
                "The lab asks for rights beyond its learners' role and gets none of them".to_owned()
            }
            Wish::Rule { reason } => format!("A right that the lab asks for is left out: {reason}"),
            Wish::Egress { wanted, granted } => {
                format!("The lab asks for egress `{}` and gets `{}`", wanted.as_str(), granted.as_str())
            }
            Wish::Memory { wanted, granted } => {
                format!("The lab asks for {wanted} of memory for the workbench and gets {granted}")
            }
            Wish::Storage { wanted, granted } => {
                format!("The lab asks for a home directory of {wanted} and gets {granted}")
            }
            Wish::Object(refusal) => format!("The lab's {} is left out: {}", refusal.object, refusal.reason),
        }
    }

    /// Says what an operator may do about it, with the key of the portal file; or that nothing can be done.
    #[must_use]
    pub fn hint(&self, lab: &LabSlug) -> String {
        let setting = match &self.wish {
            Wish::Policy { wanted, .. } => format!("policy: {}", wanted.as_str()),
            Wish::Budget { wanted, .. } => format!("budget: {}", wanted.as_str()),
            Wish::Image { image } => format!("images: [{image}]"),
            Wish::Rules => "rules: true".to_owned(),
            Wish::Egress { wanted, .. } => format!("egress: {}", wanted.as_str()),
            Wish::Memory { wanted, .. } => format!("resources: {{memory: {wanted}}}"),
            Wish::Storage { wanted, .. } => format!("resources: {{storage: {wanted}}}"),
            Wish::Object(Refusal { kind: Some(kind), .. }) => format!("objects: [{kind}]"),
            Wish::Rule { .. } | Wish::Object(_) => {
                return "no setting allows it: it would pass the bounds of a session".to_owned();
            }
        };
        format!(
            "who runs the platform allows it in the portal file: labs: {{{lab}: {{allow: {{{setting}}}}}}}"
        )
    }

    /// Says in a few plain words what is switched off, for learners.
    #[must_use]
    pub fn for_learners(&self) -> String {
        match &self.wish {
            Wish::Policy { .. } => "running containers with more rights than usual".to_owned(),
            Wish::Budget { .. } => "using as much CPU and memory as the lab has in mind".to_owned(),
            Wish::Image { .. } => "the lab's own set of tools in the terminal".to_owned(),
            Wish::Rules | Wish::Rule { .. } => "some of the rights in the cluster".to_owned(),
            Wish::Egress { granted: Egress::None, .. } => {
                "reaching anything outside of your session".to_owned()
            }
            Wish::Egress { .. } => "reaching the internet".to_owned(),
            Wish::Memory { .. } => "as much memory in the terminal as the lab has in mind".to_owned(),
            Wish::Storage { .. } => "a home directory as large as the lab has in mind".to_owned(),
            Wish::Object(refusal) => format!("an object that the lab prepares ({})", refusal.object),
        }
    }

    /// Lists the places where it may stand in a definition: the keys below `spec`, then the number in a list and the
    /// keys below that.
    pub(crate) fn places(&self) -> Vec<(Vec<&'static str>, Option<usize>, Vec<&'static str>)> {
        let keys = |paths: &[&'static str]| -> Vec<_> {
            paths.iter().map(|path| (path.split('.').collect(), None, Vec::new())).collect()
        };
        let entry = |list: &'static str, number: usize, below: &'static str| {
            let below = below.split('.').filter(|key| !key.is_empty()).collect();
            (list.split('.').collect(), Some(number), below)
        };
        let in_secondary = |number, below| {
            vec![
                entry("session.namespaces.secondary", number, below),
                entry("session.namespaces", number, below),
            ]
        };
        match self.place {
            Place::Policy => keys(&["session.namespaces.security.policy", "session.security.policy"]),
            Place::Budget => keys(&["session.namespaces.budget", "session.budget"]),
            Place::SecondaryPolicy(number) => in_secondary(number, "security.policy"),
            // a further namespace that names none has the first one's
            Place::SecondaryBudget(number) => {
                [in_secondary(number, "budget"), keys(&["session.namespaces.budget"])].concat()
            }
            Place::Rules => keys(&["session.namespaces.security.rules"]),
            Place::Rule(number) => vec![entry("session.namespaces.security.rules", number, "")],
            Place::Egress => keys(&["session.egress"]),
            Place::Image => keys(&["workshop.image"]),
            Place::Memory => keys(&["session.resources.memory"]),
            Place::Storage => keys(&["session.resources.storage"]),
            Place::EnvironmentObject(number) => vec![entry("environment.objects", number, "")],
            Place::SessionObject(number) => vec![entry("session.objects", number, "")],
        }
    }
}
