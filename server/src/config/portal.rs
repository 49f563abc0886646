//! What the operator decides about sessions: how many, how long, how many are made ahead, and what labs are allowed.
//! One YAML file; everything has a default.

mod allow;
mod labs;

use std::path::{Path, PathBuf};

use clap::Args;
use lectern_api::ids::LabSlug;
use lectern_content::allow::Allowances;
use lectern_content::spec::{Egress, parse_duration};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::retention::Retention;
pub use allow::{Allow, AllowedResources};
pub use labs::Labs;

/// How long a session of a lab lasts that does not say how long it takes, in seconds.
const DEFAULT_SECS: u64 = 2 * 60 * 60;
/// The shortest session where only the lab says how long, in seconds.
const LEAST_SECS: u64 = 60 * 60;
/// The longest session of all, in seconds: what a column of the database holds without care.
const MOST_SECS: u64 = 30 * 24 * 60 * 60;
/// The longest session where only the lab says how long, in seconds.
const MOST_BY_LAB_SECS: u64 = 24 * 60 * 60;
/// How many labs have a session in reserve without a word of the operator's.
const UNASKED_LABS: u32 = 8;
/// How many sessions a person may start within an hour without a word of the operator's.
const STARTS_PER_HOUR: u32 = 30;

/// Where the operator's numbers stand.
#[derive(Args, Clone, Debug, Default)]
pub struct PortalFlags {
    /// File with the numbers of sessions: how many, how long, how many are made ahead. See docs/OPERATING.md.
    #[arg(long, env = "LECTERN_PORTAL")]
    pub portal: Option<PathBuf>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PortalError {
    /// It cannot be read.
    #[error("cannot read the portal file {}; name an existing file with --portal", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It does not say what it should.
    #[error("the portal file {} cannot be used: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

/// The operator's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Portal {
    /// How many sessions at once.
    pub sessions: Maxima,
    /// For every lab that does not say otherwise.
    pub defaults: LabNumbers,
    /// For single labs, by name, and what all of them are allowed.
    pub labs: Labs,
    /// For how long what is known of people is kept.
    pub retention: Retention,
}

/// How many sessions there may be at once; absent: as many as the cluster holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Maxima {
    /// In all, those in reserve included.
    pub maximum: Option<u32>,
    /// For each person with an account.
    pub registered: Option<u32>,
    /// For each anonymous visitor.
    pub anonymous: Option<u32>,
    /// How many labs of which the file says nothing have one session in reserve; absent: 8.
    pub reserved_labs: Option<u32>,
    /// How many each person may start within an hour; absent: 30, null: any number.
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

/// The numbers of a lab, as they are written; what is absent comes from the defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabNumbers {
    /// How many sessions at once, those in reserve included.
    pub capacity: Option<u32>,
    /// How many are kept ready.
    pub reserved: Option<u32>,
    /// How many are made ready at first, before anybody came.
    pub initial: Option<u32>,
    /// How long a session runs.
    pub expires: Option<Span>,
    /// What one extension adds.
    pub overtime: Option<Span>,
    /// How long a session runs with all extensions.
    pub deadline: Option<Span>,
    /// After how long without a sign of its learner a session ends.
    pub orphaned: Option<Span>,
    /// The most that a session may reach outside of itself.
    pub egress: Option<Egress>,
    /// What the lab is allowed, over what all labs are; nothing that defaults may say.
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

/// A length of time, written like `90s`, `45m`, `2h` or `1h30m`; a bare number counts seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// In seconds; at most thirty days.
    pub secs: u32,
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Secs(u64),
            Text(String),
        }
        let secs = match Written::deserialize(deserializer)? {
            Written::Secs(secs) => secs,
            // parse_duration takes a lone zero for nothing at all
            Written::Text(text) if text.trim().starts_with('0') && text.trim().len() <= 2 => 0,
            Written::Text(text) => parse_duration(&text).ok_or_else(|| {
                D::Error::custom(format!("{text:?} is not a length of time; write it like 45m, 2h or 1h30m"))
            })?,
        };
        match u32::try_from(secs) {
            Ok(secs) if u64::from(secs) <= MOST_SECS => Ok(Self { secs }),
            _ => Err(D::Error::custom("a length of time is at most thirty days (720h)")),
        }
    }
}

/// The numbers of a lab, settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabSettings {
    /// How many sessions at once; none: no bound.
    pub capacity: Option<u32>,
    /// How many are kept ready; none: the operator does not say.
    pub reserved: Option<u32>,
    /// How many are made ready at first.
    pub initial: u32,
    /// How long a session runs, in seconds.
    pub expires_secs: u32,
    /// What one extension adds, in seconds.
    pub overtime_secs: u32,
    /// How long a session runs with all extensions, in seconds; never less than without.
    pub deadline_secs: u32,
    /// After how long without a sign of its learner a session ends, in seconds; none: never.
    pub orphaned_secs: Option<u32>,
}

impl Portal {
    /// Reads the file; the defaults where none is named.
    ///
    /// # Errors
    /// [`PortalError`].
    pub fn read(flags: &PortalFlags) -> Result<Self, PortalError> {
        let Some(path) = &flags.portal else { return Ok(Self::default()) };
        let text = std::fs::read_to_string(path)
            .map_err(|source| PortalError::Unreadable { path: path.clone(), source })?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, PortalError> {
        let invalid = |reason| PortalError::Invalid { path: path.to_owned(), reason };
        // a file of comments only says nothing, which is no mistake
        let read: Option<Self> = serde_saphyr::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let portal = read.unwrap_or_default();
        if portal.defaults.allow.is_some() {
            return Err(invalid("defaults: what all labs are allowed stands in labs.allow".to_owned()));
        }
        if portal.sessions.starts_per_hour == Some(0) {
            return Err(invalid(
                "sessions: starts_per_hour is 1 at least, or null for any number".to_owned(),
            ));
        }
        portal.retention.check().map_err(invalid)?;
        for (place, numbers) in std::iter::once(("defaults", &portal.defaults))
            .chain(portal.labs.by_name.iter().map(|(lab, numbers)| (lab.as_str(), numbers)))
        {
            if let Some(expires) = numbers.expires
                && expires.secs < 60
            {
                return Err(invalid(format!("{place}: a session runs for a minute at least")));
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

    /// The numbers of a lab whose author thinks that it takes `lab_secs`.
    ///
    /// Without the operator's word a session runs twice that long, within bounds; an extension adds a quarter, and
    /// all of them together as much again.
    #[must_use]
    pub fn settings_of(&self, lab: &LabSlug, lab_secs: Option<u64>) -> LabSettings {
        let numbers = self.numbers_of(lab);
        let by_lab =
            lab_secs.map_or(DEFAULT_SECS, |secs| secs.saturating_mul(2).clamp(LEAST_SECS, MOST_BY_LAB_SECS));
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

    /// What a lab is allowed: the strict defaults, over which stands what all labs are allowed, over which stands what
    /// this one is.
    #[must_use]
    pub fn allowances_of(&self, lab: &LabSlug) -> Allowances {
        let numbers = self.numbers_of(lab);
        let mut allowances = Allowances::default();
        for allow in [Some(&self.labs.allow), numbers.allow.as_ref()].into_iter().flatten() {
            allow.apply_to(&mut allowances);
        }
        allowances.egress = allowances.egress.min(numbers.egress.unwrap_or_default());
        allowances
    }

    /// How many labs of which the operator says nothing have a session in reserve.
    #[must_use]
    pub fn reserved_labs(&self) -> u32 {
        self.sessions.reserved_labs.unwrap_or(UNASKED_LABS)
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
            ("defaults: { expires: 5s }", "a minute at least"),
            ("labs: { seed: { capacity: 2, initial: 5 } }", "seed: 5 sessions"),
            ("defaults: { capacity: -1 }", "capacity"),
            ("defaults: { allow: { rules: true } }", "labs.allow"),
            ("labs: { allow: { polices: privileged } }", "polices"),
            ("labs: { allow: { policy: root } }", "root"),
            ("labs: { allow: { images: [registry.example.org*] } }", "registry.example.org*"),
            ("labs: { allow: { resources: { memory: lots } } }", "lots"),
            ("labs: { allow: { objects: [ClusterRoleBinding] } }", "ClusterRoleBinding"),
            ("labs: { seed: { egress: everything } }", "everything"),
            ("sessions: { starts_per_hour: 0 }", "starts_per_hour"),
            ("retention: { audit: 7d }", "audit is 30 days at least"),
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
