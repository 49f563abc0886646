//! The states of a session, how one follows another, and how its end moves. Pure; the store asks it before it writes a
//! phase, and nothing else decides what follows what.

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::sessions::{Discarded, EndReason};

/// Where a session is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Made ahead, it belongs to nobody yet.
    Reserved {
        /// What is being done now. `None` once it is ready, so that whoever takes it can begin at once.
        step: Option<String>,
    },
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
    Ending { reason: EndReason },
    /// It is over. Nothing of it is left in the cluster, or what is left is held there by somebody else.
    Ended { reason: EndReason },
    /// It could not be started; its objects are being, or were, removed.
    Failed {
        /// Why, in words for the learner.
        reason: String,
    },
}

/// What may happen to a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Provisioning reached another step.
    Step(String),
    /// The workbench and its terminals are ready.
    Ready {
        /// When it will end by itself, if a learner has it.
        expires_at: DateTime<Utc>,
    },
    /// A learner takes it out of the reserve.
    Taken {
        /// When it will end by itself, if it is ready.
        expires_at: DateTime<Utc>,
    },
    /// Its learner was granted more time.
    Extended { expires_at: DateTime<Utc> },
    /// It could not be provisioned.
    Broke {
        /// Why, in words for the learner.
        reason: String,
    },
    /// It is ended, wherever it is in its life.
    End { reason: EndReason },
    /// Its time may be over, by this clock.
    Due { now: DateTime<Utc> },
    /// It is of no more use in the reserve.
    Discarded { because: Discarded },
    /// Nothing of it is left in the cluster, or nothing more can be done about what is.
    Gone,
}

impl Phase {
    /// The phase in which a session begins: with a learner, or in the reserve.
    #[must_use]
    pub fn beginning(has_learner: bool, step: String) -> Self {
        if has_learner { Self::Allocated { step } } else { Self::Reserved { step: Some(step) } }
    }

    /// The phase after `event`. Returns `None` if the event means nothing in this phase, which is no error: news from
    /// the cluster may come late.
    #[must_use]
    pub fn after(&self, event: Event) -> Option<Self> {
        match (self, event) {
            (Self::Reserved { step: Some(_) }, Event::Step(step)) => {
                Some(Self::Reserved { step: Some(step) })
            }
            (Self::Reserved { step: Some(_) }, Event::Ready { .. }) => Some(Self::Reserved { step: None }),
            (Self::Reserved { step: Some(step) }, Event::Taken { .. }) => {
                Some(Self::Allocated { step: step.clone() })
            }
            (Self::Reserved { step: None }, Event::Taken { expires_at }) => {
                Some(Self::Running { expires_at })
            }
            (Self::Reserved { step: Some(_) }, Event::Broke { reason }) => Some(Self::Failed { reason }),
            (Self::Reserved { .. }, Event::Discarded { because }) => {
                Some(Self::Ending { reason: EndReason::Discarded { because } })
            }
            (Self::Allocated { .. }, Event::Step(step)) => Some(Self::Allocated { step }),
            (Self::Allocated { .. }, Event::Ready { expires_at }) => Some(Self::Running { expires_at }),
            (Self::Allocated { .. }, Event::Broke { reason }) => Some(Self::Failed { reason }),
            (Self::Running { expires_at: before }, Event::Extended { expires_at })
                if expires_at > *before =>
            {
                Some(Self::Running { expires_at })
            }
            (Self::Running { expires_at }, Event::Due { now }) if *expires_at <= now => {
                Some(Self::Ending { reason: EndReason::Expired })
            }
            (
                Self::Reserved { .. } | Self::Allocated { .. } | Self::Running { .. },
                Event::End { reason },
            ) => Some(Self::Ending { reason }),
            (Self::Ending { reason }, Event::Gone) => Some(Self::Ended { reason: reason.clone() }),
            _ => None,
        }
    }
}

/// The end that an extension brings to a session which would end at `expires_at`. Returns `None` if that is no later.
#[must_use]
pub fn latest_end(
    expires_at: DateTime<Utc>,
    overtime: TimeDelta,
    deadline_at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    Some(deadline_at.min(expires_at + overtime)).filter(|end| *end > expires_at)
}

/// When the learner's warning begins: five minutes before the end, or a quarter of a short session.
#[must_use]
pub fn warning_at(expires_at: DateTime<Utc>, duration: TimeDelta) -> DateTime<Utc> {
    expires_at - TimeDelta::minutes(5).min(duration / 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn instant(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap()
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let at = || (0_i64..100_000).prop_map(instant);
        prop_oneof![
            "[a-z]{1,8}".prop_map(Event::Step),
            at().prop_map(|expires_at| Event::Ready { expires_at }),
            at().prop_map(|expires_at| Event::Taken { expires_at }),
            at().prop_map(|expires_at| Event::Extended { expires_at }),
            "[a-z]{1,8}".prop_map(|reason| Event::Broke { reason }),
            (0_u32..9).prop_map(|minutes| Event::End { reason: EndReason::Abandoned { minutes } }),
            at().prop_map(|now| Event::Due { now }),
            Just(Event::Discarded { because: Discarded::Surplus }),
            Just(Event::Gone),
        ]
    }

    fn any_beginning() -> impl Strategy<Value = Phase> {
        prop_oneof![
            "[a-z]{0,8}".prop_map(|step| Phase::Reserved { step: Some(step) }),
            "[a-z]{0,8}".prop_map(|step| Phase::Allocated { step }),
        ]
    }

    fn any_life() -> impl Strategy<Value = (Phase, Vec<Event>)> {
        (any_beginning(), prop::collection::vec(any_event(), 0..40))
    }

    fn is_over(phase: &Phase) -> bool {
        matches!(phase, Phase::Ended { .. } | Phase::Failed { .. })
    }

    /// How far a phase is: nothing leads back.
    fn rank(phase: &Phase) -> u8 {
        match phase {
            Phase::Reserved { step: Some(_) } => 0,
            Phase::Reserved { step: None } => 1,
            Phase::Allocated { .. } => 2,
            Phase::Running { .. } => 3,
            Phase::Ending { .. } => 4,
            Phase::Ended { .. } | Phase::Failed { .. } => 5,
        }
    }

    fn walk(beginning: Phase, events: Vec<Event>) -> Vec<(Phase, Event, Option<Phase>)> {
        let mut phase = beginning;
        let mut steps = vec![];
        for event in events {
            let next = phase.after(event.clone());
            steps.push((phase.clone(), event, next.clone()));
            phase = next.unwrap_or(phase);
        }
        steps
    }

    proptest! {
        #[test]
        fn what_is_over_stays_over((beginning, events) in any_life()) {
            for (before, _, next) in walk(beginning, events) {
                prop_assert!(!(is_over(&before) && next.is_some()));
            }
        }

        #[test]
        fn no_event_leads_back((beginning, events) in any_life()) {
            for (before, event, next) in walk(beginning, events) {
                if let Some(next) = next {
                    prop_assert!(rank(&next) >= rank(&before), "{before:?} after {event:?}: {next:?}");
                }
            }
        }

        #[test]
        fn every_session_can_be_brought_to_its_end((beginning, events) in any_life()) {
            let mut phase = beginning;
            for event in events.into_iter().chain([Event::End { reason: EndReason::Learner }, Event::Gone]) {
                phase = phase.after(event).unwrap_or(phase);
            }
            prop_assert!(is_over(&phase));
        }

        #[test]
        fn a_session_runs_only_once_it_is_ready_and_somebody_has_it((beginning, events) in any_life()) {
            let (mut ready, mut taken) = (false, matches!(beginning, Phase::Allocated { .. }));
            for (before, event, next) in walk(beginning, events) {
                let counts = next.is_some();
                ready |= counts && matches!(event, Event::Ready { .. });
                taken |= counts && matches!(event, Event::Taken { .. });
                let runs = matches!(next, Some(Phase::Running { .. }));
                prop_assert!(!runs || (ready && taken), "{before:?} after {event:?}");
            }
        }

        #[test]
        fn nobody_gets_a_session_that_another_took((beginning, events) in any_life()) {
            let taken = walk(beginning, events)
                .into_iter()
                .filter(|(_, event, next)| next.is_some() && matches!(event, Event::Taken { .. }));
            prop_assert!(taken.count() <= 1);
        }

        #[test]
        fn the_end_of_a_running_session_only_ever_moves_away((beginning, events) in any_life()) {
            for (before, _, next) in walk(beginning, events) {
                if let (Phase::Running { expires_at: old }, Some(Phase::Running { expires_at: new })) = (before, next) {
                    prop_assert!(new > old);
                }
            }
        }

        #[test]
        fn the_reason_of_an_end_is_the_first_one_given((beginning, events) in any_life()) {
            let mut first: Option<EndReason> = None;
            for (_, _, next) in walk(beginning, events) {
                match next {
                    Some(Phase::Ending { reason }) => {
                        prop_assert_eq!(first.replace(reason), None);
                    }
                    Some(Phase::Ended { reason }) => prop_assert_eq!(Some(reason), first.clone()),
                    _ => {}
                }
            }
        }

        #[test]
        fn extensions_come_to_an_end_at_the_deadline(
            duration in 60_i64..100_000, overtime in 0_i64..50_000, more in 0_i64..200_000,
        ) {
            let deadline = instant(duration + more);
            let mut end = instant(duration);
            // each but the last adds all of the overtime, so that there are not many
            let most = more / overtime.max(1) + 1;
            let mut count = 0;
            while let Some(later) = latest_end(end, TimeDelta::seconds(overtime), deadline) {
                prop_assert!(later > end && later <= deadline);
                end = later;
                count += 1;
                prop_assert!(count <= most);
            }
            prop_assert!(end == deadline || overtime == 0);
        }
    }

    #[test]
    fn a_late_ready_does_not_revive_a_session_that_was_ended() {
        let ending = Phase::Ending { reason: EndReason::Learner };
        assert_eq!(ending.after(Event::Ready { expires_at: instant(0) }), None);
    }

    #[test]
    fn a_session_ends_by_itself_when_its_time_is_over_and_not_before() {
        let running = Phase::Running { expires_at: instant(10) };
        assert_eq!(running.after(Event::Due { now: instant(9) }), None);
        assert_eq!(
            running.after(Event::Due { now: instant(10) }),
            Some(Phase::Ending { reason: EndReason::Expired })
        );
    }

    #[test]
    fn what_a_learner_has_is_never_given_up_for_the_reserves_sake() {
        for phase in [Phase::Allocated { step: String::new() }, Phase::Running { expires_at: instant(1) }] {
            assert_eq!(phase.after(Event::Discarded { because: Discarded::MadeRoom }), None);
        }
    }

    #[test]
    fn a_session_taken_while_it_is_made_runs_when_it_is_ready() {
        let reserved = Phase::Reserved { step: Some("Pulling".into()) };
        let allocated = reserved.after(Event::Taken { expires_at: instant(1) }).unwrap();
        assert_eq!(allocated, Phase::Allocated { step: "Pulling".into() });
        let running = allocated.after(Event::Ready { expires_at: instant(2) });
        assert_eq!(running, Some(Phase::Running { expires_at: instant(2) }));
    }

    #[test]
    fn a_learner_is_warned_five_minutes_before_the_end_and_earlier_than_that_never() {
        let minutes = |before| instant(7200) - TimeDelta::minutes(before);
        assert_eq!(warning_at(instant(7200), TimeDelta::hours(2)), minutes(5));
        assert_eq!(warning_at(instant(7200), TimeDelta::minutes(8)), minutes(2));
    }
}
