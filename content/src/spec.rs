//! The Workshop resource of a lab, typed.

use serde_json::Value;

mod applications;
pub mod fields;
mod image;
mod read;
mod session;
mod sources;

pub use applications::{Applications, Console, Renderer, TerminalLayout};
pub(crate) use read::spec_of;
pub use read::{ReadSpec, parse_duration, read};
pub use session::{
    Budget, Dashboard, Egress, EnvReference, EnvSource, Ingress, LimitRange, NamespaceRole, Namespaces,
    SecondaryNamespace, SecurityPolicy, SessionResources, SessionSpec,
};
pub use sources::{LabSource, Origin, Package, PathRules, folder_path, platform_arch};
pub(crate) use sources::{settle, settle_repository};

/// How hard a lab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difficulty {
    /// For people who are new to the topic.
    Beginner,
    /// For people who know the basics.
    Intermediate,
    /// For people who work with it.
    Advanced,
    /// For people who have seen everything.
    Extreme,
}

impl Difficulty {
    /// Returns the dialect's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
            Self::Extreme => "extreme",
        }
    }
}

/// A parameter that can be set when a session is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestParameter {
    /// Its name, which is an environment variable of the session.
    pub name: String,
    /// Its default value.
    pub value: String,
    /// Alternative names.
    pub aliases: Vec<String>,
}

/// The description of a lab and of its sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabSpec {
    pub title: Option<String>,
    pub description: Option<String>,
    pub authors: Vec<String>,
    pub difficulty: Option<Difficulty>,
    /// How long it takes, in seconds.
    pub duration_secs: Option<u64>,
    pub tags: Vec<String>,
    /// The image in which the lab's terminals run. `None` for the platform's own.
    pub workbench_image: Option<String>,
    pub session: SessionSpec,
    pub parameters: Vec<RequestParameter>,
    /// Manifests that are created for each session, before its own.
    pub environment_objects: Vec<Value>,
    /// Manifests that are created when a learner gets a session.
    pub request_objects: Vec<Value>,
    /// Where the learner's files come from, in the order in which they are laid over one another. Empty for the lab's own
    /// folder alone.
    pub files: Vec<LabSource>,
    pub packages: Vec<Package>,
}

impl LabSpec {
    /// Returns whether the learner's files come from elsewhere too, so that nobody who reads the lab's folder alone can say
    /// which are missing.
    #[must_use]
    pub fn brings_files_from_elsewhere(&self) -> bool {
        self.files.iter().any(LabSource::is_elsewhere)
    }
}
