//! What learners report, and who sees it.

use chrono::Utc;
use lectern_api::ids::{EventId, SessionId};
use lectern_api::progress::{Happening, ProgressEvent, SessionProgress};
use lectern_server::store::progress::{CheckRun, record_check};
use serde_json::json;

use crate::support::client::{Answer, Client};
use crate::support::lab_folder::PAGES;
use crate::support::people::{add_class, join_class};
use crate::support::run;

fn event(page: &str, what: Happening) -> ProgressEvent {
    ProgressEvent { id: EventId::new(), at: Utc::now(), page: page.parse().expect("a page's name"), what }
}

fn action_run(action: u32) -> ProgressEvent {
    event(PAGES[0], Happening::ActionRun { action })
}

async fn report(learner: &Client, session: SessionId, events: &[ProgressEvent]) -> Answer {
    learner.post(&format!("/api/v1/sessions/{session}/progress-events"), &events).await
}

async fn progress(viewer: &Client, session: SessionId) -> Answer {
    viewer.get(&format!("/api/v1/sessions/{session}/progress")).await
}

#[test]
fn what_a_learner_did_is_shown_as_it_was_reported() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let nothing: SessionProgress = progress(&ada, session).await.json();
        assert_eq!(nothing, SessionProgress::default());

        let done = [
            event(PAGES[0], Happening::PageViewed),
            action_run(3),
            action_run(1),
            action_run(3),
            event(PAGES[1], Happening::PageViewed),
        ];
        report(&ada, session, &done).await.expect(204);
        let some: SessionProgress = progress(&ada, session).await.json();
        assert_eq!(some.current_page.as_ref().unwrap().as_str(), PAGES[1]);
        assert!(!some.finished);
        let [first, second] = some.pages.as_slice() else { panic!("{some:?}") };
        assert_eq!((first.page.as_str(), second.page.as_str()), (PAGES[0], PAGES[1]));
        assert_eq!(first.actions_run, [1, 3]);
        assert!(first.viewed_at.is_some() && second.viewed_at.is_some());

        report(&ada, session, &[event(PAGES[0], Happening::LabFinished)]).await.expect(204);
        let all: SessionProgress = progress(&ada, session).await.json();
        assert!(all.finished);
        // finishing is no page that was opened
        assert_eq!(all.current_page, some.current_page);
    });
}

#[test]
fn a_batch_sent_twice_counts_once() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let batch: Vec<_> = (0..40).map(action_run).collect();
        report(&ada, session, &batch).await.expect(204);
        let first: SessionProgress = progress(&ada, session).await.json();
        report(&ada, session, &batch).await.expect(204);
        let second: SessionProgress = progress(&ada, session).await.json();
        assert_eq!(first, second);
        assert_eq!(app.count("select count(*) from progress_events").await, 40);
    });
}

#[test]
fn two_blocks_that_run_one_check_have_a_result_each_and_earlier_events_still_count() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let record = async |block, passed| {
            let ran = CheckRun { name: "is", page: Some(PAGES[0]), block, passed };
            let mut tx = app.pool.begin().await.unwrap();
            record_check(&mut tx, session, ada.id(), &ran).await.unwrap();
            tx.commit().await.unwrap();
        };
        let results = async || {
            let known: SessionProgress = progress(&ada, session).await.json();
            let checks = known.pages.into_iter().flat_map(|page| page.checks);
            checks.map(|check| (check.block, check.passed, check.runs)).collect::<Vec<_>>()
        };
        let passed_as_a_whole = "select count(*) from check_results where name = 'is' and passed";

        // what an earlier release wrote
        record(None, false).await;
        assert_eq!(results().await, [(None, false, 1)]);

        record(Some(3), true).await;
        record(Some(5), false).await;
        assert_eq!(results().await, [(Some(3), true, 1), (Some(5), false, 1)]);
        record(Some(3), true).await;
        assert_eq!(results().await, [(Some(3), true, 2), (Some(5), false, 1)]);
        assert_eq!(app.count(passed_as_a_whole).await, 0);
        record(Some(5), true).await;
        assert_eq!(results().await, [(Some(3), true, 2), (Some(5), true, 2)]);
        assert_eq!(app.count(passed_as_a_whole).await, 1);
    });
}

#[test]
fn an_event_sent_by_many_requests_at_once_counts_once() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let events = [event(PAGES[0], Happening::PageViewed)];
        let sending = (0..8).map(|_| report(&ada, session, &events));
        for answer in futures::future::join_all(sending).await {
            answer.expect(204);
        }
        assert_eq!(app.count("select count(*) from progress_events").await, 1);
    });
}

#[test]
fn batches_that_cross_each_other_are_all_recorded() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        for _ in 0..6 {
            // two tabs, one going forward and one going back, and a retry of either
            let there: Vec<_> = (0..20).map(|n| event(PAGES[n % 2], Happening::PageViewed)).collect();
            let back: Vec<_> = (0..20).map(|n| event(PAGES[(n + 1) % 2], Happening::PageViewed)).collect();
            let again: Vec<_> = there.iter().rev().cloned().collect();
            let sending = [&there, &back, &again].map(|batch| report(&ada, session, batch));
            for answer in futures::future::join_all(sending).await {
                answer.expect(204);
            }
        }
        assert_eq!(app.count("select count(*) from progress_events").await, 6 * 40);
    });
}

#[test]
fn two_hundred_events_are_taken_and_two_hundred_and_one_are_not() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let events: Vec<_> = (0..201).map(action_run).collect();
        report(&ada, session, &events).await.problem(400, "too_many_events");
        assert_eq!(app.count("select count(*) from progress_events").await, 0);
        report(&ada, session, &events[..200]).await.expect(204);
        assert_eq!(app.count("select count(*) from progress_events").await, 200);
    });
}

#[test]
fn a_batch_with_one_event_that_cannot_be_read_records_none() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let good = json!(action_run(1));
        for (name, bad) in [
            ("page", json!("../etc/passwd")),
            ("kind", json!("check_passed")),
            ("id", json!("not-an-id")),
            ("action", json!(-1)),
        ] {
            let mut broken = json!(action_run(2));
            broken[name] = bad;
            let path = format!("/api/v1/sessions/{session}/progress-events");
            ada.post(&path, &[good.clone(), broken]).await.problem(400, "unreadable_request");
        }
        assert_eq!(app.count("select count(*) from progress_events").await, 0);
    });
}

#[test]
fn a_batch_that_the_database_refuses_half_way_is_not_recorded_at_all() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        app.execute("alter table page_progress add constraint no_seven check (not 7 = any(actions_run))")
            .await;
        let batch: Vec<_> = (5..9).map(action_run).collect();
        let problem = report(&ada, session, &batch).await.problem(500, "internal");
        assert!(!problem.detail.contains("no_seven"), "{problem:?}");
        for table in ["select count(*) from progress_events", "select count(*) from page_progress"] {
            assert_eq!(app.count(table).await, 0);
        }
    });
}

#[test]
fn nobody_reports_for_somebody_elses_session() {
    run(async |app| {
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let theirs = app.running_session(ada.id()).await;
        report(&eve, theirs, &[action_run(1)]).await.problem(404, "not_found");
        // not by an event's id that is known, either
        let known = action_run(1);
        report(&ada, theirs, std::slice::from_ref(&known)).await.expect(204);
        let own = app.running_session(eve.id()).await;
        report(&eve, own, &[known]).await.expect(204);
        let seen: SessionProgress = progress(&eve, own).await.json();
        assert_eq!(seen, SessionProgress::default());
    });
}

#[test]
fn progress_is_shown_to_the_instructor_of_the_learners_class_only() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let (ours, theirs) = (app.instructor("ours").await, app.instructor("theirs").await);
        join_class(&ada, &add_class(&ours, "Ours").await).await;
        add_class(&theirs, "Theirs").await;
        let session = app.running_session(ada.id()).await;
        report(&ada, session, &[event(PAGES[0], Happening::PageViewed)]).await.expect(204);

        let seen: SessionProgress = progress(&ours, session).await.json();
        assert_eq!(seen, progress(&ada, session).await.json());
        progress(&theirs, session).await.problem(404, "not_found");
        // seeing is not doing
        report(&ours, session, &[action_run(1)]).await.problem(404, "not_found");
        ours.delete(&format!("/api/v1/sessions/{session}")).await.problem(404, "not_found");
    });
}

#[test]
fn what_is_about_no_page_of_the_session_is_left_out() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let made_up = event("no-such-page", Happening::PageViewed);
        let batch = [made_up, action_run(1_000_000), event(PAGES[1], Happening::PageViewed)];
        report(&ada, session, &batch).await.expect(204);
        assert_eq!(app.count("select count(*) from progress_events").await, 1);
        assert_eq!(app.count("select count(*) from page_progress").await, 1);
        let seen: SessionProgress = progress(&ada, session).await.json();
        assert_eq!(seen.current_page.unwrap().as_str(), PAGES[1]);
    });
}

#[test]
fn what_a_browser_kept_is_taken_for_an_hour_after_the_end() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        app.execute("update sessions set phase = 'ended', ended_at = now() - interval '59 minutes'").await;
        report(&ada, session, &[action_run(1)]).await.expect(204);
        app.execute("update sessions set ended_at = now() - interval '61 minutes'").await;
        report(&ada, session, &[action_run(2)]).await.problem(422, "session_over");
        assert_eq!(app.count("select count(*) from progress_events").await, 1);
    });
}

#[test]
fn a_session_has_so_many_events_and_no_more() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        report(&ada, session, &[action_run(1), action_run(2)]).await.expect(204);
        assert_eq!(app.count("select events_taken::bigint from sessions").await, 2);
        app.execute("update sessions set events_taken = 19999").await;
        report(&ada, session, &[action_run(3), action_run(4)]).await.problem(422, "session_full");
        report(&ada, session, &[action_run(3)]).await.expect(204);
        report(&ada, session, &[action_run(4)]).await.problem(422, "session_full");
    });
}
