//! What of a learner's can be reached from outside, tried with their own credentials.

use anyhow::{Context as _, Result};
use lectern_server::cluster::ClusterConfig;
use serde_json::{Value, json};

use crate::bounds::{object, ready};
use crate::harness::{refusal, spec, with_installation, with_settings, write};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_learners_is_published_without_the_operators_word() -> Result<()> {
    with_installation(async |t| {
        let spec = spec();
        let learner = ready(t, &spec).await?;
        let service = |more: Value| {
            let mut spec = json!({"ports": [{"port": 80}]});
            for (key, value) in more.as_object().into_iter().flatten() {
                spec[key] = value.clone();
            }
            object("v1", "Service", spec)
        };
        for (object, told) in [
            (service(json!({"type": "NodePort"})), "NodePort"),
            (service(json!({"type": "LoadBalancer"})), "LoadBalancer"),
            (service(json!({"externalIPs": ["192.0.2.1"]})), "externalIPs"),
            (ingress("a.example.org"), "from outside"),
        ] {
            let (code, message) = refusal(write(&learner, &spec.names.namespace, &object).await);
            assert!(code == 403 && message.contains(told), "{message}");
        }
        // what the guard forbids the quota has no room for either
        let (_, message) =
            refusal(write(&t.admin, &spec.names.namespace, &service(json!({"type": "NodePort"}))).await);
        assert!(message.contains("exceeded quota: lectern-objects"), "{message}");
        write(&learner, &spec.names.namespace, &service(json!({}))).await?;
        Ok(())
    })
    .await
}

fn ingress(host: &str) -> Value {
    let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
    object(
        "networking.k8s.io/v1",
        "Ingress",
        json!({"rules": [{"host": host, "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}]}),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_publishes_under_names_of_their_own_only() -> Result<()> {
    let settings =
        ClusterConfig { ingress_suffix: Some("learners.example.org".to_owned()), ..ClusterConfig::default() };
    with_settings(settings, async |t| {
        let spec = spec();
        let learner = ready(t, &spec).await?;
        let namespace = &spec.names.namespace;
        for host in [
            format!("{namespace}.learners.example.org"),
            format!("web-{namespace}.learners.example.org"),
            format!("web.{namespace}.learners.example.org"),
            format!("*.{namespace}.learners.example.org"),
        ] {
            write(&learner, namespace, &ingress(&host)).await.with_context(|| host)?;
        }
        let own = format!("{namespace}.learners.example.org");
        let mut of_nobody = ingress(&own);
        let mut hostless = of_nobody["spec"]["rules"][0].clone();
        hostless.as_object_mut().context("a rule")?.remove("host");
        of_nobody["spec"]["rules"].as_array_mut().context("rules")?.push(hostless);
        let mut of_all = ingress(&own);
        of_all["spec"]["defaultBackend"] = json!({"service": {"name": "web", "port": {"number": 80}}});
        let mut of_another = ingress(&own);
        of_another["spec"]["tls"] = json!([{"hosts": ["lectern.example.org"], "secretName": "s"}]);
        let mut annotated = ingress(&own);
        annotated["metadata"]["annotations"] =
            json!({"nginx.ingress.kubernetes.io/server-alias": "lectern.example.org"});
        let refused = [
            ingress("lectern.example.org"),
            ingress("learners.example.org"),
            ingress("somebody-else.learners.example.org"),
            ingress(&format!("{namespace}.example.org")),
            ingress(&format!("{namespace}.learners.example.org.example.com")),
            of_nobody,
            of_all,
            of_another,
            annotated,
        ];
        for object in refused {
            let (code, message) = refusal(write(&learner, namespace, &object).await);
            assert!(code == 403 && message.contains("lectern-learners"), "{object}: {message}");
        }
        let elsewhere =
            object("v1", "Service", json!({"type": "ExternalName", "externalName": "lectern.example.org"}));
        let (code, message) = refusal(write(&learner, namespace, &elsewhere).await);
        assert!(code == 403 && message.contains("ExternalName"), "{message}");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_web_previews_a_learner_publishes_to_themselves_and_takes_no_others_host() -> Result<()> {
    let domain = Some("previews.example.org".to_owned());
    let settings = ClusterConfig { preview_domain: domain, ..ClusterConfig::default() };
    with_settings(settings, async |t| {
        let spec = spec();
        let learner = ready(t, &spec).await?;
        let namespace = &spec.names.namespace;
        let backend = json!({"service": {"name": "web", "port": {"number": 80}}});
        let mut everything = object(
            "networking.k8s.io/v1",
            "Ingress",
            json!({"ingressClassName": "lectern", "defaultBackend": backend}),
        );
        for host in ["web-N", "N-web", "N", "*.N"] {
            let host = format!("{}.previews.example.org", host.replace('N', namespace));
            write(&learner, namespace, &ingress(&host)).await.with_context(|| host)?;
        }
        write(&learner, namespace, &everything).await.context("a default backend of our own class")?;
        // another controller would serve it to everybody
        everything["spec"]["ingressClassName"] = json!("nginx");
        let mut foreign = ingress("somebody-else.previews.example.org");
        foreign["spec"]["ingressClassName"] = json!("lectern");
        for refused in [everything, foreign, ingress("lectern.example.org")] {
            let (code, message) = refusal(write(&learner, namespace, &refused).await);
            assert!(code == 403 && message.contains("lectern-learners"), "{refused}: {message}");
        }
        Ok(())
    })
    .await
}
