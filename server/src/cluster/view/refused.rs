//! The API server's refusals, in a plain sentence each.

use kube::core::Status;

use super::super::refusal::Refusal;
use super::object::ObjectError;

/// Converts what the API server answered about an object.
pub(super) fn of_status(status: Status, what: &str) -> ObjectError {
    match status.code {
        404 => ObjectError::NotFound(what.to_owned()),
        409 => ObjectError::Conflict { what: what.to_owned(), message: status.message },
        429 | 500.. => {
            let action = format!("ask for {what}");
            ObjectError::Cluster(super::super::ClusterError::of(kube::Error::Api(status.boxed()), &action))
        }
        _ => ObjectError::Refused { sentence: sentence(&status, what), message: status.message },
    }
}

/// Returns what a refusal means.
fn sentence(status: &Status, what: &str) -> String {
    let contains = |words: &str| status.message.contains(words);
    match Refusal::of(status) {
        Refusal::MissingRight | Refusal::Impersonation => {
            format!("You may not do this with {what} in this lab.")
        }
        Refusal::Escalation => "This would give away more rights than you have.".to_owned(),
        Refusal::OutOfBounds => "A security rule of this lab forbids it.".to_owned(),
        Refusal::NamespaceNotReady => "The namespace is not ready yet; try again in a moment.".to_owned(),
        Refusal::Other if contains("exceeded quota") => {
            "This does not fit into the session's quota.".to_owned()
        }
        Refusal::Other
            if contains("immutable") || contains("may not change fields") || contains("updates to ") =>
        {
            format!("This part of {what} cannot be changed once it exists: delete it and create it again.")
        }
        Refusal::Other => by_fields(status),
    }
}

fn by_fields(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let fields: Vec<&str> =
        causes.map(|cause| cause.field.as_str()).filter(|field| !field.is_empty()).take(3).collect();
    match fields.as_slice() {
        [] => "Kubernetes does not accept this.".to_owned(),
        fields => format!("Kubernetes does not accept what stands in {}.", fields.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(code: u16, reason: &str, message: &str, field: &str) -> String {
        let status = json!({
            "status": "Failure", "reason": reason, "code": code, "message": message,
            "details": {"kind": "pods", "causes": [{"field": field}]},
        });
        of_status(serde_json::from_value(status).unwrap(), "Pod web").to_string()
    }

    #[test]
    fn a_refusal_is_a_plain_sentence_and_kubernetes_own_words() {
        for (code, reason, message, field, sentence) in [
            (
                403,
                "Forbidden",
                r#"pods "web" is forbidden: User "u" cannot delete resource "pods" in API group """#,
                "",
                "You may not do this with Pod web in this lab.",
            ),
            (
                422,
                "Invalid",
                "Pod \"web\" is invalid: spec: Forbidden: pod updates may not change fields other than …",
                "spec",
                "This part of Pod web cannot be changed once it exists: delete it and create it again.",
            ),
            (
                422,
                "Invalid",
                "Deployment.apps \"web\" is invalid: spec.replicas: Invalid value: -1",
                "spec.replicas",
                "Kubernetes does not accept what stands in spec.replicas.",
            ),
            (400, "BadRequest", "illegal base64 data", "", "Kubernetes does not accept this."),
        ] {
            assert_eq!(told(code, reason, message, field), format!("{sentence} Kubernetes says: {message}"));
        }
        assert_eq!(told(404, "NotFound", "no", ""), "Pod web does not exist any more");
        assert!(told(409, "Conflict", "modified", "").contains("has changed since you opened it"));
    }
}
