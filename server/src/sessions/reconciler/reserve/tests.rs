//! What is decided about the reserve, for any state of it.

use proptest::prelude::*;

use super::*;

fn settings(reserved: Option<u32>, initial: u32, capacity: Option<u32>) -> LabSettings {
    LabSettings {
        capacity,
        reserved,
        initial,
        expires_secs: 3600,
        overtime_secs: 900,
        deadline_secs: 7200,
        orphaned_secs: None,
    }
}

fn wanted(lab: &str, reserved: Option<u32>) -> Wanted {
    let (lab, version) = (lab.to_owned(), "now".to_owned());
    Wanted { lab, version, settings: settings(reserved, 0, None), in_use: 0, pool: None }
}

fn kept(lab: &str, version: &str, is_ready: bool) -> Kept {
    Kept { id: SessionId::new(), lab: lab.to_owned(), version: version.to_owned(), is_ready, is_fit: true }
}

const FREE: Bounds = Bounds { maximum: None, in_use: 0, unasked: 8, waiting: 0 };

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

#[test]
fn what_is_lacking_is_made_a_few_at_a_time_and_in_turn() {
    let labs = [wanted("a", Some(30)), wanted("b", Some(1))];
    let decision = decide(&labs, &[], FREE, now());
    assert_eq!(decision, Decision { discard: vec![], make: vec![0, 1, 0, 0] });
    let learners_wait = decide(&labs, &[], Bounds { waiting: 3, ..FREE }, now());
    assert_eq!(learners_wait.make, [0]);
    assert!(decide(&labs, &[], Bounds { waiting: 30, ..FREE }, now()).make.is_empty());
}

#[test]
fn a_changed_lab_and_a_lost_workbench_are_given_up_and_made_again() {
    let labs = [wanted("a", Some(2))];
    let (old, mut lost, gone) = (kept("a", "before", true), kept("a", "now", true), kept("b", "now", true));
    lost.is_fit = false;
    let ids = [old.id, lost.id, gone.id];
    let decision = decide(&labs, &[old, lost, gone], FREE, now());
    assert_eq!(decision.discard.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
    assert_eq!(decision.make, [0, 0]);
}

#[test]
fn of_too_many_those_go_first_that_are_not_ready() {
    let (making, ready) = (kept("a", "now", false), kept("a", "now", true));
    let id = making.id;
    let decision = decide(&[wanted("a", Some(1))], &[ready, making], FREE, now());
    assert_eq!(decision, Decision { discard: vec![(id, Discarded::Surplus)], make: vec![] });
}

#[test]
fn labs_of_which_nothing_is_said_have_one_each_while_there_are_few() {
    let labs = [wanted("a", None), wanted("b", None), wanted("c", None), wanted("d", Some(0))];
    let decision = decide(&labs, &[], Bounds { unasked: 2, ..FREE }, now());
    assert_eq!(decision.make, [0, 1]);
}

#[test]
fn the_first_ones_are_made_once_and_not_again_when_they_were_taken() {
    let mut lab = wanted("a", Some(1));
    lab.settings.initial = 3;
    assert_eq!(decide(std::slice::from_ref(&lab), &[], FREE, now()).make.len(), 3);
    let pool = |initial_left| PoolRow {
        lab: "a".to_owned(),
        initial: 3,
        initial_left,
        last_started_at: None,
        failures: 0,
        failure: String::new(),
        retry_at: None,
    };
    lab.pool = Some(pool(2));
    assert_eq!(decide(std::slice::from_ref(&lab), &[], FREE, now()).make.len(), 2);
    lab.pool = Some(pool(0));
    assert_eq!(decide(std::slice::from_ref(&lab), &[], FREE, now()).make.len(), 1);
    // another number than the one that was counted down
    lab.settings.initial = 4;
    assert_eq!(decide(std::slice::from_ref(&lab), &[], FREE, now()).make.len(), 4);
    lab.pool = Some(PoolRow { retry_at: Some(now() + TimeDelta::seconds(1)), ..pool(0) });
    assert!(decide(&[lab], &[], FREE, now()).make.is_empty());
}

#[test]
fn operators_are_told_of_a_lab_that_fails_again_and_again() {
    let pool = |failures| PoolRow {
        lab: "a".to_owned(),
        initial: 0,
        initial_left: 0,
        last_started_at: None,
        failures,
        failure: "The image x cannot be pulled".to_owned(),
        retry_at: None,
    };
    assert_eq!(notice(&[pool(0), pool(2)]), None);
    let told = notice(&[pool(3)]).unwrap().message;
    assert!(told.contains("the lab a") && told.ends_with("cannot be pulled"), "{told}");
}

fn any_lab() -> impl Strategy<Value = Wanted> {
    let versions = prop_oneof![Just("now"), Just("before")];
    (
        prop_oneof!["a", "b", "c"],
        versions,
        prop::option::of(0_u32..6),
        0_u32..6,
        prop::option::of(0_u32..8),
        0_usize..8,
    )
        .prop_map(|(lab, version, reserved, initial, capacity, in_use)| Wanted {
            lab,
            version: version.to_owned(),
            settings: settings(reserved, initial, capacity),
            in_use,
            pool: None,
        })
}

fn any_kept() -> impl Strategy<Value = Kept> {
    (prop_oneof!["a", "b", "c", "gone"], any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(lab, is_current, is_ready, is_fit)| Kept {
            is_fit,
            ..kept(&lab, if is_current { "now" } else { "before" }, is_ready)
        },
    )
}

proptest! {
    #[test]
    fn no_bound_is_ever_crossed_and_one_pass_after_another_comes_to_rest(
        mut labs in prop::collection::vec(any_lab(), 0..4),
        mut reserve in prop::collection::vec(any_kept(), 0..12),
        maximum in prop::option::of(0_u32..20),
        unasked in 0_usize..4,
    ) {
        labs.sort_by(|a, b| a.lab.cmp(&b.lab));
        labs.dedup_by(|a, b| a.lab == b.lab);
        let in_use = labs.iter().map(|lab| lab.in_use).sum();
        let bounds = Bounds { maximum, in_use, unasked, waiting: 0 };
        for round in 0..40 {
            let before = reserve.len();
            let decision = decide(&labs, &reserve, bounds, now());
            if decision == Decision::default() {
                // nothing is left that no learner could take
                for one in &reserve {
                    let lab = labs.iter().find(|lab| lab.lab == one.lab);
                    prop_assert!(lab.is_some_and(|lab| lab.version == one.version) && one.is_fit);
                }
                return Ok(());
            }
            let mut given_up: Vec<_> = decision.discard.iter().map(|(id, _)| *id).collect();
            given_up.sort();
            given_up.dedup();
            prop_assert_eq!(given_up.len(), decision.discard.len(), "given up twice");
            prop_assert!(decision.make.len() <= AT_ONCE);
            reserve.retain(|one| !given_up.contains(&one.id));
            prop_assert_eq!(reserve.len() + given_up.len(), before);
            for index in decision.make {
                reserve.push(kept(&labs[index].lab, &labs[index].version, false));
            }
            for lab in &labs {
                let count = reserve.iter().filter(|one| one.lab == lab.lab).count();
                if let Some(capacity) = lab.settings.capacity {
                    prop_assert!(count == 0 || count + lab.in_use <= capacity as usize);
                }
            }
            if let Some(maximum) = maximum {
                let total = reserve.len() + in_use;
                prop_assert!(total <= (maximum as usize).max(in_use), "{total} of {maximum}");
            }
            for one in &mut reserve {
                one.is_ready = true;
            }
            prop_assert!(round < 39, "it never comes to rest");
        }
    }
}
