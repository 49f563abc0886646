//! Reading the Workshop resource: v1beta1 of Educates, v1alpha2 and v1alpha1 before it.

use std::collections::BTreeMap;

use super::{
    Applications, Budget, Console, Dashboard, Difficulty, Ingress, LabSpec, LimitRange, NamespaceRole,
    Namespaces, RequestParameter, SecondaryNamespace, SecurityPolicy, SessionResources, SessionSpec,
    TerminalLayout,
};
use crate::diagnostic::Diagnostic;
use crate::yaml::{Fields, Findings, Node};

/// A field that is understood, but that Lectern does nothing with yet.
pub type NotActedOn = crate::yaml::Unread;

/// What reading a Workshop resource came to.
#[derive(Clone, Debug, Default)]
pub struct ReadSpec {
    /// `metadata.name`.
    pub name: Option<String>,
    /// The rest, typed.
    pub spec: LabSpec,
    /// Complaints, unknown fields, values of the wrong kind.
    pub findings: Findings,
    /// Fields that are known, but not acted on.
    pub not_acted_on: Vec<NotActedOn>,
}

/// The API groups and versions that are understood.
const VERSIONS: &[&str] =
    &["training.educates.dev/v1beta1", "training.eduk8s.io/v1alpha2", "training.eduk8s.io/v1alpha1"];

/// Reads a Workshop resource.
#[must_use]
pub fn read(document: &Node, file: &str) -> ReadSpec {
    let mut out = Reader { findings: Findings::new(file), not_acted_on: Vec::new() };
    let root = out.begin(Some(document), "");
    let version = out.text(&root, "apiVersion");
    if !version.as_deref().is_some_and(|version| VERSIONS.contains(&version)) {
        let message = format!("`apiVersion` is {}", version.as_deref().unwrap_or("missing"));
        out.findings.diagnostics.push(
            Diagnostic::warning("unknown-version", file, message)
                .at(document.line, 1)
                .hint(format!("known are {}", VERSIONS.join(", "))),
        );
    }
    root.node("kind");
    let metadata = root.child("metadata", &mut out.findings);
    let name = out.text(&metadata, "name");
    let spec = match root.node("spec") {
        Some(node) => out.spec(node),
        // v1alpha1 kept everything beside `metadata`
        None => out.spec(document),
    };
    ReadSpec { name, spec, findings: out.findings, not_acted_on: out.not_acted_on }
}

struct Reader {
    findings: Findings,
    not_acted_on: Vec<NotActedOn>,
}

impl Reader {
    fn begin<'a>(&mut self, node: Option<&'a Node>, path: &str) -> Fields<'a> {
        Fields::new(node, path, &mut self.findings)
    }

    fn text(&mut self, fields: &Fields<'_>, key: &'static str) -> Option<String> {
        fields.text(key, &mut self.findings)
    }

    fn enabled(&mut self, fields: &Fields<'_>, key: &'static str) -> bool {
        let application = fields.child(key, &mut self.findings);
        let enabled = application.flag("enabled", &mut self.findings);
        self.leave_unacted(&application);
        enabled.unwrap_or(false)
    }

    /// Notes that a field is understood, and that nothing comes of it.
    fn unacted(&mut self, fields: &Fields<'_>, keys: &[&'static str]) {
        for key in keys {
            self.not_acted_on.extend(fields.unacted(key));
        }
    }

    /// Notes that nothing comes of any field that was not asked for.
    fn leave_unacted(&mut self, fields: &Fields<'_>) {
        self.not_acted_on.extend(fields.unread());
    }

    /// Finds the word of a list that a field holds.
    fn word<T: Copy>(&mut self, fields: &Fields<'_>, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(fields, key)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let (line, column) = fields.node(key).map_or((1, 1), |node| (node.line, node.column));
            self.findings.diagnostics.push(
                Diagnostic::error("unknown-word", &self.findings.file, format!("`{key}` cannot be {text:?}"))
                    .at(line, column)
                    .hint(format!("it is one of {}", known.join(", "))),
            );
        }
        found
    }

    fn spec(&mut self, node: &Node) -> LabSpec {
        let spec = self.begin(Some(node), "spec");
        // what v1alpha1 holds beside these
        for key in ["apiVersion", "kind", "metadata"] {
            spec.node(key);
        }
        // how the lab's files reach the platform, which the catalogue's sources say themselves
        for key in ["content", "workshop", "publish", "image"] {
            spec.node(key);
        }
        let duration_secs = self.duration(&spec);
        let environment = spec.child("environment", &mut self.findings);
        let out = LabSpec {
            title: self.text(&spec, "title"),
            description: self.text(&spec, "description"),
            vendor: self.text(&spec, "vendor"),
            authors: spec.texts("authors", &mut self.findings),
            version: self.text(&spec, "version"),
            difficulty: self.word(&spec, "difficulty", DIFFICULTIES),
            duration_secs,
            tags: spec.texts("tags", &mut self.findings),
            labels: self.labels(&spec),
            logo: self.text(&spec, "logo"),
            url: self.text(&spec, "url"),
            session: self.session(&spec),
            parameters: self.parameters(&spec),
            environment_objects: self.objects(&environment),
        };
        self.leave_unacted(&environment);
        spec.finish(&mut self.findings);
        out
    }

    fn duration(&mut self, spec: &Fields<'_>) -> Option<u64> {
        let text = self.text(spec, "duration")?;
        let duration = parse_duration(&text);
        if duration.is_none() {
            let (line, column) = spec.node("duration").map_or((1, 1), |node| (node.line, node.column));
            self.findings.diagnostics.push(
                Diagnostic::error("bad-duration", &self.findings.file, format!("{text:?} is not a duration"))
                    .at(line, column)
                    .hint("write it like 45m, 1h or 1h30m"),
            );
        }
        duration
    }

    fn labels(&mut self, spec: &Fields<'_>) -> BTreeMap<String, String> {
        let Some(node) = spec.node("labels") else { return BTreeMap::new() };
        let listed = node
            .items()
            .iter()
            .filter_map(|item| Some((item.get("name")?.text()?, item.get("value")?.text()?)));
        let mapped = node.entries().iter().filter_map(|(key, value)| Some((key.text.clone(), value.text()?)));
        listed.chain(mapped).collect()
    }

    fn parameters(&mut self, spec: &Fields<'_>) -> Vec<RequestParameter> {
        let request = spec.child("request", &mut self.findings);
        let parameters = request.children("parameters", &mut self.findings);
        self.leave_unacted(&request);
        parameters
            .iter()
            .filter_map(|entry| {
                let parameter = RequestParameter {
                    name: self.text(entry, "name")?,
                    value: self.text(entry, "value").unwrap_or_default(),
                    aliases: entry.texts("aliases", &mut self.findings),
                };
                self.leave_unacted(entry);
                Some(parameter)
            })
            .collect()
    }

    fn objects(&mut self, fields: &Fields<'_>) -> Vec<serde_json::Value> {
        fields.list("objects", &mut self.findings).iter().map(Node::to_json).collect()
    }

    fn session(&mut self, spec: &Fields<'_>) -> SessionSpec {
        let session = spec.child("session", &mut self.findings);
        let resources = session.child("resources", &mut self.findings);
        let out = SessionSpec {
            namespaces: self.namespaces(&session),
            resources: SessionResources {
                memory: self.text(&resources, "memory"),
                storage: self.text(&resources, "storage"),
            },
            env: self.env(&session),
            objects: self.objects(&session),
            patches: session.node("patches").map(Node::to_json),
            dashboards: self.dashboards(&session),
            ingresses: self.ingresses(&session),
            applications: self.applications(&session),
        };
        self.leave_unacted(&resources);
        self.unacted(&session, &["variables", "volumes", "volumeMounts", "envFrom"]);
        session.finish(&mut self.findings);
        out
    }

    fn env(&mut self, session: &Fields<'_>) -> Vec<(String, String)> {
        let entries = session.children("env", &mut self.findings);
        entries
            .iter()
            .filter_map(|entry| {
                let name = self.text(entry, "name")?;
                let value = self.text(entry, "value").unwrap_or_default();
                self.leave_unacted(entry);
                Some((name, value))
            })
            .collect()
    }

    fn dashboards(&mut self, session: &Fields<'_>) -> Vec<Dashboard> {
        let entries = session.children("dashboards", &mut self.findings);
        entries
            .iter()
            .filter_map(|entry| {
                let dashboard = Dashboard { name: self.text(entry, "name")?, url: self.text(entry, "url")? };
                self.leave_unacted(entry);
                Some(dashboard)
            })
            .collect()
    }

    fn ingresses(&mut self, session: &Fields<'_>) -> Vec<Ingress> {
        let entries = session.children("ingresses", &mut self.findings);
        entries
            .iter()
            .filter_map(|entry| {
                let ingress = Ingress {
                    name: self.text(entry, "name")?,
                    host: self.text(entry, "host"),
                    protocol: self.text(entry, "protocol"),
                    port: entry.whole("port", &mut self.findings).and_then(|port| port.try_into().ok()),
                };
                self.leave_unacted(entry);
                Some(ingress)
            })
            .collect()
    }

    fn namespaces(&mut self, session: &Fields<'_>) -> Namespaces {
        let fields = session.child("namespaces", &mut self.findings);
        let security = fields.child("security", &mut self.findings);
        let session_security = session.child("security", &mut self.findings);
        let token = security.child("token", &mut self.findings);
        let policy = self
            .word(&security, "policy", POLICIES)
            .or_else(|| self.word(&session_security, "policy", POLICIES));
        let rules = security.list("rules", &mut self.findings);
        let secondary = fields.children("secondary", &mut self.findings);
        let out = Namespaces {
            role: self.word(&fields, "role", ROLES).unwrap_or_default(),
            budget: self.word(&fields, "budget", BUDGETS).unwrap_or_default(),
            limits: self.limits(&fields),
            policy,
            token_enabled: token.flag("enabled", &mut self.findings).unwrap_or(true),
            rules: rules.iter().map(Node::to_json).collect(),
            secondary: secondary.iter().filter_map(|entry| self.secondary(entry)).collect(),
        };
        for rest in [&token, &security, &session_security, &fields] {
            self.leave_unacted(rest);
        }
        out
    }

    fn secondary(&mut self, entry: &Fields<'_>) -> Option<SecondaryNamespace> {
        let security = entry.child("security", &mut self.findings);
        let out = SecondaryNamespace {
            name: self.text(entry, "name")?,
            role: self.word(entry, "role", ROLES).unwrap_or_default(),
            budget: self.word(entry, "budget", BUDGETS).unwrap_or_default(),
            limits: self.limits(entry),
            policy: self.word(&security, "policy", POLICIES),
        };
        self.leave_unacted(&security);
        self.leave_unacted(entry);
        Some(out)
    }

    fn limits(&mut self, fields: &Fields<'_>) -> LimitRange {
        let limits = fields.child("limits", &mut self.findings);
        let json = |key| limits.node(key).map(Node::to_json);
        let out = LimitRange {
            min: json("min"),
            max: json("max"),
            default_request: json("defaultRequest"),
            default: json("default"),
        };
        self.leave_unacted(&limits);
        out
    }

    fn applications(&mut self, session: &Fields<'_>) -> Applications {
        let fields = session.child("applications", &mut self.findings);
        let terminal = fields.child("terminal", &mut self.findings);
        let layout = self.word(&terminal, "layout", LAYOUTS).unwrap_or_default();
        let shown = terminal.flag("enabled", &mut self.findings).unwrap_or(true);
        let console = fields.child("console", &mut self.findings);
        let vendor = self.text(&console, "vendor");
        let has_console = console.flag("enabled", &mut self.findings).unwrap_or(false);
        let out = Applications {
            terminal: if shown { layout } else { TerminalLayout::None },
            editor: self.enabled(&fields, "editor"),
            console: has_console.then_some(Console { vendor }),
            slides: self.enabled(&fields, "slides"),
            files: self.enabled(&fields, "files"),
            uploads: self.enabled(&fields, "uploads"),
            examiner: self.enabled(&fields, "examiner"),
            docker: self.enabled(&fields, "docker"),
            registry: self.enabled(&fields, "registry"),
            git: self.enabled(&fields, "git"),
            vcluster: self.enabled(&fields, "vcluster"),
            sshd: self.enabled(&fields, "sshd"),
            webdav: self.enabled(&fields, "webdav"),
        };
        self.leave_unacted(&terminal);
        self.leave_unacted(&console);
        self.unacted(&fields, &["workshop"]);
        self.leave_unacted(&fields);
        out
    }
}

/// Reads a duration such as `60m`, `1h30m` or `90s` as seconds; a bare number counts seconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<u64> {
    let (mut total, mut number) = (0_u64, None::<u64>);
    for letter in text.trim().chars() {
        if let Some(digit) = letter.to_digit(10) {
            number = Some(number.unwrap_or(0).checked_mul(10)?.checked_add(digit.into())?);
            continue;
        }
        let unit = match letter {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(number.take()?.checked_mul(unit)?)?;
    }
    match number {
        Some(rest) => total.checked_add(rest),
        None => (total > 0).then_some(total),
    }
}

const DIFFICULTIES: &[(&str, Difficulty)] = &[
    ("beginner", Difficulty::Beginner),
    ("intermediate", Difficulty::Intermediate),
    ("advanced", Difficulty::Advanced),
    ("extreme", Difficulty::Extreme),
];

const ROLES: &[(&str, NamespaceRole)] =
    &[("admin", NamespaceRole::Admin), ("edit", NamespaceRole::Edit), ("view", NamespaceRole::View)];

const BUDGETS: &[(&str, Budget)] = &[
    ("default", Budget::Default),
    ("small", Budget::Small),
    ("medium", Budget::Medium),
    ("large", Budget::Large),
    ("x-large", Budget::XLarge),
    ("xx-large", Budget::XxLarge),
    ("xxx-large", Budget::XxxLarge),
    ("custom", Budget::Custom),
];

/// The names of today, then those of older releases.
const POLICIES: &[(&str, SecurityPolicy)] = &[
    ("restricted", SecurityPolicy::Restricted),
    ("baseline", SecurityPolicy::Baseline),
    ("privileged", SecurityPolicy::Privileged),
    ("nonroot", SecurityPolicy::Restricted),
    ("anyuid", SecurityPolicy::Baseline),
    ("custom", SecurityPolicy::Baseline),
];

const LAYOUTS: &[(&str, TerminalLayout)] = &[
    ("default", TerminalLayout::Default),
    ("split", TerminalLayout::Split),
    ("split/2", TerminalLayout::SplitTwo),
    ("lower", TerminalLayout::Lower),
    ("none", TerminalLayout::None),
];
