//! The reserve as far as the database goes: who takes what, however many ask at once.

use std::collections::BTreeSet;

use chrono::{TimeDelta, Utc};
use lectern_api::identity::Role;
use lectern_api::ids::{LabSlug, SessionId, UserId};
use lectern_server::cluster::SessionNames;
use lectern_server::sessions::lifecycle::{Event, Phase};
use lectern_server::store::sessions::reserve::{self, take_reserved};
use lectern_server::store::sessions::{NewSession, SessionRow, insert_session, update_phase};

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
        let row = insert_session(&mut conn, &new, 600).await.expect("a session of nobody");
        if is_ready {
            let to = row
                .phase()
                .after(Event::Ready { expires_at: Utc::now() })
                .expect("a session that is being made");
            assert!(update_phase(&mut conn, id, &row.phase(), &to).await.expect("a phase can be written"));
        }
        id
    }

    async fn take(&self, user: UserId) -> Option<SessionRow> {
        let mut conn = self.pool.acquire().await.expect("the database answers");
        take_reserved(&mut conn, user, &slug(), VERSION, TERMS, Utc::now())
            .await
            .expect("a session can be taken")
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
        assert_eq!((first.session_id(), first.user_id), (ready, Some(ada.0)));
        let Phase::Running { expires_at } = first.phase() else { panic!("{:?}", first.phase()) };
        // all of its time is before it
        let left = expires_at - before;
        assert!(
            left >= TimeDelta::hours(2) - TimeDelta::seconds(1)
                && left < TimeDelta::hours(2) + TimeDelta::minutes(1)
        );
        let second = app.take(eve).await.expect("there is another");
        assert_eq!(second.session_id(), making);
        assert_eq!(second.phase(), Phase::Allocated { step: "Pulling".to_owned() });
        assert!(app.take(kay).await.is_none());
        // and what its server then says of it makes it run
        let mut conn = app.pool.acquire().await.unwrap();
        let to = second.phase().after(Event::Ready { expires_at }).unwrap();
        assert!(update_phase(&mut conn, making, &second.phase(), &to).await.unwrap());
        let row = lectern_server::store::sessions::find_session(&mut conn, making).await.unwrap().unwrap();
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
        let ids: Vec<_> = taken.iter().flatten().map(SessionRow::session_id).collect();
        let distinct: BTreeSet<_> = ids.iter().copied().collect();
        assert_eq!(ids.len(), distinct.len(), "one session was given to two");
        assert_eq!(distinct, there);
        assert_eq!(
            app.count("select count(*) from sessions where user_id is null and phase <> 'reserved'").await,
            0
        );
    });
}

#[test]
fn what_the_database_does_with_a_taken_session_is_what_the_states_say() {
    run(async |app| {
        for is_ready in [true, false] {
            let id = app.reserved_session(VERSION, is_ready).await;
            let mut conn = app.pool.acquire().await.unwrap();
            let before = lectern_server::store::sessions::find_session(&mut conn, id).await.unwrap().unwrap();
            drop(conn);
            let user = app.add_user(if is_ready { "ada" } else { "eve" }, Role::Learner).await;
            let after = app.take(user).await.expect("there is one").phase();
            let expires_at = match after {
                Phase::Running { expires_at } => expires_at,
                _ => Utc::now(),
            };
            assert_eq!(Some(after), before.phase().after(Event::Taken { expires_at }));
        }
    });
}

#[test]
fn a_learner_without_room_gets_the_place_of_a_session_in_reserve() {
    run(async |app| {
        let (other, own) = ("another-lab".parse::<LabSlug>().unwrap(), slug());
        let making = app.reserved_session(VERSION, false).await;
        let ready = app.reserved_session(VERSION, true).await;
        let mut conn = app.pool.acquire().await.unwrap();
        assert!(!reserve::evict_reserved(&mut conn, &other, true).await.unwrap());
        // the one that is further from being of use goes first
        assert!(reserve::evict_reserved(&mut conn, &own, true).await.unwrap());
        let phase = async |id| {
            let mut conn = app.pool.acquire().await.unwrap();
            lectern_server::store::sessions::find_session(&mut conn, id).await.unwrap().unwrap().phase()
        };
        assert!(matches!(phase(making).await, Phase::Ending { .. }));
        assert_eq!(phase(ready).await, Phase::Reserved { step: None });
        assert!(reserve::evict_reserved(&mut conn, &other, false).await.unwrap());
        assert!(!reserve::evict_reserved(&mut conn, &other, false).await.unwrap());
    });
}

#[test]
fn the_first_sessions_of_a_lab_are_counted_down_and_a_new_number_counts_anew() {
    run(async |app| {
        let (lab, mut conn) = (slug(), app.pool.acquire().await.unwrap());
        let left = async || app.count("select initial_left::bigint from lab_pools").await;
        reserve::set_initial(&mut conn, &lab, 3).await.unwrap();
        reserve::note_start(&mut conn, &lab, true, Utc::now()).await.unwrap();
        // one that had to be made is none of the first ones
        reserve::note_start(&mut conn, &lab, false, Utc::now()).await.unwrap();
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
            reserve::note_made(&mut conn, LAB, Some("no such image"), now).await.unwrap();
            let pool = reserve::list_pools(&mut conn).await.unwrap().remove(0);
            waits.push((pool.retry_at.unwrap() - now).num_seconds());
            assert_eq!(pool.failure, "no such image");
        }
        assert_eq!(waits[..3], [10, 20, 40].map(|secs| secs - i64::from(waits[0] < 10)), "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= 600) && waits[8] >= 599, "{waits:?}");
        reserve::note_made(&mut conn, LAB, None, now).await.unwrap();
        let pool = reserve::list_pools(&mut conn).await.unwrap().remove(0);
        assert_eq!((pool.failures, pool.failure.as_str(), pool.retry_at), (0, "", None));
    });
}
