//! The reserve as far as the database goes: who takes what, however many ask at once.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use lectern_api::identity::Role;
use lectern_api::ids::{LabSlug, SessionId, UserId};
use lectern_api::sessions::{Discarded, EndReason};
use lectern_server::cluster::SessionNames;
use lectern_server::lifecycle::{Event, Phase};
use lectern_server::store::sessions::reserve;
use lectern_server::store::sessions::transition::{Pick, Taker, hold, transition};
use lectern_server::store::sessions::{NewSession, SessionRow, find_session, insert_session};

use crate::support::lab_folder::LAB;
use crate::support::people::TERMS;
use crate::support::{TestApp, run};

const VERSION: &str = "v1";

fn slug() -> LabSlug {
    LAB.parse().expect("a lab's name")
}

impl TestApp {
    /// A session in reserve, as far as the database knows; ready, or being made.
    async fn reserved_session(&self, version: &str, is_ready: bool) -> SessionId {
        let id = SessionId::new();
        let names = SessionNames::generate(id, &slug());
        let new = NewSession {
            id,
            user: None,
            lab: slug(),
            lab_title: "The shell, slowly".to_owned(),
            namespace: names.namespace,
            secondary_namespaces: vec![],
            workbench: names.workbench,
            parameters: std::collections::BTreeMap::new(),
            pages: vec![],
            terminals: vec![],
            terminal_layout: "default".to_owned(),
            checks_total: 0,
            terms: TERMS,
            lab_version: version.to_owned(),
            step: "Pulling".to_owned(),
        };
        let mut conn = self.pool.acquire().await.expect("the database answers");
        insert_session(&mut conn, &new, 600).await.expect("a session of nobody");
        if is_ready {
            let ready = Event::Ready { expires_at: Utc::now() };
            let moved = transition(&mut conn, Pick::One(id), ready).await;
            assert!(moved.expect("a phase can be written").is_some());
        }
        id
    }

    async fn take(&self, user: UserId) -> Option<SessionRow> {
        let mut tx = self.pool.begin().await.expect("the database answers");
        let (lab, taker) = (slug(), Taker { user, terms: TERMS, now: Utc::now() });
        let held = hold(&mut tx, Pick::Reserved { lab: &lab, version: VERSION }).await.expect("a pick");
        let taken = match held {
            Some(held) => held.give_to(&mut tx, taker).await.expect("a session can be taken"),
            None => None,
        };
        tx.commit().await.expect("it is written");
        taken
    }
}

#[test]
fn a_finished_session_is_taken_before_one_that_is_being_made_and_none_of_an_older_lab() {
    run(async |app| {
        app.reserved_session("v0", true).await;
        let making = app.reserved_session(VERSION, false).await;
        let ready = app.reserved_session(VERSION, true).await;
        let (ada, eve, kay) = (
            app.add_user("ada", Role::Learner).await,
            app.add_user("eve", Role::Learner).await,
            app.add_user("kay", Role::Learner).await,
        );
        let before = Utc::now();
        let first = app.take(ada).await.expect("there is one");
        assert_eq!((first.id, first.user_id), (ready, Some(ada.0)));
        let Phase::Running { expires_at } = *first.phase() else { panic!("{:?}", first.phase()) };
        // all of its time is before it
        let left = expires_at - before;
        assert!(
            left >= TimeDelta::hours(2) - TimeDelta::seconds(1)
                && left < TimeDelta::hours(2) + TimeDelta::minutes(1)
        );
        let second = app.take(eve).await.expect("there is another");
        assert_eq!(second.id, making);
        assert_eq!(*second.phase(), Phase::Allocated { step: "Pulling".to_owned() });
        assert!(app.take(kay).await.is_none());
        // and what its server then says of it makes it run
        let mut conn = app.pool.acquire().await.unwrap();
        transition(&mut conn, Pick::One(making), Event::Ready { expires_at }).await.unwrap().unwrap();
        let row = find_session(&mut conn, making).await.unwrap().unwrap();
        assert!(row.is_running(), "{row:?}");
    });
}

#[test]
fn however_many_ask_at_once_nobody_gets_what_another_got() {
    run(async |app| {
        let mut there = BTreeSet::new();
        for number in 0..12 {
            there.insert(app.reserved_session(VERSION, number % 3 > 0).await);
        }
        let mut people = vec![];
        for number in 0..20 {
            people.push(app.add_user(&format!("learner{number}"), Role::Learner).await);
        }
        let taken = futures::future::join_all(people.into_iter().map(|user| app.take(user))).await;
        let ids: Vec<_> = taken.iter().flatten().map(|row| row.id).collect();
        let distinct: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "one session was given to two");
        assert_eq!(distinct, there);
        assert_eq!(
            app.count("select count(*) from sessions where user_id is null and phase <> 'reserved'").await,
            0
        );
    });
}

/// Each phase that a session can be in, brought about in the database, and each event applied to it there: what comes of it
/// is what the pure machine says, and nothing is written if it says nothing.
#[test]
fn every_event_in_every_phase_does_in_the_database_what_the_machine_says() {
    run(async |app| {
        let at = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let hour = TimeDelta::hours(1);
        let end = || Event::End { reason: EndReason::Abandoned { minutes: 7 } };
        let ways: [(bool, bool, &[Event]); 8] = [
            (false, false, &[]),
            (true, false, &[]),
            (false, true, &[]),
            (true, true, &[]),
            (true, true, &[end()]),
            (true, false, &[Event::Discarded { because: Discarded::NoRoom }]),
            (true, true, &[end(), Event::Gone]),
            (false, true, &[Event::Broke { reason: "no image".to_owned() }]),
        ];
        let events = [
            Event::Step("Pulling more".to_owned()),
            Event::Ready { expires_at: at },
            Event::Extended { expires_at: at + hour * 24 * 365 * 10 },
            Event::Broke { reason: "no such image".to_owned() },
            end(),
            Event::Due { now: at + hour * 24 * 365 * 10 },
            Event::Discarded { because: Discarded::MadeRoom },
            Event::Gone,
        ];
        let mut seen = BTreeSet::new();
        for (number, (is_ready, is_taken, before)) in ways.iter().enumerate() {
            for (turn, event) in events.iter().enumerate() {
                let id = app.reserved_session(VERSION, *is_ready).await;
                if *is_taken {
                    let user = app.add_user(&format!("learner-{number}-{turn}"), Role::Learner).await;
                    assert_eq!(app.take(user).await.expect("there is one").id, id);
                }
                let mut conn = app.pool.acquire().await.unwrap();
                for event in *before {
                    transition(&mut conn, Pick::One(id), event.clone()).await.unwrap().expect("it follows");
                }
                let phase = find_session(&mut conn, id).await.unwrap().unwrap().phase().clone();
                let moved = transition(&mut conn, Pick::One(id), event.clone()).await.unwrap();
                assert_eq!(
                    moved.map(|row| row.phase().clone()),
                    phase.after(event.clone()),
                    "{phase:?} {event:?}"
                );
                let now = find_session(&mut conn, id).await.unwrap().unwrap().phase().clone();
                assert_eq!(now, phase.after(event.clone()).unwrap_or_else(|| phase.clone()), "{event:?}");
                seen.insert(format!("{phase:?}").split(' ').next().map(str::to_owned));
                // so that the next turn takes its own
                transition(&mut conn, Pick::One(id), end()).await.unwrap();
            }
        }
        assert_eq!(seen.len(), 6, "every phase was tried: {seen:?}");
    });
}

#[test]
fn a_row_that_contradicts_itself_cannot_be_written() {
    run(async |app| {
        let user = app.add_user("ada", Role::Learner).await;
        let id = app.running_session(user).await;
        let mut conn = app.pool.acquire().await.unwrap();
        for (change, constraint) in [
            ("expires_at = null", "running_has_an_end"),
            ("phase = 'reserved'", "reserved_has_no_learner"),
            ("user_id = null", "somebody_learns"),
            ("phase = 'ended'", "over_has_an_instant"),
        ] {
            let statement = format!("update sessions set {change} where id = '{id}'");
            let error = sqlx::query(sqlx::AssertSqlSafe(statement)).execute(&mut *conn).await.unwrap_err();
            assert_eq!(error.as_database_error().and_then(|e| e.constraint()), Some(constraint), "{change}");
        }
        // and one that holds something that no release ever wrote is named
        let change = format!("update sessions set lab = 'No Lab!' where id = '{id}'");
        sqlx::query(sqlx::AssertSqlSafe(change)).execute(&mut *conn).await.unwrap();
        let error = find_session(&mut conn, id).await.unwrap_err().to_string();
        assert_eq!(error, format!("the row {id} of the table sessions contradicts itself in the column lab"));
    });
}

#[test]
fn a_learner_without_room_gets_the_place_of_a_session_in_reserve() {
    run(async |app| {
        let (other, own) = ("another-lab".parse::<LabSlug>().unwrap(), slug());
        let making = app.reserved_session(VERSION, false).await;
        let ready = app.reserved_session(VERSION, true).await;
        let mut conn = app.pool.acquire().await.unwrap();
        let mut make_room = async |lab: &LabSlug, only_this_lab| {
            let discarded = Event::Discarded { because: Discarded::MadeRoom };
            let pick = Pick::LeastUseful { lab, only_this_lab };
            transition(&mut conn, pick, discarded).await.unwrap().is_some()
        };
        assert!(!make_room(&other, true).await);
        // the one that is further from being of use goes first
        assert!(make_room(&own, true).await);
        let phase = async |id| {
            let mut conn = app.pool.acquire().await.unwrap();
            find_session(&mut conn, id).await.unwrap().unwrap().phase().clone()
        };
        assert!(matches!(phase(making).await, Phase::Ending { .. }));
        assert_eq!(phase(ready).await, Phase::Reserved { step: None });
        assert!(make_room(&other, false).await);
        assert!(!make_room(&other, false).await);
    });
}

#[test]
fn the_first_sessions_of_a_lab_are_counted_down_and_a_new_number_counts_anew() {
    run(async |app| {
        let (lab, mut conn) = (slug(), app.pool.acquire().await.unwrap());
        let left = async || app.count("select initial_left::bigint from lab_pools").await;
        reserve::set_initial(&mut conn, &lab, 3).await.unwrap();
        reserve::record_start(&mut conn, &lab, true, Utc::now()).await.unwrap();
        // one that had to be made is none of the first ones
        reserve::record_start(&mut conn, &lab, false, Utc::now()).await.unwrap();
        assert_eq!(left().await, 2);
        reserve::set_initial(&mut conn, &lab, 3).await.unwrap();
        assert_eq!(left().await, 2);
        reserve::set_initial(&mut conn, &lab, 5).await.unwrap();
        assert_eq!(left().await, 5);
    });
}

#[test]
fn after_each_failure_the_next_try_waits_longer_and_a_success_forgets_them() {
    run(async |app| {
        let (mut conn, now) = (app.pool.acquire().await.unwrap(), Utc::now());
        let mut waits = vec![];
        for _ in 0..9 {
            reserve::record_outcome(&mut conn, LAB, Some("no such image"), now).await.unwrap();
            let pool = reserve::list_pools(&mut conn).await.unwrap().remove(0);
            waits.push((pool.retry_at.unwrap() - now).num_seconds());
            assert_eq!(pool.failure, "no such image");
        }
        assert_eq!(waits[..3], [10, 20, 40].map(|secs| secs - i64::from(waits[0] < 10)), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 600) && waits[8] >= 599, "{waits:?}");
        reserve::record_outcome(&mut conn, LAB, None, now).await.unwrap();
        let pool = reserve::list_pools(&mut conn).await.unwrap().remove(0);
        assert_eq!((pool.failures, pool.failure.as_str(), pool.retry_at), (0, "", None));
    });
}
