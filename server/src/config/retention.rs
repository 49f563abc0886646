//! For how long what is known of people is kept.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The longest period, in days.
const MOST_DAYS: u32 = 36_500;
/// The shortest period for the audit log, in days: what happened can be asked for so long in any case.
const LEAST_AUDIT_DAYS: u32 = 30;
/// The shortest time after which an unused account goes, in days.
const LEAST_INACTIVE_DAYS: u32 = 30;
/// How long sessions and the audit log are kept without a word of the operator's: a school year and some.
const USUAL_DAYS: u32 = 400;

/// The operator's periods; none: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// A session that is over, and what was done in it.
    pub sessions: Option<Days>,
    /// A record of the audit log.
    pub audit: Option<Days>,
    /// The account of a learner who does not use it.
    pub inactive_accounts: Option<Days>,
}

impl Default for Retention {
    fn default() -> Self {
        let usual = Some(Days(USUAL_DAYS));
        Self { sessions: usual, audit: usual, inactive_accounts: None }
    }
}

impl Retention {
    /// Says what is wrong with the periods.
    ///
    /// # Errors
    /// The words for it.
    pub fn check(&self) -> Result<(), String> {
        for (name, days, least) in [
            ("audit", self.audit, LEAST_AUDIT_DAYS),
            ("inactive_accounts", self.inactive_accounts, LEAST_INACTIVE_DAYS),
        ] {
            if days.is_some_and(|days| days.0 < least) {
                return Err(format!("retention: {name} is {least} days at least ({least}d)"));
            }
        }
        Ok(())
    }
}

/// A number of days, written like `400d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(u32);

impl Days {
    /// So many; at least one.
    #[must_use]
    pub fn new(days: u32) -> Self {
        Self(days.clamp(1, MOST_DAYS))
    }

    /// How many.
    #[must_use]
    pub fn count(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim().strip_suffix('d').and_then(|days| days.parse().ok()) {
            Some(days @ 1..=MOST_DAYS) => Ok(Self(days)),
            _ => Err(D::Error::custom(format!(
                "{text:?} is not a number of days; write it like 400d, or null for ever"
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
            ("{ audit: 7d }", "audit is 30 days at least"),
            ("{ inactive_accounts: 1d }", "inactive_accounts is 30 days at least"),
            ("{ sessions: 0d }", "like 400d"),
            ("{ sessions: 8h }", "like 400d"),
            ("{ session: 30d }", "session"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
