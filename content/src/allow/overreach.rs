//! Things that a lab asks for and does not get, in words.

use lectern_api::ids::LabSlug;

use super::Refusal;
use crate::spec::{Budget, Egress, SecurityPolicy};

/// Something that a lab asks for and does not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overreach {
    pub place: Place,
    pub request: Request,
}

/// A place in a lab's definition. Numbers count from 0.
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
    /// The destinations that may be reached.
    Egress,
    /// The image of the workbench.
    Image,
    /// The memory of the workbench.
    Memory,
    /// The size of the home directory.
    Storage,
    /// An object of the lab's environment.
    EnvironmentObject(usize),
    /// An object of the session.
    SessionObject(usize),
    /// An object for a learner's request.
    RequestObject(usize),
}

/// What a lab asks for, and what it gets instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A weaker Pod Security Standard.
    Policy { wanted: SecurityPolicy, granted: SecurityPolicy },
    /// A larger budget.
    Budget { wanted: Budget, granted: Budget },
    /// An image of its own; the lab gets the platform's.
    Image { image: String },
    /// Rights beyond the role's; the lab gets none of them.
    Rules,
    /// A right that no lab gets.
    Rule {
        /// The reason, as the end of a sentence.
        reason: String,
    },
    /// More network access.
    Egress { wanted: Egress, granted: Egress },
    /// More memory for the workbench.
    Memory { wanted: String, granted: String },
    /// A larger home directory.
    Storage { wanted: String, granted: String },
    /// An object, which is left out.
    Object(Refusal),
}

impl Overreach {
    /// Returns a sentence for authors and operators: what the lab asks for and what it gets.
    #[must_use]
    pub fn message(&self) -> String {
        match &self.request {
            Request::Policy { wanted, granted } => {
                format!(
                    "The lab asks for the security policy `{}` and gets `{}`",
                    wanted.as_str(),
                    granted.as_str()
                )
            }
            Request::Budget { wanted, granted } => {
                format!("The lab asks for the budget `{}` and gets `{}`", wanted.as_str(), granted.as_str())
            }
            Request::Image { image } => {
                format!("The lab asks for the workbench image `{image}` and gets the platform's own")
            }
            Request::Rules => {
                "The lab asks for rights beyond its learners' role and gets none of them".to_owned()
            }
            Request::Rule { reason } => format!("A right that the lab asks for is left out: {reason}"),
            Request::Egress { wanted, granted } => {
                format!("The lab asks for egress `{}` and gets `{}`", wanted.as_str(), granted.as_str())
            }
            Request::Memory { wanted, granted } => {
                format!("The lab asks for {wanted} of memory for the workbench and gets {granted}")
            }
            Request::Storage { wanted, granted } => {
                format!("The lab asks for a home directory of {wanted} and gets {granted}")
            }
            Request::Object(refusal) => {
                format!("The lab's {} is left out: {}", refusal.object, refusal.reason)
            }
        }
    }

    /// Returns what an operator can do about it, with the key of the portal file, or that nothing can be done.
    #[must_use]
    pub fn hint(&self, lab: &LabSlug) -> String {
        let setting = match &self.request {
            Request::Policy { wanted, .. } => format!("policy: {}", wanted.as_str()),
            Request::Budget { wanted, .. } => format!("budget: {}", wanted.as_str()),
            Request::Image { image } => format!("images: [{image}]"),
            Request::Rules => "rules: true".to_owned(),
            Request::Egress { wanted, .. } => format!("egress: {}", wanted.as_str()),
            Request::Memory { wanted, .. } => format!("resources: {{memory: {wanted}}}"),
            Request::Storage { wanted, .. } => format!("resources: {{storage: {wanted}}}"),
            Request::Object(Refusal { kind: Some(kind), .. }) => format!("objects: [{kind}]"),
            Request::Object(Refusal { remedy: Some(remedy), .. }) => return (*remedy).to_owned(),
            Request::Rule { .. } | Request::Object(_) => {
                return "no setting allows it: it would pass the bounds of a session".to_owned();
            }
        };
        format!(
            "who runs the platform allows it in the portal file: labs: {{{lab}: {{allow: {{{setting}}}}}}}"
        )
    }

    /// Returns the object that is left out, if that is what it is about.
    #[must_use]
    pub fn object(&self) -> Option<&Refusal> {
        match &self.request {
            Request::Object(refusal) => Some(refusal),
            _ => None,
        }
    }

    /// Returns a few plain words for learners: what is switched off.
    #[must_use]
    pub fn for_learners(&self) -> String {
        match &self.request {
            Request::Policy { .. } => "running containers with more rights than usual".to_owned(),
            Request::Budget { .. } => "using as much CPU and memory as the lab has in mind".to_owned(),
            Request::Image { .. } => "the lab's own set of tools in the terminal".to_owned(),
            Request::Rules | Request::Rule { .. } => "some of the rights in the cluster".to_owned(),
            Request::Egress { granted: Egress::None, .. } => {
                "reaching anything outside of your session".to_owned()
            }
            Request::Egress { .. } => "reaching the internet".to_owned(),
            Request::Memory { .. } => "as much memory in the terminal as the lab has in mind".to_owned(),
            Request::Storage { .. } => "a home directory as large as the lab has in mind".to_owned(),
            Request::Object(refusal) => format!("an object that the lab prepares ({})", refusal.object),
        }
    }

    /// Lists the places of the definition where it may be: the keys below `spec`, then the index in a list and the keys
    /// below that.
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
            Place::RequestObject(number) => vec![entry("request.objects", number, "")],
        }
    }
}
