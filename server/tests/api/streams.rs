//! Streams of events: how long they live, and how many there may be.

use std::time::{Duration, Instant};

use lectern_api::classes::LearnerRow;
use lectern_api::sessions::Session;
use reqwest::Method;

use crate::support::client::Client;
use crate::support::people::{add_class, join_class};
use crate::support::stream::EventStream;
use crate::support::{TestApp, in_time, run};

/// Within which time a stream says that it is there, and ends when it may not go on.
const SOON: Duration = Duration::from_secs(20);

/// Changes of everybody's sessions, without an end.
async fn keep_changing(app: &TestApp) {
    loop {
        app.execute("select pg_notify('lectern_session_changes', id || ' ' || user_id) from sessions").await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

#[test]
fn a_stream_looks_at_its_login_and_its_class_however_much_changes() {
    run(async |app| {
        let (ada, grace) = (app.learner("ada").await, app.learner("grace").await);
        let (leaver, loser) = (app.instructor("leaver").await, app.instructor("loser").await);
        let sessions = [app.running_session(ada.id()).await, app.running_session(grace.id()).await];
        let (hers, theirs) = (add_class(&leaver, "Hers").await, add_class(&loser, "Theirs").await);
        for class in [&hers, &theirs] {
            join_class(&ada, class).await;
        }
        let of_session = |number: usize| format!("/api/v1/sessions/{}/events", sessions[number]);
        let mut signed_out = EventStream::open(&ada, &of_session(0)).await;
        let mut staying = EventStream::open(&grace, &of_session(1)).await;
        let mut left = EventStream::open(&leaver, &format!("/api/v1/classes/{}/events", hers.id)).await;
        let mut lost = EventStream::open(&loser, &format!("/api/v1/classes/{}/events", theirs.id)).await;
        ada.delete("/api/v1/logins/current").await.expect(204);
        leaver.delete("/api/v1/logins/current").await.expect(204);
        app.execute("update classes set owner_id = (select id from users where username = 'leaver')").await;
        let began = Instant::now();
        let all = async {
            tokio::join!(
                signed_out.read_until(None),
                left.read_until(None),
                lost.read_until(None),
                // and one that may stay says so
                staying.read_until(Some(": \n\n")),
            );
        };
        tokio::select! {
            () = all => {}
            () = keep_changing(app) => {}
        }
        assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    });
}

async fn try_to_open(browser: &Client, path: &str) -> reqwest::Response {
    browser.request(Method::GET, path).send().await.expect("the server answers")
}

#[test]
fn a_person_has_ten_streams_open_and_others_are_not_concerned() {
    run(async |app| {
        let (ada, eve) = (app.learner("ada").await, app.learner("eve").await);
        let path = format!("/api/v1/sessions/{}/events", app.running_session(ada.id()).await);
        let mut open = vec![];
        for _ in 0..10 {
            open.push(EventStream::open(&ada, &path).await);
        }
        ada.get(&path).await.problem(429, "too_many_streams");
        let own = format!("/api/v1/sessions/{}/events", app.running_session(eve.id()).await);
        EventStream::open(&eve, &own).await.next::<Session>("session").await;
        // what is closed is noticed when something is to be sent
        open.pop();
        in_time("a place for a stream", async {
            while try_to_open(&ada, &path).await.status() != 200 {
                ada.post(&path.replace("/events", "/extensions"), &serde_json::json!({})).await;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
    });
}

#[test]
fn who_joins_a_class_is_seen_at_once_and_what_they_do_from_then_on() {
    run(async |app| {
        let (teacher, ada) = (app.instructor("teacher").await, app.learner("ada").await);
        let grace = app.learner("grace").await;
        let class = add_class(&teacher, "Mondays").await;
        join_class(&ada, &class).await;
        let mut live = EventStream::open(&teacher, &format!("/api/v1/classes/{}/events", class.id)).await;
        assert_eq!(live.next::<LearnerRow>("learner").await.user, ada.id());
        join_class(&grace, &class).await;
        let row: LearnerRow = live.next("learner").await;
        assert_eq!((row.user, row.session), (grace.id(), None));
        app.running_session(grace.id()).await;
        live.wait_for("learner", |row: &LearnerRow| row.user == grace.id() && row.session.is_some()).await;
    });
}
