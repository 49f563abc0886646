//! The portal file, in which the operator sets limits for sessions, how many are reserved, and what labs are allowed.
//! One YAML file; everything has a default.

mod allow;
mod labs;
mod span;

use std::path::{Path, PathBuf};

use clap::Args;
use lectern_api::ids::LabSlug;
use lectern_content::allow::Allowances;
use lectern_content::spec::Egress;
use serde::Deserialize;

use super::retention::Retention;
pub use allow::{Allow, AllowedResources};
pub use labs::Labs;
pub use span::Span;

/// The default length of a session if the lab does not say how long it takes, in seconds.
const DEFAULT_SECS: u64 = 2 * 60 * 60;
/// The shortest session if only the lab says how long it takes, in seconds.
const MIN_SECS_BY_LAB: u64 = 60 * 60;
/// The longest session if only the lab says how long it takes, in seconds.
const MAX_SECS_BY_LAB: u64 = 24 * 60 * 60;
/// The default number of labs that have a session in reserve although the file does not mention them.
const RESERVED_LABS: u32 = 8;
/// The default number of sessions that a person may start within an hour.
const STARTS_PER_HOUR: u32 = 30;

/// The flag that names the portal file.
#[derive(Args, Clone, Debug, Default)]
pub struct PortalFlags {
    /// Portal file, with limits for sessions, reserved sessions and what labs are allowed. See docs/OPERATING.md.
    #[arg(long, env = "LECTERN_PORTAL")]
    pub portal: Option<PathBuf>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    #[error("cannot read the portal file {}; name an existing file with --portal", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the portal file {} cannot be used: {reason}", path.display())]
    Invalid {
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

/// The portal file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Portal {
    pub sessions: Maxima,
    /// For every lab that has no setting of its own.
    pub defaults: LabNumbers,
    pub labs: Labs,
    pub retention: Retention,
}

/// Limits on the number of sessions; `None` for as many as the cluster holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Maxima {
    /// In all, including those in reserve.
    pub maximum: Option<u32>,
    /// For each person with an account.
    pub registered: Option<u32>,
    /// For each anonymous visitor.
    pub anonymous: Option<u32>,
    /// How many labs that the file does not mention have one session in reserve; `None` for 8.
    pub reserved_labs: Option<u32>,
    /// How many sessions each person may start within an hour; `None` for any number. 30 if absent in the file.
    pub starts_per_hour: Option<u32>,
}

impl Default for Maxima {
    fn default() -> Self {
        Self {
            maximum: None,
            registered: None,
            anonymous: None,
            reserved_labs: None,
            starts_per_hour: Some(STARTS_PER_HOUR),
        }
    }
}

/// The settings of a lab as they are written; absent ones come from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabNumbers {
    /// Limit on the lab's sessions, including those in reserve.
    pub capacity: Option<u32>,
    /// How many sessions are kept in reserve.
    pub reserved: Option<u32>,
    /// How many sessions are prepared before the first learner comes.
    pub initial: Option<u32>,
    /// How long a session runs.
    pub expires: Option<Span>,
    /// By how much one extension prolongs a session.
    pub overtime: Option<Span>,
    /// How long a session runs at most, with all extensions.
    pub deadline: Option<Span>,
    /// After how long without any activity of its learner a session ends.
    pub orphaned: Option<Span>,
    /// The widest egress of a session.
    pub egress: Option<Egress>,
    /// What this lab is allowed in addition to all labs. Not accepted in the defaults.
    pub allow: Option<Allow>,
}

impl LabNumbers {
    fn or(self, other: Self) -> Self {
        Self {
            capacity: self.capacity.or(other.capacity),
            reserved: self.reserved.or(other.reserved),
            initial: self.initial.or(other.initial),
            expires: self.expires.or(other.expires),
            overtime: self.overtime.or(other.overtime),
            deadline: self.deadline.or(other.deadline),
            orphaned: self.orphaned.or(other.orphaned),
            egress: self.egress.or(other.egress),
            allow: self.allow,
        }
    }
}

/// The settings of a lab with all defaults applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabSettings {
    /// Limit on the lab's sessions; `None` if there is none.
    pub capacity: Option<u32>,
    /// How many sessions are kept in reserve; `None` if the operator does not say.
    pub reserved: Option<u32>,
    /// How many sessions are prepared before the first learner comes.
    pub initial: u32,
    pub expires_secs: u32,
    /// By how much one extension prolongs a session.
    pub overtime_secs: u32,
    /// How long a session runs at most, with all extensions; never less than [`LabSettings::expires_secs`].
    pub deadline_secs: u32,
    /// After how long without any activity of its learner a session ends; `None` for never.
    pub orphaned_secs: Option<u32>,
}

impl Portal {
    /// Reads the file. Returns the defaults if the flags name none.
    pub fn read(flags: &PortalFlags) -> Result<Self, PortalError> {
        let Some(path) = &flags.portal else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| PortalError::Unreadable { path: path.clone(), source })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, PortalError> {
        let invalid = |reason| PortalError::Invalid { path: path.to_owned(), reason };
        // an empty file, or one with nothing but comments, is valid
        let read: Option<Self> = serde_saphyr::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let portal = read.unwrap_or_default();
        if portal.defaults.allow.is_some() {
            return Err(invalid("defaults: write what all labs are allowed under labs.allow".to_owned()));
        }
        if portal.sessions.starts_per_hour == Some(0) {
            return Err(invalid(
                "sessions: starts_per_hour must be at least 1, or null for any number".to_owned(),
            ));
        }
        portal.retention.check().map_err(invalid)?;
        for (place, numbers) in std::iter::once(("defaults", &portal.defaults))
            .chain(portal.labs.by_name.iter().map(|(lab, numbers)| (lab.as_str(), numbers)))
        {
            if let Some(expires) = numbers.expires
                && expires.secs < 60
            {
                return Err(invalid(format!("{place}: expires must be at least one minute")));
            }
            if let (Some(capacity), Some(wanted)) = (numbers.capacity, numbers.reserved.max(numbers.initial))
                && wanted > capacity
            {
                return Err(invalid(format!(
                    "{place}: {wanted} sessions cannot be in reserve with a capacity of {capacity}"
                )));
            }
        }
        Ok(portal)
    }

    /// Returns the settings of a lab whose author says that it takes `lab_secs`.
    ///
    /// By default a session runs twice that long, within limits; an extension adds a quarter of that, and all
    /// extensions together double it.
    #[must_use]
    pub fn settings_of(&self, lab: &LabSlug, lab_secs: Option<u64>) -> LabSettings {
        let numbers = self.numbers_of(lab);
        let by_lab = lab_secs
            .map_or(DEFAULT_SECS, |secs| secs.saturating_mul(2).clamp(MIN_SECS_BY_LAB, MAX_SECS_BY_LAB));
        let expires_secs =
            numbers.expires.map_or(u32::try_from(by_lab).unwrap_or(u32::MAX), |span| span.secs);
        let overtime_secs = numbers.overtime.map_or(expires_secs / 4, |span| span.secs);
        let deadline_secs = numbers.deadline.map_or(expires_secs.saturating_mul(2), |span| span.secs);
        LabSettings {
            capacity: numbers.capacity,
            reserved: numbers.reserved,
            initial: numbers.initial.unwrap_or(0),
            expires_secs,
            overtime_secs,
            deadline_secs: deadline_secs.max(expires_secs),
            orphaned_secs: numbers.orphaned.map(|span| span.secs).filter(|secs| *secs > 0),
        }
    }

    fn numbers_of(&self, lab: &LabSlug) -> LabNumbers {
        self.labs.by_name.get(lab).cloned().unwrap_or_default().or(self.defaults.clone())
    }

    /// Returns what a lab is allowed: the strict defaults, overridden by what all labs are allowed, overridden by
    /// what this one is allowed.
    #[must_use]
    pub fn allowances_of(&self, lab: &LabSlug) -> Allowances {
        let numbers = self.numbers_of(lab);
        let mut allowances = Allowances::default();
        for allow in [Some(&self.labs.allow), numbers.allow.as_ref()].into_iter().flatten() {
            allow.apply_to(&mut allowances);
        }
        allowances.egress = allowances.egress.min(numbers.egress.unwrap_or(Egress::Internet));
        allowances
    }

    /// Returns how many labs that the file does not mention have a session in reserve.
    #[must_use]
    pub fn reserved_labs(&self) -> u32 {
        self.sessions.reserved_labs.unwrap_or(RESERVED_LABS)
    }
}

#[cfg(test)]
mod tests {
    use lectern_content::spec::{Budget, SecurityPolicy};

    use super::*;

    fn parse(text: &str) -> Result<Portal, String> {
        Portal::parse(text, Path::new("portal.yaml")).map_err(|error| error.to_string())
    }

    fn slug(text: &str) -> LabSlug {
        text.parse().unwrap()
    }

    #[test]
    fn without_a_word_a_session_runs_twice_the_labs_time_and_may_be_extended_by_quarters() {
        let settings = Portal::default().settings_of(&slug("x"), Some(60 * 60));
        assert_eq!(settings.expires_secs, 2 * 60 * 60);
        assert_eq!(settings.overtime_secs, 30 * 60);
        assert_eq!(settings.deadline_secs, 4 * 60 * 60);
        assert_eq!((settings.capacity, settings.reserved, settings.orphaned_secs), (None, None, None));
        assert_eq!(Portal::default().settings_of(&slug("x"), None).expires_secs, 2 * 60 * 60);
        assert_eq!(Portal::default().settings_of(&slug("x"), Some(60)).expires_secs, 60 * 60);
    }

    #[test]
    fn a_labs_own_numbers_come_before_the_defaults() {
        let portal = parse(
            "sessions: { maximum: 40, registered: 2, anonymous: 1 }\n\
             defaults: { capacity: 30, expires: 90m, orphaned: 20m }\n\
             labs:\n  seed: { reserved: 3, initial: 10, expires: 1h, overtime: 600, deadline: 30m }\n",
        )
        .unwrap();
        let seed = portal.settings_of(&slug("seed"), None);
        assert_eq!((seed.capacity, seed.reserved, seed.initial), (Some(30), Some(3), 10));
        assert_eq!((seed.expires_secs, seed.overtime_secs, seed.orphaned_secs), (3600, 600, Some(1200)));
        // a deadline before the end means that there is nothing to extend
        assert_eq!(seed.deadline_secs, 3600);
        let other = portal.settings_of(&slug("other"), None);
        assert_eq!((other.reserved, other.expires_secs, other.overtime_secs), (None, 5400, 1350));
        assert_eq!(portal.sessions.maximum, Some(40));
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        for (text, word) in [
            ("session: {}", "session"),
            ("labs: { Seed: {} }", "Seed"),
            ("defaults: { expires: soon }", "soon"),
            ("defaults: { expires: 5s }", "at least one minute"),
            ("labs: { seed: { capacity: 2, initial: 5 } }", "seed: 5 sessions"),
            ("defaults: { capacity: -1 }", "capacity"),
            ("defaults: { allow: { rules: true } }", "labs.allow"),
            ("labs: { allow: { polices: privileged } }", "polices"),
            ("labs: { allow: { policy: root } }", "root"),
            ("labs: { allow: { images: [registry.example.org*] } }", "registry.example.org*"),
            ("labs: { allow: { resources: { memory: lots } } }", "lots"),
            ("labs: { allow: { objects: [CustomResourceDefinition] } }", "CustomResourceDefinition"),
            ("labs: { seed: { egress: everything } }", "everything"),
            ("sessions: { starts_per_hour: 0 }", "starts_per_hour"),
            ("retention: { audit: 7d }", "audit must be at least 30 days"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains("portal.yaml") && error.contains(word), "{text}: {error}");
        }
    }

    #[test]
    fn labs_are_allowed_little_unless_the_operator_says_more_and_one_lab_may_be_trusted() {
        assert_eq!(Portal::default().allowances_of(&slug("x")), Allowances::default());
        let portal = parse(
            "defaults: { egress: dns }\n\
             labs:\n  allow: { budget: x-large, images: ['ghcr.io/educates/*'], resources: { memory: 4Gi } }\n  \
             seed: { reserved: 1, egress: internet, allow: { policy: privileged, rules: true, objects: [LimitRange] } }\n",
        )
        .unwrap();
        let other = portal.allowances_of(&slug("other"));
        assert_eq!((other.policy, other.budget), (SecurityPolicy::Baseline, Budget::XLarge));
        assert!(!other.rules && other.objects.is_empty());
        assert_eq!((other.egress, other.memory.as_str()), (Egress::Dns, "4Gi"));
        let seed = portal.allowances_of(&slug("seed"));
        assert_eq!(
            (seed.policy, seed.budget, seed.rules),
            (SecurityPolicy::Privileged, Budget::XLarge, true)
        );
        assert_eq!((seed.egress, seed.images.len()), (Egress::Internet, 1));
        assert!(seed.trusts_kind("v1", "LimitRange"));
        assert_eq!(portal.settings_of(&slug("seed"), None).reserved, Some(1));
    }

    #[test]
    fn a_person_starts_so_many_sessions_an_hour_unless_the_operator_says_otherwise() {
        for (text, starts) in [
            ("", Some(30)),
            ("sessions: { maximum: 4 }", Some(30)),
            ("sessions: { starts_per_hour: 5 }", Some(5)),
            ("sessions: { starts_per_hour: null }", None),
        ] {
            assert_eq!(parse(text).unwrap().sessions.starts_per_hour, starts, "{text}");
        }
    }

    #[test]
    fn a_file_that_says_nothing_changes_nothing() {
        assert_eq!(parse("# nothing yet\n").unwrap(), Portal::default());
        assert_eq!(parse("").unwrap(), Portal::default());
    }
}
