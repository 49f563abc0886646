//! For how long data about people is kept.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

const MAX_DAYS: u32 = 36_500;
/// The shortest period for the audit log, in days, so that recent events can always be investigated.
const MIN_AUDIT_DAYS: u32 = 30;
/// The shortest period after which an unused account is deleted, in days.
const MIN_INACTIVE_DAYS: u32 = 30;
/// The default period for sessions and the audit log, in days: a little more than a year.
const DEFAULT_DAYS: u32 = 400;

/// The periods in the portal file; `None` means for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// For sessions that have ended, with their progress.
    pub sessions: Option<Days>,
    /// For records of the audit log.
    pub audit: Option<Days>,
    /// For accounts of learners who no longer use them.
    pub inactive_accounts: Option<Days>,
}

impl Default for Retention {
    fn default() -> Self {
        let default = Some(Days(DEFAULT_DAYS));
        Self { sessions: default, audit: default, inactive_accounts: None }
    }
}

impl Retention {
    /// Checks that no period is too short.
    ///
    /// # Errors
    /// Returns the message for the operator.
    pub fn check(&self) -> Result<(), String> {
        for (name, days, min) in [
            ("audit", self.audit, MIN_AUDIT_DAYS),
            ("inactive_accounts", self.inactive_accounts, MIN_INACTIVE_DAYS),
        ] {
            if days.is_some_and(|days| days.0 < min) {
                return Err(format!("retention: {name} must be at least {min} days ({min}d)"));
            }
        }
        Ok(())
    }
}

/// A number of days, written like `400d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(u32);

impl Days {
    /// Creates a period of at least one day.
    #[must_use]
    pub fn new(days: u32) -> Self {
        Self(days.clamp(1, MAX_DAYS))
    }

    #[must_use]
    pub fn count(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim().strip_suffix('d').and_then(|days| days.parse().ok()) {
            Some(days @ 1..=MAX_DAYS) => Ok(Self(days)),
            _ => Err(D::Error::custom(format!(
                "{text:?} is not a number of days; write it like 400d, or null to keep data for ever"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Retention, String> {
        let retention: Retention = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        retention.check().map(|()| retention)
    }

    #[test]
    fn what_is_known_of_people_is_kept_for_a_while_or_for_ever() {
        let usual = Retention::default();
        assert_eq!((usual.sessions.map(Days::count), usual.audit.map(Days::count)), (Some(400), Some(400)));
        assert_eq!(usual.inactive_accounts, None);
        let other = read("{ sessions: 30d, audit: null, inactive_accounts: 730d }").unwrap();
        assert_eq!((other.sessions.map(Days::count), other.audit), (Some(30), None));
        assert_eq!(other.inactive_accounts.map(Days::count), Some(730));
    }

    #[test]
    fn a_period_that_cannot_be_meant_is_refused() {
        for (text, word) in [
            ("{ audit: 7d }", "audit must be at least 30 days"),
            ("{ inactive_accounts: 1d }", "inactive_accounts must be at least 30 days"),
            ("{ sessions: 0d }", "like 400d"),
            ("{ sessions: 8h }", "like 400d"),
            ("{ session: 30d }", "session"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
