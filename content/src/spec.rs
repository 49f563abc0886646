//! What a lab's Workshop resource says of it, typed.

use std::collections::BTreeMap;

use serde_json::Value;

mod applications;
pub mod fields;
mod image;
mod read;
mod session;

pub use applications::{Applications, Console, Instructions, Renderer, TerminalLayout};
pub(crate) use read::spec_of;
pub use read::{ReadSpec, parse_duration, read};
pub use session::{
    Budget, Dashboard, Egress, Ingress, LimitRange, NamespaceRole, Namespaces, SecondaryNamespace,
    SecurityPolicy, SessionResources, SessionSpec,
};

/// How hard a lab is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difficulty {
    /// For those who are new to it.
    Beginner,
    /// For those who know the basics.
    Intermediate,
    /// For those who work with it.
    Advanced,
    /// For those who have seen everything.
    Extreme,
}

impl Difficulty {
    /// Returns the dialect's word for it.
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

/// A parameter that whoever asks for a session may set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestParameter {
    /// Its name; an environment variable of the session.
    pub name: String,
    /// Its value when nobody sets it.
    pub value: String,
    /// Other names for it.
    pub aliases: Vec<String>,
}

/// What a lab says of itself and of its sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LabSpec {
    /// Its title.
    pub title: Option<String>,
    /// A few sentences about it.
    pub description: Option<String>,
    /// Who publishes it.
    pub vendor: Option<String>,
    /// Who wrote it.
    pub authors: Vec<String>,
    /// Its version, in the author's own form.
    pub version: Option<String>,
    /// How hard it is.
    pub difficulty: Option<Difficulty>,
    /// How long it is meant to take, in seconds.
    pub duration_secs: Option<u64>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Labels, by name.
    pub labels: BTreeMap<String, String>,
    /// An image: a data URL or an address.
    pub logo: Option<String>,
    /// Where to read more about it.
    pub url: Option<String>,
    /// The image in which the lab's terminals run, where it is another than the platform's.
    pub workbench_image: Option<String>,
    /// What a session gets.
    pub session: SessionSpec,
    /// What whoever asks for a session may set.
    pub parameters: Vec<RequestParameter>,
    /// Manifests that all sessions of the lab share.
    pub environment_objects: Vec<Value>,
}
