use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod, Service};
use k8s_openapi::api::networking::v1::Ingress;
use serde_json::{Value, json};

use super::*;

fn event(reason: &str, message: &str) -> ClusterEvent {
    ClusterEvent {
        id: "Event/lab-x/e".to_owned(),
        namespace: "lab-x".to_owned(),
        about: "Pod/lab-x/web".to_owned(),
        is_warning: true,
        reason: reason.to_owned(),
        message: message.to_owned(),
        count: 1,
        last_at: None,
    }
}

fn pod(status: &Value) -> Pod {
    let pod = json!({
        "metadata": {"name": "web"},
        "spec": {"containers": [
            {"name": "main", "image": "httpd:2", "resources": {"limits": {"memory": "64Mi"}}},
        ]},
        "status": status,
    });
    serde_json::from_value(pod).unwrap()
}

/// A pod whose container is in this state.
fn container(state: &Value, last: &Value, restarts: i32) -> Pod {
    pod(&json!({"phase": "Running", "containerStatuses": [{
        "name": "main", "image": "httpd:2", "imageID": "", "ready": false, "restartCount": restarts,
        "state": state, "lastState": last,
    }]}))
}

fn waiting(reason: &str, message: &str) -> Pod {
    container(&json!({"waiting": {"reason": reason, "message": message}}), &Value::Null, 0)
}

#[track_caller]
fn says(found: &Condition, severity: Severity, word: &str, part: &str) {
    let cause = found.cause.as_deref().unwrap_or_default();
    assert_eq!((found.severity, found.word.as_str()), (severity, word), "{cause}");
    assert!(cause.contains(part), "{cause:?} does not say {part:?}");
    assert!(cause.is_empty() || cause.ends_with('.'), "{cause:?} is no sentence");
}

#[test]
fn an_image_that_cannot_be_pulled_says_why() {
    for (reason, message, part) in [
        (
            "ErrImagePull",
            r#"rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/library/httpd:2": failed to resolve reference "docker.io/library/httpd:2": docker.io/library/httpd:2: not found"#,
            "There is no image named httpd:2",
        ),
        (
            "ImagePullBackOff",
            r#"Back-off pulling image "httpd:2": ErrImagePull: rpc error: … pull access denied, repository does not exist or may require authorization"#,
            "The registry refused to give out the image httpd:2",
        ),
        (
            "ErrImagePull",
            r#"failed to do request: Head "https://nowhere.example/v2/": dial tcp: lookup nowhere.example: no such host"#,
            "cannot be reached",
        ),
        ("ErrImagePull", "unexpected status: 429 Too Many Requests", "no more images at the moment"),
        ("InvalidImageName", "couldn't parse image name", "cannot be the name of an image"),
        ("ErrImageNeverPull", "", "says never to pull it"),
        ("ErrImagePull", "something\nnew", "cannot be pulled: something new."),
    ] {
        says(&of_pod(&waiting(reason, message), &[]), Severity::Bad, reason, part);
    }
}

#[test]
fn while_an_image_waits_for_the_next_try_its_event_says_why() {
    let failed = event("Failed", r#"Failed to pull image "httpd:2": not found"#);
    let pod = waiting("ImagePullBackOff", r#"Back-off pulling image "httpd:2""#);
    says(&of_pod(&pod, &[&failed]), Severity::Bad, "ImagePullBackOff", "There is no image named httpd:2");
}

#[test]
fn a_container_that_ends_again_and_again_says_how_often_and_how() {
    let state = json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}});
    for (last, restarts, part) in [
        (
            json!({"terminated": {"exitCode": 1, "reason": "Error"}}),
            3,
            "It started and ended 4 times; the last time with exit code 1: look at its log.",
        ),
        (
            json!({"terminated": {"exitCode": 0, "reason": "Completed"}}),
            1,
            "It started and ended 2 times, each time without an error",
        ),
        (
            json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
            2,
            "more memory than its limit of 64Mi",
        ),
        (
            json!({"terminated": {"exitCode": 127}}),
            0,
            "ended once; the last time its command was not found (exit code 127)",
        ),
        (Value::Null, 1, "look at its log"),
    ] {
        says(&of_pod(&container(&state, &last, restarts), &[]), Severity::Bad, "CrashLoopBackOff", part);
    }
}

#[test]
fn a_container_that_lacks_something_names_it() {
    for (reason, message, part) in [
        (
            "CreateContainerConfigError",
            r#"configmap "settings" not found"#,
            "It needs the ConfigMap settings",
        ),
        ("CreateContainerConfigError", r#"secret "password" not found"#, "It needs the Secret password"),
        (
            "CreateContainerConfigError",
            "couldn't find key color in ConfigMap lab-x/settings",
            "the key color of the ConfigMap settings",
        ),
        (
            "CreateContainerConfigError",
            "container has runAsNonRoot and image will run as root (pod: …)",
            "Its image httpd:2 runs as root",
        ),
        (
            "RunContainerError",
            r#"exec: "serve": executable file not found in $PATH: unknown"#,
            "Its image contains no program named serve",
        ),
        ("CreateContainerError", "something new", "cannot be started (CreateContainerError): something new."),
    ] {
        says(&of_pod(&waiting(reason, message), &[]), Severity::Bad, reason, part);
    }
    let mount =
        event("FailedMount", r#"MountVolume.SetUp failed for volume "v" : configmap "pages" not found"#);
    let found = of_pod(&waiting("ContainerCreating", ""), &[&mount]);
    says(&found, Severity::Warning, "ContainerCreating", "It waits for the ConfigMap pages");
}

#[test]
fn a_pod_that_no_node_takes_says_what_is_missing() {
    for (message, part) in [
        ("0/1 nodes are available: 1 Insufficient cpu. preemption: …", "more CPU than is free"),
        ("0/1 nodes are available: 1 Insufficient memory.", "more memory than is free"),
        (
            "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.",
            "not bound to a volume yet",
        ),
        (
            r#"0/1 nodes are available: persistentvolumeclaim "data" not found."#,
            "the volume claim data, which does not exist",
        ),
        (
            "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector.",
            "the labels that it asks for",
        ),
        ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "no nvidia.com/gpu is free"),
        ("0/1 nodes are available: something new", "No node takes it: 0/1 nodes"),
    ] {
        let pod = pod(&json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
        ]}));
        says(&of_pod(&pod, &[]), Severity::Bad, "Pending", part);
    }
}

#[test]
fn a_probe_that_fails_says_which_and_what_follows() {
    let running = |restarts| container(&json!({"running": {"startedAt": null}}), &Value::Null, restarts);
    let readiness =
        event("Unhealthy", "Readiness probe failed: Get \"http://10.0.0.1:80/\": connection refused");
    says(
        &of_pod(&running(0), &[&readiness]),
        Severity::Warning,
        "Not ready",
        "Its readiness probe fails, so it gets no traffic: Get",
    );
    let liveness = event("Unhealthy", "Liveness probe failed: HTTP probe failed with statuscode: 500");
    says(
        &of_pod(&running(2), &[&liveness]),
        Severity::Bad,
        "Not ready",
        "started again and again: HTTP probe failed with statuscode: 500.",
    );
    says(&of_pod(&running(0), &[]), Severity::Working, "Not ready", "");
}

#[test]
fn a_pod_that_is_well_or_over_says_no_more_than_that() {
    let mut well = container(&json!({"running": {}}), &Value::Null, 0);
    well.status.as_mut().unwrap().container_statuses.as_mut().unwrap()[0].ready = true;
    assert_eq!(of_pod(&well, &[]), good("Running"));
    says(&of_pod(&pod(&json!({"phase": "Succeeded"})), &[]), Severity::Over, "Completed", "");
    assert_eq!(of_pod(&pod(&json!({})), &[]), working("Pending"));
    assert_eq!(of_pod(&Pod::default(), &[]), working("Pending"));
    let deleted = json!({"metadata": {"name": "web", "deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"phase": "Running"}});
    assert_eq!(of_pod(&serde_json::from_value(deleted).unwrap(), &[]), working("Terminating"));
    let evicted = pod(
        &json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
    );
    says(&of_pod(&evicted, &[]), Severity::Bad, "Evicted", "The node was low on resource: memory.");
}

#[test]
fn one_that_was_killed_for_its_memory_says_so_while_it_runs_again() {
    let killed = container(
        &json!({"running": {}}),
        &json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
        1,
    );
    says(&of_pod(&killed, &[]), Severity::Warning, "Running", "more memory than its limit of 64Mi");
}

const QUOTA: &str = r#"pods "web-5d4" is forbidden: exceeded quota: lectern-compute, requested: limits.cpu=2,limits.memory=1Gi, used: limits.cpu=1,limits.memory=512Mi, limited: limits.cpu=2,limits.memory=1Gi"#;

#[test]
fn pods_that_are_refused_say_for_which_reason() {
    let missing = PodCounts { wanted: 2, current: 0, ready: 0, updated: 0 };
    let told = |message: &str| of_workload(missing, None, &[&event("FailedCreate", message)], &[]);
    says(
        &told(QUOTA),
        Severity::Bad,
        "Pods refused",
        "(CPU: it asks for 2, 1 of 2 are in use; memory: it asks for 1Gi, 512Mi of 1Gi are in use)",
    );
    for (message, part) in [
        (
            r#"pods "w" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "a" must set securityContext.allowPrivilegeEscalation=false)"#,
            "security rules do not allow what they ask for: allowPrivilegeEscalation != false",
        ),
        (
            r#"pods "w" is forbidden: error looking up service account lab-x/robot: serviceaccount "robot" not found"#,
            "the service account robot, which does not exist",
        ),
        (
            r#"pods "w" is forbidden: maximum memory usage per Container is 1Gi, but limit is 4Gi"#,
            "outside of the limits of this namespace: maximum memory usage per Container is 1Gi",
        ),
        (
            r#"pods "w" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no host ports"#,
            "a rule of this platform: no host ports.",
        ),
        ("something new", "cannot be created: something new."),
    ] {
        says(&told(message), Severity::Bad, "Pods refused", part);
    }
    // an old refusal means nothing once the pods are there
    let there = PodCounts { wanted: 1, current: 1, ready: 1, updated: 1 };
    assert_eq!(of_workload(there, None, &[&event("FailedCreate", QUOTA)], &[]), good("Running"));
    // the status of a deployment says it, too
    says(&of_workload(missing, Some(QUOTA), &[], &[]), Severity::Bad, "Pods refused", "quota");
}

#[test]
fn a_workload_says_what_its_worst_pod_says() {
    let counts = PodCounts { wanted: 2, current: 2, ready: 1, updated: 2 };
    let (well, ill) =
        (good("Running"), condition(Severity::Bad, "ErrImagePull", "There is no image.".to_owned()));
    let found = of_workload(counts, None, &[], &[("web-a", &well), ("web-b", &ill)]);
    says(&found, Severity::Warning, "ErrImagePull", "Pod web-b: There is no image.");
    let none = PodCounts { ready: 0, ..counts };
    assert_eq!(of_workload(none, None, &[], &[("web-b", &ill)]).severity, Severity::Bad);
    assert_eq!(of_workload(none, None, &[], &[]), working("Starting"));
    assert_eq!(of_workload(PodCounts::default(), None, &[], &[]), good("Scaled to 0"));
}

#[test]
fn jobs_say_whether_they_got_done() {
    let job = |status: Value| -> Job {
        serde_json::from_value(json!({"metadata": {"name": "j"}, "status": status})).unwrap()
    };
    let met = |kind: &str, reason: &str| json!({"conditions": [{"type": kind, "status": "True", "reason": reason}], "failed": 3});
    says(&of_job(&job(met("Complete", "")), &[], &[]), Severity::Over, "Completed", "");
    let gave_up = job(met("Failed", "BackoffLimitExceeded"));
    let ill =
        condition(Severity::Bad, "Error", "It ended with exit code 1: look at the log of main.".to_owned());
    says(
        &of_job(&gave_up, &[], &[("j-1", &ill)]),
        Severity::Bad,
        "Failed",
        "Its pods failed 3 times, so it gave up. It ended with exit code 1",
    );
    says(
        &of_job(&job(json!({})), &[&event("FailedCreate", QUOTA)], &[]),
        Severity::Bad,
        "Pods refused",
        "quota",
    );
    assert_eq!(of_job(&job(json!({"active": 1})), &[], &[]), working("Running"));
    let suspended: CronJob = serde_json::from_value(
        json!({"metadata": {}, "spec": {"suspend": true, "schedule": "* * * * *", "jobTemplate": {}}}),
    )
    .unwrap();
    assert_eq!(of_cron_job(&suspended, &[]), good("Suspended"));
}

#[test]
fn a_service_behind_which_nobody_answers_says_so() {
    let service: Service =
        serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": {"selector": {"app": "web"}}}))
            .unwrap();
    let of = |pods, ready| of_service(&service, Some(Backing { pods, ready }));
    says(&of(0, 0), Severity::Warning, "No pods", "no pod has the labels that it selects (app=web).");
    says(&of(1, 0), Severity::Warning, "No endpoints", "its only pod is ready".trim_end_matches("ready"));
    assert_eq!(of(2, 1), good("Available"));
    assert_eq!(of_service(&service, None), good("Available"));
    let ingress: Ingress = serde_json::from_value(json!({"metadata": {"name": "web"}, "spec": {"rules": [{"http": {"paths": [
        {"path": "/shop", "pathType": "Prefix", "backend": {"service": {"name": "shop", "port": {"number": 80}}}},
    ]}}]}})).unwrap();
    says(
        &of_ingress(&ingress, |_| None),
        Severity::Warning,
        "No service",
        "Its path /shop leads to the service shop, which does not exist.",
    );
    says(
        &of_ingress(&ingress, |_| Some(Backing::default())),
        Severity::Warning,
        "No endpoints",
        "no pod is ready",
    );
    assert_eq!(of_ingress(&ingress, |_| Some(Backing { pods: 1, ready: 1 })), good("Available"));
}

#[test]
fn a_claim_without_a_volume_says_why() {
    let claim = |phase: &str| -> PersistentVolumeClaim {
        serde_json::from_value(json!({"metadata": {"name": "data"}, "status": {"phase": phase}})).unwrap()
    };
    let pending = claim("Pending");
    let told = |reason: &str, message: &str| of_claim(&pending, &[&event(reason, message)]);
    says(
        &told("ProvisioningFailed", r#"storageclass.storage.k8s.io "fast" not found"#),
        Severity::Bad,
        "Pending",
        "There is no storage class fast.",
    );
    says(
        &told("FailedBinding", "no persistent volumes available for this claim and no storage class is set"),
        Severity::Bad,
        "Pending",
        "It names no storage class",
    );
    says(&told("WaitForFirstConsumer", "waiting"), Severity::Working, "Pending", "as soon as a pod uses it");
    assert_eq!(of_claim(&claim("Bound"), &[]), good("Bound"));
    says(&of_claim(&claim("Lost"), &[]), Severity::Bad, "Lost", "is gone.");
}

#[test]
fn a_quotation_is_one_line_and_not_endless() {
    assert_eq!(quoted("a\n  b."), "a b.");
    assert!(quoted(&"ä".repeat(1000)).chars().count() <= LONGEST_QUOTATION + 2);
    assert_eq!(quoted(" "), "no reason was given.");
}
