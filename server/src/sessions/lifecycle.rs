//! The states of a session and how one follows another: pure.

use chrono::{DateTime, Utc};
use lectern_api::sessions::SessionState;

/// Where a session is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// A learner has it; its objects are being made.
    Allocated {
        /// What is being done now.
        step: String,
    },
    /// The terminals can be used.
    Running {
        /// When it ends by itself.
        expires_at: DateTime<Utc>,
    },
    /// Its objects are being removed.
    Ending {
        /// Why.
        reason: String,
    },
    /// Nothing of it is left in the cluster.
    Ended {
        /// Why.
        reason: String,
    },
    /// It could not be started; its objects are being, or were, removed.
    Failed {
        /// Why, for the learner.
        reason: String,
    },
}

/// What may happen to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Provisioning went a step on.
    Step(String),
    /// The workbench and its terminals are ready.
    Ready {
        /// When it will end by itself.
        expires_at: DateTime<Utc>,
    },
    /// It could not be provisioned.
    Broke {
        /// Why, for the learner.
        reason: String,
    },
    /// Its learner, instructor or the clock ended it.
    End {
        /// Why.
        reason: String,
    },
    /// Nothing of it is left in the cluster.
    Gone,
}

impl Phase {
    /// The word by which the database knows the phase.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Allocated { .. } => "allocated",
            Self::Running { .. } => "running",
            Self::Ending { .. } => "ending",
            Self::Ended { .. } => "ended",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether nothing can follow.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self, Self::Ended { .. } | Self::Failed { .. })
    }

    /// The phase after `event`; none where the event means nothing here, which is no error: news from the
    /// cluster may come late.
    #[must_use]
    pub fn after(&self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Allocated { .. }, Event::Step(step)) => Some(Self::Allocated { step }),
            (Self::Allocated { .. }, Event::Ready { expires_at }) => Some(Self::Running { expires_at }),
            (Self::Allocated { .. }, Event::Broke { reason }) => Some(Self::Failed { reason }),
            (Self::Allocated { .. } | Self::Running { .. }, Event::End { reason }) => {
                Some(Self::Ending { reason })
            }
            (Self::Ending { reason }, Event::Gone) => Some(Self::Ended { reason: reason.clone() }),
            _ => None,
        }
    }
}

impl From<Phase> for SessionState {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Allocated { step } => Self::Starting { step },
            Phase::Running { expires_at } => Self::Running { expires_at },
            Phase::Ending { .. } => Self::Ending,
            Phase::Ended { reason } => Self::Ended { reason },
            Phase::Failed { reason } => Self::Failed { reason },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_event() -> impl Strategy<Value = Event> {
        prop_oneof![
            "[a-z]{1,8}".prop_map(Event::Step),
            Just(Event::Ready { expires_at: DateTime::UNIX_EPOCH }),
            "[a-z]{1,8}".prop_map(|reason| Event::Broke { reason }),
            "[a-z]{1,8}".prop_map(|reason| Event::End { reason }),
            Just(Event::Gone),
        ]
    }

    proptest! {
        #[test]
        fn what_is_over_stays_over(events in prop::collection::vec(any_event(), 0..40)) {
            let mut phase = Phase::Allocated { step: String::new() };
            for event in events {
                let next = phase.after(event);
                prop_assert!(!(phase.is_over() && next.is_some()));
                phase = next.unwrap_or(phase);
            }
        }

        #[test]
        fn every_session_can_be_brought_to_its_end(events in prop::collection::vec(any_event(), 0..40)) {
            let mut phase = Phase::Allocated { step: String::new() };
            for event in events {
                phase = phase.after(event).unwrap_or(phase);
            }
            for event in [Event::End { reason: "x".into() }, Event::Gone] {
                phase = phase.after(event).unwrap_or(phase);
            }
            prop_assert!(phase.is_over());
        }
    }

    #[test]
    fn a_late_ready_does_not_revive_a_session_that_was_ended() {
        let ending = Phase::Ending { reason: "ended by the learner".into() };
        assert_eq!(ending.after(Event::Ready { expires_at: DateTime::UNIX_EPOCH }), None);
    }
}
