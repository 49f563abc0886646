//! Requests for files that are refused before a workbench is asked. What workbenches answer is tested with the agent.

use lectern_api::ids::SessionId;
use reqwest::Method;
use serde_json::json;

use crate::support::client::{Answer, Client, send};
use crate::support::run;

fn address(session: SessionId, rest: &str) -> String {
    format!("/api/v1/sessions/{session}/files{rest}")
}

async fn put(learner: &Client, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = learner.request(Method::PUT, path).body("content");
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[test]
fn a_request_that_names_no_path_or_too_much_is_refused() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        for rest in ["", "/entry", "/content", "/archive", "/matches?path=x", "/changes", "/changes?folder=x"]
        {
            ada.get(&address(session, rest)).await.problem(400, "unreadable_request");
        }
        let many = "path=x&".repeat(65);
        ada.get(&address(session, &format!("/changes?{many}"))).await.problem(400, "unreadable_request");
        for (rest, body) in
            [("/folders", json!({})), ("/moves", json!({"from": "a"})), ("/copies", json!({"to": "a"}))]
        {
            ada.post(&address(session, rest), &body).await.problem(400, "unreadable_request");
        }
    });
}

#[test]
fn a_write_that_does_not_say_clearly_what_must_be_there_is_refused() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        let path = address(session, "/content?path=x");
        for headers in [
            &[("if-match", "*")][..],
            &[("if-match", "no-quotes")],
            &[("if-none-match", "\"a\"")],
            &[("if-match", "\"a\""), ("if-none-match", "*")],
        ] {
            put(&ada, &path, headers).await.problem(400, "unreadable_request");
        }
        // the rest is for the workbench to say, which this session does not have
        for headers in [&[][..], &[("if-match", "\"a\"")], &[("if-none-match", "*")]] {
            put(&ada, &path, headers).await.problem(503, "cluster_unavailable");
        }
    });
}

#[test]
fn files_of_a_session_that_is_over_cannot_be_had() {
    run(async |app| {
        let ada = app.learner("ada").await;
        let session = app.running_session(ada.id()).await;
        ada.delete(&format!("/api/v1/sessions/{session}")).await.expect(204);
        ada.get(&address(session, "?path=~")).await.problem(409, "not_running");
        put(&ada, &address(session, "/content?path=x"), &[]).await.problem(409, "not_running");
        ada.get(&address(session, "/changes?path=~")).await.problem(409, "not_running");
    });
}
