//! What a lab asks for beyond what the operator allows: who is told, and in which words.

use lectern_api::identity::Role;
use lectern_api::labs::LabSummary;
use lectern_api::page::RenderedPage;
use lectern_api::sessions::Session;
use lectern_server::config::portal::{Allow, LabNumbers, Labs, Maxima, Portal};
use serde_json::json;

use crate::support::client::Client;
use crate::support::lab_folder::{LAB, PAGES};
use crate::support::{Setting, TestApp, run, run_with};

/// The lab, asking for the node and the internet's best image.
fn make_greedy(app: &TestApp) {
    app.labs.write(
        &format!("{LAB}/resources/workshop.yaml"),
        &format!(
            "apiVersion: training.educates.dev/v1beta1\nkind: Workshop\nmetadata: {{name: {LAB}}}\nspec:\n  \
             title: Greedy\n  workshop: {{image: evil.example/tools:1}}\n  session:\n    namespaces:\n      \
             security: {{policy: privileged}}\n"
        ),
    );
    app.services.catalog.reload().expect("the folder of labs is there");
}

async fn lab(viewer: &Client) -> LabSummary {
    let labs: Vec<LabSummary> = viewer.get("/api/v1/labs").await.json();
    labs.into_iter().find(|lab| lab.slug.as_str() == LAB).expect("the lab is there")
}

/// A platform that trusts this one lab.
fn trusting() -> Setting {
    let allow = Allow {
        policy: serde_json::from_value(json!("privileged")).ok(),
        images: serde_json::from_value(json!(["evil.example/*"])).ok(),
        ..Allow::default()
    };
    let numbers = LabNumbers { allow: Some(allow), ..LabNumbers::default() };
    let portal = Portal {
        sessions: Maxima { reserved_labs: Some(0), ..Maxima::default() },
        labs: Labs { by_name: [(LAB.parse().expect("a slug"), numbers)].into(), ..Labs::default() },
        ..Portal::default()
    };
    Setting { portal: Some(portal), ..Setting::default() }
}

#[test]
fn a_lab_that_asks_for_more_is_started_with_less_and_everybody_is_told_what_concerns_them() {
    run(async |app| {
        make_greedy(app);
        let (ada, staff) = (app.learner("ada").await, app.instructor("staff").await);
        let (author, admin) =
            (app.person("author", Role::Author).await, app.person("root", Role::Admin).await);
        for viewer in [&staff, &author, &admin] {
            let told = lab(viewer).await;
            assert!(!told.privileged && told.errors.is_empty(), "{told:?}");
            let hints: Vec<_> = told.warnings.iter().filter_map(|one| one.hint.clone()).collect();
            for key in ["allow: {policy: privileged}", "allow: {images: [evil.example/tools:1]}"] {
                assert!(hints.iter().any(|hint| hint.contains(key)), "{key} in {hints:?}");
            }
            assert!(told.warnings.iter().all(|one| one.line.is_some_and(|line| line > 1)), "{told:?}");
        }
        let seen = lab(&ada).await;
        assert!(seen.warnings.is_empty() && !seen.privileged, "{seen:?}");
        assert_eq!(seen.switched_off.len(), 2);

        // it starts, and its first page says in plain words what is switched off
        let session: Session = ada.post("/api/v1/sessions", &json!({"lab": LAB})).await.expect(201).json();
        let page = async |name: &str| -> RenderedPage {
            ada.get(&format!("/api/v1/sessions/{}/pages/{name}", session.id)).await.json()
        };
        let first = page(PAGES[0]).await;
        assert!(first.html.contains("containers with more rights than usual"), "{}", first.html);
        assert!(!first.html.contains("privileged") && !first.html.contains("portal"), "{}", first.html);
        assert!(!page(PAGES[1]).await.html.contains("switched off"));
    });
}

#[test]
fn a_lab_that_is_trusted_gets_what_it_asks_for_and_is_marked_as_privileged() {
    run_with(trusting(), async |app| {
        make_greedy(app);
        let told = lab(&app.instructor("staff").await).await;
        assert!(told.privileged, "{told:?}");
        assert!(told.warnings.iter().any(|one| one.message.contains("take over the machine")), "{told:?}");
        let seen = lab(&app.learner("ada").await).await;
        assert!(!seen.privileged && seen.warnings.is_empty() && seen.switched_off.is_empty(), "{seen:?}");
    });
}
