//! Telling the API server's refusals apart.
//!
//! Authorization, quotas, Pod Security and admission policies all answer 403 with the reason `Forbidden` and the same
//! `details`; only the message says which of them refused. So messages are matched here and nowhere else, and only
//! after the structured fields have been checked.

use kube::core::Status;

/// The resources that are named when acting as somebody else is refused.
const IDENTITIES: [&str; 5] = ["users", "groups", "serviceaccounts", "uids", "userextras"];

/// Why the API server refused a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The account that asked lacks a right.
    MissingRight,
    /// The account that asked may not act as another one.
    Impersonation,
    /// The request would give somebody rights that the account itself does not have.
    Escalation,
    /// Pod Security or an admission policy forbids the object.
    OutOfBounds,
    /// Kubernetes' controllers have not set up the namespace yet: it accepts no pod before its service account
    /// exists, and nothing that a quota counts before the quota's first count.
    NamespaceNotReady,
    /// Anything else, such as an exceeded quota or an invalid object.
    Other,
}

impl Refusal {
    /// Returns why a request was refused.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        if !status.is_forbidden() {
            return Self::Other;
        }
        let kind = status.details.as_ref().map_or("", |details| details.kind.as_str());
        let contains = |words: &str| status.message.contains(words);
        if contains("\" cannot impersonate resource \"") && IDENTITIES.contains(&kind) {
            Self::Impersonation
        } else if contains("\" cannot ") && contains(" resource \"") {
            Self::MissingRight
        } else if contains("attempting to grant RBAC permissions") {
            Self::Escalation
        } else if contains("ValidatingAdmissionPolicy") || contains("violates PodSecurity") {
            Self::OutOfBounds
        } else if contains("serviceaccount \"default\" not found") || contains("status unknown for quota") {
            Self::NamespaceNotReady
        } else {
            Self::Other
        }
    }

    /// Returns whether the refusal is about the rights of whoever asked. The API server may learn of new rights late.
    #[must_use]
    pub fn is_about_rights(self) -> bool {
        matches!(self, Self::MissingRight | Self::Escalation)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(kind: &str, message: &str) -> Refusal {
        let status = json!({
            "status": "Failure", "reason": "Forbidden", "code": 403, "message": message, "details": {"kind": kind},
        });
        Refusal::of(&serde_json::from_value(status).unwrap())
    }

    #[test]
    fn a_missing_right_is_told_from_what_admission_refuses() {
        for (kind, message, expected) in [
            (
                "namespaces",
                r#"namespaces "x" is forbidden: User "u" cannot patch resource "namespaces" in API group """#,
                Refusal::MissingRight,
            ),
            (
                "serviceaccounts",
                r#"serviceaccounts "x" is forbidden: User "u" cannot impersonate resource "serviceaccounts" in API group """#,
                Refusal::Impersonation,
            ),
            (
                "rolebindings",
                r#"rolebindings.rbac.authorization.k8s.io "x" is forbidden: user "u" is attempting to grant RBAC permissions not currently held"#,
                Refusal::Escalation,
            ),
            ("pods", r#"pods "x" is forbidden: exceeded quota: requests.cpu"#, Refusal::Other),
            (
                "pods",
                r#"pods "x" is forbidden: violates PodSecurity "restricted:latest""#,
                Refusal::OutOfBounds,
            ),
            (
                "configmaps",
                r#"configmaps "x" is forbidden: ValidatingAdmissionPolicy 'a' with binding 'a' denied request: no"#,
                Refusal::OutOfBounds,
            ),
            (
                "pods",
                r#"pods "x" is forbidden: error looking up service account n/default: serviceaccount "default" not found"#,
                Refusal::NamespaceNotReady,
            ),
            ("pods", r#"pods "x" is forbidden: status unknown for quota: q"#, Refusal::NamespaceNotReady),
        ] {
            assert_eq!(refusal(kind, message), expected, "{message}");
        }
    }

    #[test]
    fn words_alone_decide_nothing() {
        let status = Status::failure(r#"User "u" cannot patch resource "pods""#, "Invalid").with_code(422);
        assert_eq!(Refusal::of(&status), Refusal::Other);
    }
}
