//! What the API server says against a lab's object, in words for people who know no Kubernetes.

use kube::core::Status;

use crate::cluster::Refusal;

/// What the API server says of an object that does not fit its kind's schema.
const NO_FIT: &str = "typed patch object";

/// Returns whether the API server refuses the object itself: it will not be accepted a moment later either.
pub(super) fn is_final(status: &Status) -> bool {
    match status.code {
        429 => false,
        // a webhook that does not answer is a part of the cluster that an operator added; what does not fit the schema
        // is answered like a fault of the API server's
        500.. => status.code == 500 && ["webhook", NO_FIT].iter().any(|words| status.message.contains(words)),
        _ => Refusal::of(status) != Refusal::NamespaceNotReady,
    }
}

/// Returns the reason, as the end of a sentence.
pub(super) fn reason(status: &Status) -> String {
    let contains = |words: &str| status.message.contains(words);
    match Refusal::of(status) {
        Refusal::MissingRight => "learners may not make such objects",
        Refusal::Escalation => "it gives more rights than a learner has",
        Refusal::Impersonation => "this platform may not make it in a learner's name",
        Refusal::OutOfBounds if contains("violates PodSecurity") => {
            "its pods ask for more than the session's security policy lets them"
        }
        Refusal::OutOfBounds => match status.message.split_once("denied request: ") {
            // the words of whoever wrote the policy, such as the platform's own
            Some((_, words)) => return words.trim_end_matches('.').to_owned(),
            None => "a rule of this cluster does not let it in",
        },
        Refusal::NamespaceNotReady => "the session's namespace was not ready in time",
        Refusal::Other if contains("exceeded quota") => "the session's quota has no room for it",
        Refusal::Other if contains(" usage per ") => {
            "its containers ask for more or less than the session's limits let them"
        }
        Refusal::Other if contains("webhook") => "a rule of this cluster does not let it in",
        Refusal::Other if contains(NO_FIT) => "it is not a valid object of its kind",
        Refusal::Other => return by_code(status),
    }
    .to_owned()
}

fn by_code(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let fields: Vec<&str> =
        causes.map(|cause| cause.field.as_str()).filter(|field| !field.is_empty()).take(3).collect();
    match (status.code, fields.is_empty()) {
        (422, false) => format!("it is not valid in {}", fields.join(", ")),
        (400 | 415 | 422, _) => "it is not a valid object of its kind".to_owned(),
        (404, _) => "something that it belongs to is not in this cluster".to_owned(),
        (409, _) => "there is one of this name, which is another's".to_owned(),
        (413, _) => "it is too large".to_owned(),
        _ => "this cluster does not accept it".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn status(code: u16, reason: &str, message: &str, details: serde_json::Value) -> Status {
        let status = json!({"status": "Failure", "reason": reason, "code": code, "message": message, "details": details});
        serde_json::from_value(status).unwrap()
    }

    #[test]
    fn a_refusal_is_told_in_plain_words() {
        let pods = json!({"kind": "pods"});
        for (code, why, message, details, told) in [
            (
                403,
                "Forbidden",
                r#"pods "x" is forbidden: exceeded quota: lectern-compute"#,
                pods.clone(),
                "the session's quota has no room for it",
            ),
            (
                403,
                "Forbidden",
                r#"pods "x" is forbidden: maximum memory usage per Container is 2Gi"#,
                pods.clone(),
                "its containers ask for more or less than the session's limits let them",
            ),
            (
                403,
                "Forbidden",
                r#"pods "x" is forbidden: violates PodSecurity "baseline:latest": hostPID"#,
                pods.clone(),
                "its pods ask for more than the session's security policy lets them",
            ),
            (
                403,
                "Forbidden",
                r#"services "x" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'a' denied request: node ports are not open here."#,
                pods.clone(),
                "node ports are not open here",
            ),
            (
                422,
                "Invalid",
                "Pod x is invalid",
                json!({"causes": [{"reason": "FieldValueRequired", "message": "m", "field": "spec.containers"}]}),
                "it is not valid in spec.containers",
            ),
            (
                500,
                "InternalError",
                "failed calling webhook \"a\"",
                json!({}),
                "a rule of this cluster does not let it in",
            ),
            (
                500,
                "",
                "failed to create typed patch object (a/b; v1, Kind=Pod): .spec.containers: expected list",
                json!({}),
                "it is not a valid object of its kind",
            ),
            (404, "NotFound", "not found", json!({}), "something that it belongs to is not in this cluster"),
        ] {
            let status = status(code, why, message, details);
            assert_eq!(reason(&status), told, "{message}");
            assert!(is_final(&status), "{message}");
        }
    }

    #[test]
    fn a_cluster_that_is_busy_is_asked_again() {
        for (code, message) in
            [(429, "too many"), (503, "down"), (504, "timeout"), (500, "etcdserver: leader changed")]
        {
            assert!(!is_final(&status(code, "X", message, json!({}))), "{message}");
        }
    }
}
