//! The cluster view on a real node: what it shows, and that it shows nobody else's.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use kube::api::{DynamicObject, PostParams};
use kube::core::GroupVersionKind;
use kube::discovery::ApiResource;
use kube::{Api, Client};
use lectern_api::cluster_view::{ClusterObject, LogQuery, ObjectKind, Severity};
use lectern_server::cluster::view::{ObjectError, ObjectRef, Snapshot, View};
use lectern_server::cluster::{Cluster, SessionNames};
use serde_json::{Value, json};

use crate::harness::{PATIENCE, pod, quiet, spec, with_installation};

fn view(cluster: &Cluster, names: &SessionNames) -> Result<View> {
    Ok(cluster.view_session(names)??)
}

/// Waits for a picture of which this is true.
async fn shown(view: &View, what: &str, is_so: impl Fn(&Snapshot) -> bool) -> Result<Arc<Snapshot>> {
    let mut pictures = view.follow();
    let found = tokio::time::timeout(PATIENCE, pictures.wait_for(|picture| is_so(picture)))
        .await
        .map(|found| found.map(|found| found.clone()));
    match found {
        Ok(found) => Ok(found?),
        Err(_) => {
            let last: Vec<_> =
                view.follow().borrow().objects.values().map(|one| format!("{one:?}")).collect();
            bail!("never seen: {what}; at last:\n{}", last.join("\n"))
        }
    }
}

async fn complete(view: &View) -> Result<Arc<Snapshot>> {
    shown(view, "everything", |picture| picture.is_complete).await
}

fn object<'a>(
    picture: &'a Snapshot,
    names: &SessionNames,
    kind: &str,
    name: &str,
) -> Option<&'a ClusterObject> {
    picture.objects.get(&format!("{kind}/{}/{name}", names.namespace)).map(Arc::as_ref)
}

/// Waits until an object is so, and returns it.
async fn wait_for(
    view: &View,
    names: &SessionNames,
    kind: &str,
    name: &str,
    is_so: impl Fn(&ClusterObject) -> bool,
) -> Result<ClusterObject> {
    let found = |picture: &Snapshot| object(picture, names, kind, name).filter(|one| is_so(one)).cloned();
    let picture = shown(view, &format!("{kind} {name}"), |picture| found(picture).is_some()).await?;
    found(&picture).context("it was there")
}

async fn create(client: &Client, names: &SessionNames, object: Value) -> Result<()> {
    let object: DynamicObject = serde_json::from_value(object)?;
    let kind = GroupVersionKind::try_from(object.types.as_ref().context("a type")?)?;
    let api: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &names.namespace, &ApiResource::from_gvk(&kind));
    // the namespace's default service account and the first count of its quota come a moment after the namespace
    let create = async {
        while let Err(error) = api.create(&PostParams::default(), &object).await {
            let text = error.to_string();
            if !text.contains("serviceaccount") && !text.contains("status unknown for quota") {
                bail!(error);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, create).await.context("it was never accepted")?
}

fn deployment(name: &str, container: Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container]},
            },
        },
    })
}

fn reference(names: &SessionNames, kind: ObjectKind, name: &str) -> Result<ObjectRef> {
    ObjectRef::new(names, kind, &names.namespace, name).context("an object of the session")
}

fn is_refused<T>(result: Result<T, ObjectError>) -> bool {
    matches!(result, Err(ObjectError::Refused { .. }))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_learner_makes_is_shown_with_its_cause_until_it_is_deleted() -> Result<()> {
    with_installation(async |t| {
        let one = spec();
        let names = &one.names;
        t.cluster.provision(&one, &quiet).await?;
        t.quota_is_counted(&names.namespace).await?;
        let learner = t.learner(names).await?;
        let view = view(&t.cluster, names)?;
        let first = complete(&view).await?;
        assert!(first.left_out.is_empty(), "{:?}", first.left_out);
        assert!(first.objects.values().all(|one| one.is_system), "the learner sees what they did not make");

        create(&learner, names, deployment("web", json!({"name": "c", "image": "httpd", "imagePullPolicy": "IfNotPresent"}))).await?;
        create(&learner, names, json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
        }))
        .await?;
        create(&learner, names, deployment("broken", json!({"name": "c", "image": "no-such-image:1"}))).await?;
        create(&learner, names, deployment("huge", json!({
            "name": "c", "image": "httpd", "resources": {"limits": {"memory": "900Gi"}},
        })))
        .await?;
        create(&learner, names, deployment("lacking", json!({
            "name": "c", "image": "httpd", "imagePullPolicy": "IfNotPresent", "envFrom": [{"configMapRef": {"name": "absent"}}],
        })))
        .await?;
        let good = |one: &ClusterObject| one.condition.severity == Severity::Good;
        let bad = |one: &ClusterObject| one.condition.severity == Severity::Bad && one.condition.cause.is_some();
        let web = wait_for(&view, names, "Deployment", "web", |one| good(one) && one.ready.is_some_and(|r| r.ready == 1)).await?;
        assert_eq!(web.condition.word, "Running");
        wait_for(&view, names, "Service", "web", good).await?;
        for (name, part) in [
            ("broken", "no-such-image:1"),
            ("huge", "refused|quota|limits"),
            ("lacking", "It needs the ConfigMap absent, which does not exist"),
        ] {
            let found = wait_for(&view, names, "Deployment", name, bad).await?;
            let cause = found.condition.cause.unwrap_or_default();
            assert!(part.split('|').any(|part| cause.contains(part)), "{name}: {cause}");
        }
        let pods = |picture: &Snapshot| picture.objects.values().filter(|one| one.kind == ObjectKind::Pod && one.name.starts_with("web-")).count();
        t.cluster.delete_object(names, &reference(names, ObjectKind::Deployment, "web")?, Some(web.uid)).await?;
        shown(&view, "the deployment's end", |picture| object(picture, names, "Deployment", "web").is_none() && pods(picture) == 0).await?;
        let other_uid = Some("00000000-0000-0000-0000-000000000000".to_owned());
        let service = reference(names, ObjectKind::Service, "web")?;
        let kept = t.cluster.delete_object(names, &service, other_uid).await;
        assert!(matches!(kept, Err(ObjectError::Conflict { .. })), "{kept:?}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_follows_and_says_how_much_a_pod_uses() -> Result<()> {
    with_installation(async |t| {
        let one = spec();
        let names = &one.names;
        t.cluster.provision(&one, &quiet).await?;
        let count = "for i in $(seq 1 2000); do echo line $i; sleep 0.2; done";
        t.run_pod(&names.namespace, &pod("counter", "bash:5.1.0", &["bash", "-c", count])).await?;
        let counter = reference(names, ObjectKind::Pod, "counter")?;
        let mut log = t.cluster.follow_log(names, &counter, &LogQuery::default()).await?;
        let mut lines = vec![];
        let read = async {
            // more than there were when it was opened
            while lines.len() < 10 {
                lines.extend(log.next().await.context("the log goes on")?);
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(PATIENCE, read).await.context("the log does not grow")??;
        assert_eq!(lines[..2], ["line 1", "line 2"]);
        let before = LogQuery { previous: true, ..LogQuery::default() };
        assert!(is_refused(t.cluster.follow_log(names, &counter, &before).await), "there was no run before");
        let absent = LogQuery { container: Some("absent".to_owned()), ..LogQuery::default() };
        assert!(
            is_refused(t.cluster.follow_log(names, &counter, &absent).await),
            "there is no such container"
        );

        let view = view(&t.cluster, names)?;
        let id = format!("Pod/{}/counter", names.namespace);
        let measured = |picture: &Snapshot| picture.usage.as_ref()?.get(&id).copied();
        let picture = shown(&view, "what it uses", |picture| {
            measured(picture).is_some_and(|used| used.memory_bytes > 0)
        })
        .await?;
        assert!(picture.usage.iter().flat_map(|all| all.keys()).all(|id| id.contains(&names.namespace)));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_is_saved_once_and_refused_if_the_object_has_changed() -> Result<()> {
    with_installation(async |t| {
        let one = spec();
        let names = &one.names;
        t.cluster.provision(&one, &quiet).await?;
        let learner = t.learner(names).await?;
        create(&learner, names, json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "paint"}, "data": {"colour": "red"},
        }))
        .await?;
        let paint = reference(names, ObjectKind::ConfigMap, "paint")?;
        let text = t.cluster.read_object(names, &paint, false).await?.yaml;
        assert!(!text.contains("managedFields"), "{text}");
        let blue = text.replace("colour: red", "colour: blue");
        let saved = t.cluster.replace_object(names, &paint, &blue).await?.yaml;
        assert!(saved.contains("colour: blue"), "{saved}");
        let again = t.cluster.replace_object(names, &paint, &blue).await;
        assert!(matches!(again, Err(ObjectError::Conflict { .. })), "{again:?}");
        let wrong = saved.replace("colour: blue", "colour: {a: b}");
        assert!(is_refused(t.cluster.replace_object(names, &paint, &wrong).await));

        create(&learner, names, json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "word"}, "stringData": {"open": "sesame"},
        }))
        .await?;
        let word = reference(names, ObjectKind::Secret, "word")?;
        let hidden = t.cluster.read_object(names, &word, false).await?;
        assert!(hidden.is_redacted && !hidden.yaml.contains("c2VzYW1l"), "{}", hidden.yaml);
        // what stands for the values is never saved as one
        assert!(t.cluster.replace_object(names, &word, &hidden.yaml).await.is_err());
        assert!(t.cluster.read_object(names, &word, true).await?.yaml.contains("c2VzYW1l"));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn kubernetes_itself_refuses_what_is_not_the_learners() -> Result<()> {
    with_installation(async |t| {
        let (one, two) = (spec(), spec());
        tokio::try_join!(t.cluster.provision(&one, &quiet), t.cluster.provision(&two, &quiet))?;
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "word"}, "stringData": {"a": "b"}});
        create(&t.learner(&two.names).await?, &two.names, secret).await?;
        let benches = t.config.workbench_namespace.clone();
        for foreign in [&two.names.namespace, &benches, "kube-system"] {
            assert_eq!(ObjectRef::new(&one.names, ObjectKind::Secret, foreign, "word"), None);
            // even if somebody took the namespace for the session's own, the account is still the learner's
            let mistaken = SessionNames { namespace: foreign.to_owned(), ..one.names.clone() };
            let word = reference(&mistaken, ObjectKind::Secret, "word")?;
            assert!(is_refused(t.cluster.read_object(&mistaken, &word, true).await), "{foreign}");
            assert!(is_refused(t.cluster.delete_object(&mistaken, &word, None).await), "{foreign}");
            let pod = reference(&mistaken, ObjectKind::Pod, "any")?;
            assert!(is_refused(t.cluster.follow_log(&mistaken, &pod, &LogQuery::default()).await), "{foreign}");
            let view = view(&t.cluster, &mistaken)?;
            let picture = complete(&view).await?;
            assert!(picture.objects.is_empty() && picture.events.is_empty(), "{foreign}");
            assert_eq!(picture.left_out, ObjectKind::ALL, "{foreign}");
        }
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_shared_and_ends_with_its_last_viewer() -> Result<()> {
    with_installation(async |t| {
        let one = spec();
        t.cluster.provision(&one, &quiet).await?;
        let first = view(&t.cluster, &one.names)?;
        complete(&first).await?;
        let second = view(&t.cluster, &one.names)?;
        // it has what the first one has, without a list of its own
        assert!(second.follow().borrow().is_complete);
        let mut pictures = first.follow();
        drop((first, second));
        tokio::time::timeout(PATIENCE, async { while pictures.changed().await.is_ok() {} }).await?;
        assert!(!view(&t.cluster, &one.names)?.follow().borrow().is_complete);
        Ok(())
    })
    .await
}
