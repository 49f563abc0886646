//! At the API server, with their own kubeconfig: objects that go beyond what a learner may have.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::Outcome;
use crate::hostile::mallory::{Mallory, pod};

/// How long it may take until what was deleted is there again.
const BACK_WITHIN: Duration = Duration::from_secs(30);

/// An object: the API's path, the kind's plural, and its contents.
type Wish = (&'static str, &'static str, &'static str, Value);

/// Asks for each; the names of those that were made.
async fn made_of(mallory: &Mallory, wishes: Vec<Wish>) -> Result<Vec<String>> {
    let mut made = vec![];
    for (what, group, kind, object) in wishes {
        if mallory.create(group, kind, &object).await?.0 < 300 {
            made.push(what.to_owned());
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            let path = format!("{group}/namespaces/{}/{kind}/{name}", mallory.namespace());
            mallory.ask("DELETE", &path, None).await?;
        }
    }
    Ok(made)
}

fn policy(what: &'static str, spec: Value) -> Wish {
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "wide" }, "spec": spec,
    });
    (what, "/apis/networking.k8s.io/v1", "networkpolicies", object)
}

fn service(what: &'static str, spec: Value) -> Wish {
    let object =
        json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "wide" }, "spec": spec });
    (what, "/api/v1", "services", object)
}

fn ingress(what: &'static str, host: Option<&str>) -> Wish {
    let backend = json!({ "service": { "name": "web", "port": { "number": 80 } } });
    let rule = json!({ "host": host, "http": { "paths": [{ "path": "/sign-in", "pathType": "Prefix", "backend": backend }] } });
    let object = json!({
        "apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": { "name": "wide" },
        "spec": { "rules": [rule] },
    });
    (what, "/apis/networking.k8s.io/v1", "ingresses", object)
}

/// Opens more than the platform does.
pub async fn widen(mallory: &Mallory) -> Result<Outcome> {
    let port = json!([{ "port": 80 }]);
    let wishes = vec![
        policy("egress to everywhere", json!({ "podSelector": {}, "egress": [{}] })),
        policy(
            "egress to port 53 everywhere",
            json!({ "podSelector": {}, "egress": [{ "ports": [{ "port": 53, "protocol": "UDP" }] }] }),
        ),
        policy(
            "egress to a private range",
            json!({ "podSelector": {}, "egress": [{ "to": [{ "ipBlock": { "cidr": "10.0.0.0/8" } }] }] }),
        ),
        policy(
            "egress to other namespaces",
            json!({ "podSelector": {}, "egress": [{ "to": [{ "namespaceSelector": {} }] }] }),
        ),
        policy("ingress from everywhere", json!({ "podSelector": {}, "ingress": [{}] })),
        policy(
            "ingress from any address",
            json!({ "podSelector": {}, "ingress": [{ "from": [{ "ipBlock": { "cidr": "0.0.0.0/0" } }] }] }),
        ),
        policy(
            "ingress from other namespaces",
            json!({ "podSelector": {}, "ingress": [{ "from": [{ "namespaceSelector": {} }] }] }),
        ),
        service(
            "a port of the nodes",
            json!({ "type": "NodePort", "ports": port, "selector": { "app": "web" } }),
        ),
        service(
            "a load balancer",
            json!({ "type": "LoadBalancer", "ports": port, "selector": { "app": "web" } }),
        ),
        service(
            "an external address",
            json!({ "ports": port, "externalIPs": ["10.83.0.1"], "selector": { "app": "web" } }),
        ),
        ingress("an ingress for every host", None),
        ingress("an ingress for another's host", Some("lectern.example.org")),
    ];
    let asked = wishes.len();
    let made = made_of(mallory, wishes).await?;
    // what labs need is still there to be had
    let usual = vec![
        policy(
            "ingress between their own pods",
            json!({ "podSelector": {}, "ingress": [{ "from": [{ "podSelector": {} }] }] }),
        ),
        service("a service of the cluster", json!({ "ports": port, "selector": { "app": "web" } })),
    ];
    let wanted = usual.len();
    let usual = made_of(mallory, usual).await?;
    Ok(verdict(asked, &made, usual.len() == wanted))
}

fn verdict(asked: usize, made: &[String], usual: bool) -> Outcome {
    match (made, usual) {
        ([], true) => Outcome::Held(format!("all {asked} were refused, and what labs need was not")),
        ([], false) => Outcome::Broke("what labs need is refused, too".to_owned()),
        (made, _) => Outcome::Broke(format!("accepted: {}", made.join(", "))),
    }
}

fn podlike(what: &'static str, change: impl FnOnce(&mut Value)) -> Wish {
    let mut object = pod("escape", "sleep 600");
    change(&mut object["spec"]);
    (what, "/api/v1", "pods", object)
}

fn mounting(what: &'static str, source: Value) -> Wish {
    podlike(what, |spec| {
        let mut volume = source;
        volume["name"] = json!("v");
        spec["volumes"] = json!([volume]);
        spec["containers"][0]["volumeMounts"] = json!([{ "name": "v", "mountPath": "/v" }]);
    })
}

/// Gets out of the pod, or before others.
pub async fn escape(mallory: &Mallory) -> Result<Outcome> {
    let context = |spec: &mut Value, context: Value| spec["containers"][0]["securityContext"] = context;
    let wishes = vec![
        podlike("a privileged pod", |spec| context(spec, json!({ "privileged": true }))),
        podlike("NET_ADMIN", |spec| context(spec, json!({ "capabilities": { "add": ["NET_ADMIN"] } }))),
        podlike("NET_RAW", |spec| context(spec, json!({ "capabilities": { "add": ["NET_RAW"] } }))),
        podlike("no seccomp", |spec| context(spec, json!({ "seccompProfile": { "type": "Unconfined" } }))),
        podlike("the node's network", |spec| spec["hostNetwork"] = json!(true)),
        podlike("the node's processes", |spec| spec["hostPID"] = json!(true)),
        podlike("a port of the node", |spec| {
            spec["containers"][0]["ports"] = json!([{ "containerPort": 80, "hostPort": 8080 }]);
        }),
        podlike("system-node-critical", |spec| spec["priorityClassName"] = json!("system-node-critical")),
        podlike("system-cluster-critical", |spec| {
            spec["priorityClassName"] = json!("system-cluster-critical");
        }),
        podlike("every taint tolerated", |spec| spec["tolerations"] = json!([{ "operator": "Exists" }])),
        mounting("the node's root", json!({ "hostPath": { "path": "/" } })),
        mounting("NFS", json!({ "nfs": { "server": "10.0.0.1", "path": "/" } })),
        mounting(
            "iSCSI",
            json!({ "iscsi": { "targetPortal": "10.0.0.1:3260", "iqn": "iqn.2001-04.org.example:a", "lun": 0 } }),
        ),
        mounting("CephFS", json!({ "cephfs": { "monitors": ["10.0.0.1:6789"] } })),
        mounting("RBD", json!({ "rbd": { "monitors": ["10.0.0.1:6789"], "image": "a" } })),
    ];
    let asked = wishes.len();
    let made = made_of(mallory, wishes).await?;
    let usual =
        vec![podlike("an ordinary pod", |_| {}), mounting("a folder of its own", json!({ "emptyDir": {} }))];
    let usual = made_of(mallory, usual).await?.len() == 2;
    // a deployment is taken, but its pods are asked for by somebody else
    let template = pod("crowd", "sleep 600");
    let mut spec = template["spec"].clone();
    spec["priorityClassName"] = json!("system-node-critical");
    let crowd = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "crowd" },
        "spec": {
            "replicas": 2, "selector": { "matchLabels": { "app": "crowd" } },
            "template": { "metadata": template["metadata"].clone(), "spec": spec },
        },
    });
    mallory.create("/apis/apps/v1", "deployments", &crowd).await?;
    tokio::time::sleep(Duration::from_secs(8)).await;
    let pods = mallory.kubectl.run(&["get", "pods", "-l", "app=crowd", "-o", "name"]).await?;
    if !pods.is_empty() {
        return Ok(Outcome::Broke(format!("a deployment brought critical pods: {pods}")));
    }
    Ok(verdict(asked, &made, usual))
}

/// Looks at and reaches into what is somebody else's.
pub async fn neighbours(mallory: &Mallory) -> Result<Outcome> {
    let own = mallory.namespace();
    let mut attempts: Vec<(&str, String, Option<Value>)> = vec![];
    let others = mallory.neighbour_namespaces.iter().chain([&mallory.workbenches]);
    for other in others.map(String::as_str).chain(["kube-system", "default"]) {
        for kind in ["pods", "secrets", "configmaps", "serviceaccounts", "events"] {
            attempts.push(("GET", format!("/api/v1/namespaces/{other}/{kind}"), None));
        }
        let victim = pod("visitor", "sleep 600");
        attempts.push(("POST", format!("/api/v1/namespaces/{other}/pods"), Some(victim)));
        let token = json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {} });
        let account = format!("/api/v1/namespaces/{other}/serviceaccounts/default/token");
        attempts.push(("POST", account, Some(token)));
    }
    for pod in &mallory.neighbour_pods {
        let path = format!("/api/v1/namespaces/{}/pods/{pod}", mallory.workbenches);
        attempts.push(("GET", path.clone(), None));
        attempts.push(("DELETE", path, None));
    }
    for kind in [
        "/api/v1/namespaces",
        "/api/v1/nodes",
        "/api/v1/secrets",
        "/api/v1/pods",
        "/api/v1/persistentvolumes",
    ] {
        attempts.push(("GET", kind.to_owned(), None));
    }
    let open = json!({ "metadata": { "labels": { "pod-security.kubernetes.io/enforce": "privileged" } } });
    attempts.push(("PATCH", format!("/api/v1/namespaces/{own}"), Some(open)));
    attempts.push(("DELETE", format!("/api/v1/namespaces/{own}"), None));
    attempts.push((
        "PATCH",
        format!("/api/v1/namespaces/{own}/resourcequotas/lectern-objects"),
        Some(json!({ "spec": { "hard": null } })),
    ));
    let mut got = vec![];
    for (method, path, body) in &attempts {
        let status = mallory.ask(method, path, body.as_ref()).await?.0;
        if status < 400 {
            got.push(format!("{method} {path}"));
        }
    }
    Ok(match got.is_empty() {
        true => Outcome::Held(format!("all {} requests were refused", attempts.len())),
        false => Outcome::Broke(format!("answered: {}", got.join(", "))),
    })
}

/// Deletes what lets them in and what keeps them in bounds; all of it must be there again.
pub async fn self_harm(mallory: &Mallory) -> Result<Outcome> {
    let kinds = [
        "serviceaccounts",
        "rolebindings",
        "roles",
        "networkpolicies",
        "resourcequotas",
        "limitranges",
        "secrets",
    ];
    let bounds = "networkpolicies,resourcequotas,limitranges";
    let list = async || mallory.operator.run(&["get", bounds, "-n", mallory.namespace(), "-o", "name"]).await;
    let before = list().await?;
    for kind in kinds {
        // refused is as good as put back
        let _ = mallory.kubectl.run(&["delete", kind, "--all", "--wait=false"]).await;
    }
    let began = Instant::now();
    loop {
        let works = mallory.run("kubectl auth can-i create pods -q && kubectl get pods", BACK_WITHIN).await?;
        let after = list().await?;
        if works.status == 0 && after == before {
            let took = began.elapsed().as_secs_f64();
            return Ok(Outcome::Held(format!(
                "after {took:.1} s they could work again, with the same bounds"
            )));
        }
        if began.elapsed() > BACK_WITHIN {
            return Ok(Outcome::Broke(format!(
                "after {} s kubectl says {:?}; bounds before: {before:?}, now: {after:?}",
                BACK_WITHIN.as_secs(),
                works.text
            )));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
