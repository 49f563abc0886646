//! `session`: namespaces, environment, objects, tabs and ports.

use super::Reader;
use crate::rules::Rule;
use crate::spec::{
    Budget, Dashboard, Egress, Ingress, LimitRange, NamespaceRole, Namespaces, SecondaryNamespace,
    SecurityPolicy, SessionResources, SessionSpec,
};
use crate::yaml::{Data, Fields, Node};

impl Reader {
    pub(super) fn session(&mut self, spec: &Fields<'_>) -> SessionSpec {
        let session = spec.child("session", &mut self.findings);
        let resources = session.child("resources", &mut self.findings);
        let env = session.children("env", &mut self.findings);
        SessionSpec {
            namespaces: self.namespaces(&session),
            resources: SessionResources {
                memory: self.text(&resources, "memory"),
                storage: self.text(&resources, "storage"),
            },
            env: self.env(&env),
            env_references: self.env_references(&session, &env),
            objects: self.objects(&session),
            patches: session.node("patches").map(Node::to_json),
            dashboards: self.dashboards(&session),
            ingresses: self.ingresses(&session),
            applications: self.applications(&session),
            egress: self.egress(&session),
        }
    }

    fn env(&mut self, entries: &[Fields<'_>]) -> Vec<(String, String)> {
        entries
            .iter()
            .filter_map(|entry| {
                let name = self.text(entry, "name")?;
                match self.text(entry, "value") {
                    Some(value) => Some((name, value)),
                    // its value stands elsewhere: an empty one would be wrong
                    None if entry.node("valueFrom").is_some() => None,
                    None => Some((name, String::new())),
                }
            })
            .collect()
    }

    fn dashboards(&mut self, session: &Fields<'_>) -> Vec<Dashboard> {
        let entries = session.children("dashboards", &mut self.findings);
        entries
            .iter()
            .filter_map(|entry| {
                Some(Dashboard { name: self.text(entry, "name")?, url: self.text(entry, "url")? })
            })
            .collect()
    }

    fn ingresses(&mut self, session: &Fields<'_>) -> Vec<Ingress> {
        let entries = session.children("ingresses", &mut self.findings);
        entries
            .iter()
            .filter_map(|entry| {
                let name = self.text(entry, "name")?;
                let (host, protocol) = (self.text(entry, "host"), self.text(entry, "protocol"));
                let port = match entry.node("port") {
                    Some(_) => Some(self.port(entry, &name)?),
                    None => None,
                };
                Some(Ingress { name, host, protocol, port })
            })
            .collect()
    }

    /// Reads the port of an ingress. Without a good one the ingress leads nowhere and is left out.
    fn port(&mut self, entry: &Fields<'_>, name: &str) -> Option<u16> {
        let port = entry.whole("port", &mut self.findings)?;
        let fitting = u16::try_from(port).ok().filter(|port| *port > 0);
        if fitting.is_none() {
            self.complain(
                entry,
                "port",
                Rule::BadPort,
                format!("`port` cannot be {port}; the ingress `{name}` is left out"),
                "it is a number from 1 to 65535".to_owned(),
            );
        }
        fitting
    }

    /// Reads what the session may reach. Who misspells it wants less than everything, and gets nothing.
    fn egress(&mut self, session: &Fields<'_>) -> Option<Egress> {
        session.node("egress")?;
        Some(self.word(session, "egress", EGRESS, "sessions reach nothing outside").unwrap_or(Egress::None))
    }

    /// Reads rights in addition to the role's. The original platform's mapping of that name switches rules of its policy
    /// engine off, of which there are none here.
    fn rules(&mut self, security: &Fields<'_>) -> Vec<serde_json::Value> {
        match security.node("rules") {
            Some(node) if matches!(node.data, Data::Map(_)) => {
                let fields = security.child("rules", &mut self.findings);
                self.text(&fields, "action");
                fields.texts("exclude", &mut self.findings);
                Vec::new()
            }
            _ => security.list("rules", &mut self.findings).iter().map(Node::to_json).collect(),
        }
    }

    fn namespaces(&mut self, session: &Fields<'_>) -> Namespaces {
        // v1alpha1 had the first namespace's fields in `session` itself, and a list of further ones
        let listed = session.node("namespaces").is_some_and(|node| matches!(node.data, Data::List(_)));
        let own = if listed { None } else { session.node("namespaces") };
        let fields = Fields::new(own, "spec.session.namespaces", &mut self.findings);
        let security = fields.child("security", &mut self.findings);
        let session_security = session.child("security", &mut self.findings);
        let token = security.child("token", &mut self.findings);
        let secondary = if listed {
            session.children("namespaces", &mut self.findings)
        } else {
            fields.children("secondary", &mut self.findings)
        };
        let mut out = Namespaces {
            role: self.role(&fields).or_else(|| self.role(session)).unwrap_or_default(),
            budget: self.budget(&fields).or_else(|| self.budget(session)).flatten(),
            limits: self.limits(&fields).or_else(|| self.limits(session)).unwrap_or_default(),
            policy: self.policy(&security).or_else(|| self.policy(&session_security)),
            token_enabled: self.flag(&token, "enabled").unwrap_or(true),
            rules: self.rules(&security),
            secondary: Vec::new(),
        };
        out.secondary = secondary.iter().filter_map(|entry| self.secondary(entry, &out)).collect();
        out
    }

    /// Reads a further namespace. Fields that it leaves out are those of the first.
    fn secondary(&mut self, entry: &Fields<'_>, first: &Namespaces) -> Option<SecondaryNamespace> {
        let security = entry.child("security", &mut self.findings);
        Some(SecondaryNamespace {
            name: self.text(entry, "name")?,
            role: self.role(entry).unwrap_or(first.role),
            budget: self.budget(entry).unwrap_or(first.budget),
            limits: self.limits(entry).unwrap_or_else(|| first.limits.clone()),
            policy: self.policy(&security),
        })
    }

    /// Reads the role. A word that is none gives the least.
    fn role(&mut self, fields: &Fields<'_>) -> Option<NamespaceRole> {
        fields.node("role")?;
        Some(self.word(fields, "role", ROLES, "learners get `view`").unwrap_or(NamespaceRole::View))
    }

    /// Returns `Some(None)` for the word `default`, and for a word that is none.
    fn budget(&mut self, fields: &Fields<'_>) -> Option<Option<Budget>> {
        fields.node("budget")?;
        Some(self.word(fields, "budget", BUDGETS, "the lab gets `default`").flatten())
    }

    fn policy(&mut self, fields: &Fields<'_>) -> Option<SecurityPolicy> {
        self.word(fields, "policy", POLICIES, "the lab gets `baseline`")
    }

    fn limits(&mut self, fields: &Fields<'_>) -> Option<LimitRange> {
        fields.node("limits")?;
        let limits = fields.child("limits", &mut self.findings);
        let json = |key| limits.node(key).map(Node::to_json);
        Some(LimitRange {
            min: json("min"),
            max: json("max"),
            default_request: json("defaultRequest"),
            default: json("default"),
        })
    }
}

const EGRESS: &[(&str, Egress)] =
    &[("none", Egress::None), ("dns", Egress::Dns), ("internet", Egress::Internet)];

const ROLES: &[(&str, NamespaceRole)] = &[
    ("admin", NamespaceRole::Admin),
    ("edit", NamespaceRole::Edit),
    ("view", NamespaceRole::View),
    ("custom", NamespaceRole::Custom),
];

const BUDGETS: &[(&str, Option<Budget>)] = &[
    ("default", None),
    ("small", Some(Budget::Small)),
    ("medium", Some(Budget::Medium)),
    ("large", Some(Budget::Large)),
    ("x-large", Some(Budget::XLarge)),
    ("xx-large", Some(Budget::XxLarge)),
    ("xxx-large", Some(Budget::XxxLarge)),
    ("custom", Some(Budget::Custom)),
];

/// The current names, then those of older releases. `custom` named a policy that the author installed beside the lab;
/// who needs more than baseline says `privileged`.
const POLICIES: &[(&str, SecurityPolicy)] = &[
    ("restricted", SecurityPolicy::Restricted),
    ("baseline", SecurityPolicy::Baseline),
    ("privileged", SecurityPolicy::Privileged),
    ("nonroot", SecurityPolicy::Restricted),
    ("anyuid", SecurityPolicy::Baseline),
    ("custom", SecurityPolicy::Baseline),
];
