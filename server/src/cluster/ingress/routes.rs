//! Which service an Ingress sends a request to, by the specification of `networking.k8s.io/v1`. Pure.

use std::cmp::Reverse;

use k8s_openapi::api::networking::v1::{HTTPIngressPath, Ingress, IngressBackend};

/// A service's port, as an Ingress names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Backend {
    pub namespace: String,
    pub service: String,
    pub port: BackendPort,
}

/// How an Ingress names a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum BackendPort {
    Name(String),
    Number(u16),
}

/// The rules of several Ingress objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    paths: Vec<PathRule>,
    /// The default backends, each with the hosts of its Ingress.
    defaults: Vec<(Vec<HostRule>, Backend)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct PathRule {
    host: HostRule,
    path: String,
    is_exact: bool,
    backend: Backend,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    Any,
    /// Exactly one further name in front of this.
    Below(String),
    Exactly(String),
}

impl HostRule {
    fn of(host: Option<&str>) -> Self {
        match host.map(str::to_ascii_lowercase) {
            None => Self::Any,
            Some(host) if host.is_empty() => Self::Any,
            Some(host) => match host.strip_prefix("*.") {
                Some(parent) => Self::Below(parent.to_owned()),
                None => Self::Exactly(host),
            },
        }
    }

    /// Returns how precisely it names the host; `None` if it does not.
    fn rank(&self, host: &str) -> Option<u8> {
        match self {
            Self::Any => Some(0),
            Self::Below(parent) => {
                let name = host.strip_suffix(parent.as_str())?.strip_suffix('.')?;
                (!name.is_empty() && !name.contains('.')).then_some(1)
            }
            Self::Exactly(own) => (own == host).then_some(2),
        }
    }
}

impl Routes {
    /// Reads the rules. Where two are the same, the older Ingress counts.
    #[must_use]
    pub fn of(mut ingresses: Vec<Ingress>) -> Self {
        ingresses.sort_by_key(|one| one.metadata.creation_timestamp.as_ref().map(|time| time.0));
        let mut routes = Self::default();
        for ingress in &ingresses {
            let namespace = ingress.metadata.namespace.as_deref().unwrap_or_default();
            let Some(spec) = &ingress.spec else { continue };
            let mut hosts = Vec::new();
            for rule in spec.rules.iter().flatten() {
                let host = HostRule::of(rule.host.as_deref());
                hosts.push(host.clone());
                let paths = rule.http.iter().flat_map(|http| &http.paths);
                routes.paths.extend(paths.filter_map(|path| path_rule(namespace, &host, path)));
            }
            if let Some(backend) = spec.default_backend.as_ref().and_then(|one| service_of(namespace, one)) {
                routes.defaults.push((hosts, backend));
            }
        }
        routes
    }

    /// Finds the service for a request: by the most precise host, then the longest path, an exact one first. `None` if no
    /// rule fits and there is no default.
    #[must_use]
    pub fn find(&self, host: &str, path: &str) -> Option<&Backend> {
        let host = host.to_ascii_lowercase();
        let ranked = |rule: &PathRule| rule.host.rank(&host);
        let best = self.paths.iter().filter_map(ranked).max();
        // a host that has rules of its own is not served by those of less precise ones
        let of_host = self.paths.iter().filter(|rule| best.is_some() && ranked(rule) == best);
        let fitting = of_host.filter(|rule| fits(rule, path));
        // the first of those that are equal
        let found =
            fitting.min_by_key(|rule| Reverse((rule.path.trim_end_matches('/').len(), rule.is_exact)));
        found.map(|rule| &rule.backend).or_else(|| {
            let of_host = |hosts: &[HostRule]| hosts.iter().filter_map(|one| one.rank(&host)).max();
            let ranked =
                self.defaults.iter().map(|(hosts, backend)| (of_host(hosts), hosts.is_empty(), backend));
            let usable = ranked.filter(|(rank, is_for_all, _)| rank.is_some() || *is_for_all);
            usable.min_by_key(|(rank, ..)| Reverse(*rank)).map(|(.., backend)| backend)
        })
    }
}

fn path_rule(namespace: &str, host: &HostRule, path: &HTTPIngressPath) -> Option<PathRule> {
    Some(PathRule {
        host: host.clone(),
        path: path.path.clone().unwrap_or_else(|| "/".to_owned()),
        // what is left to the implementation is a prefix here, as in most
        is_exact: path.path_type == "Exact",
        backend: service_of(namespace, &path.backend)?,
    })
}

fn service_of(namespace: &str, backend: &IngressBackend) -> Option<Backend> {
    let service = backend.service.as_ref()?;
    let port = service.port.as_ref()?;
    let port = match (&port.name, port.number) {
        (Some(name), _) => BackendPort::Name(name.clone()),
        (None, Some(number)) => BackendPort::Number(u16::try_from(number).ok()?),
        (None, None) => return None,
    };
    Some(Backend { namespace: namespace.to_owned(), service: service.name.clone(), port })
}

/// Compares paths: an exact one as a whole, a prefix element by element.
fn fits(rule: &PathRule, path: &str) -> bool {
    if rule.is_exact {
        return rule.path == path;
    }
    let prefix = rule.path.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn routes(specs: &[Value]) -> Routes {
        let ingress = |spec: &Value| {
            serde_json::from_value(json!({"metadata": {"namespace": "lab-x", "name": "i"}, "spec": spec}))
                .unwrap()
        };
        Routes::of(specs.iter().map(ingress).collect())
    }

    fn path(path: &str, kind: &str, service: &str) -> Value {
        json!({"path": path, "pathType": kind,
               "backend": {"service": {"name": service, "port": {"number": 80}}}})
    }

    fn found(routes: &Routes, host: &str, path: &str) -> String {
        routes.find(host, path).map_or_else(|| "nothing".to_owned(), |backend| backend.service.clone())
    }

    /// The table of examples in Kubernetes' documentation of Ingress.
    #[test]
    fn paths_match_as_the_documentation_of_kubernetes_says() {
        for (kind, rules, request, matches) in [
            ("Prefix", &["/"][..], "/any/path", Some("/")),
            ("Exact", &["/foo"], "/foo", Some("/foo")),
            ("Exact", &["/foo"], "/bar", None),
            ("Exact", &["/foo"], "/foo/", None),
            ("Exact", &["/foo/"], "/foo", None),
            ("Prefix", &["/foo"], "/foo", Some("/foo")),
            ("Prefix", &["/foo"], "/foo/", Some("/foo")),
            ("Prefix", &["/foo/"], "/foo", Some("/foo/")),
            ("Prefix", &["/foo/"], "/foo/", Some("/foo/")),
            ("Prefix", &["/aaa/bb"], "/aaa/bbb", None),
            ("Prefix", &["/aaa/bbb"], "/aaa/bbb", Some("/aaa/bbb")),
            ("Prefix", &["/aaa/bbb/"], "/aaa/bbb", Some("/aaa/bbb/")),
            ("Prefix", &["/aaa/bbb"], "/aaa/bbb/", Some("/aaa/bbb")),
            ("Prefix", &["/aaa/bbb"], "/aaa/bbb/ccc", Some("/aaa/bbb")),
            ("Prefix", &["/aaa/bbb"], "/aaa/bbbxyz", None),
            ("Prefix", &["/", "/aaa"], "/aaa/ccc", Some("/aaa")),
            ("Prefix", &["/", "/aaa", "/aaa/bbb"], "/aaa/bbb", Some("/aaa/bbb")),
            ("Prefix", &["/", "/aaa", "/aaa/bbb"], "/ccc", Some("/")),
            ("Prefix", &["/aaa"], "/ccc", None),
        ] {
            let paths: Vec<Value> = rules.iter().map(|rule| path(rule, kind, rule)).collect();
            let routes = routes(&[json!({"rules": [{"host": "h", "http": {"paths": paths}}]})]);
            assert_eq!(
                found(&routes, "h", request),
                matches.unwrap_or("nothing"),
                "{kind} {rules:?} {request}"
            );
        }
        let mixed = json!([path("/foo", "Prefix", "prefix"), path("/foo", "Exact", "exact")]);
        let mixed = routes(&[json!({"rules": [{"host": "h", "http": {"paths": mixed}}]})]);
        assert_eq!(found(&mixed, "h", "/foo"), "exact");
    }

    #[test]
    fn a_wildcard_stands_for_one_name_and_gives_way_to_the_host_itself() {
        let rule = |host: &str, service: &str| json!({"host": host, "http": {"paths": [path("/", "Prefix", service)]}});
        let routes = routes(&[json!({"rules": [rule("*.foo.com", "wild"), rule("bar.foo.com", "bar")]})]);
        for (host, service) in [
            ("bar.foo.com", "bar"),
            ("BAR.foo.com", "bar"),
            ("baz.foo.com", "wild"),
            ("a.baz.foo.com", "nothing"),
            ("foo.com", "nothing"),
        ] {
            assert_eq!(found(&routes, host, "/"), service, "{host}");
        }
    }

    #[test]
    fn what_no_rule_fits_goes_to_the_default() {
        let default = json!({"service": {"name": "default", "port": {"name": "http"}}});
        let rules = json!([{"host": "h", "http": {"paths": [path("/a", "Prefix", "a")]}}]);
        let with_rules = routes(&[json!({"defaultBackend": default, "rules": rules})]);
        assert_eq!(found(&with_rules, "h", "/a/b"), "a");
        assert_eq!(found(&with_rules, "h", "/b"), "default");
        assert_eq!(found(&with_rules, "other", "/"), "nothing");
        let alone = routes(&[json!({"defaultBackend": default})]);
        assert_eq!(alone.find("any", "/").unwrap().port, BackendPort::Name("http".into()));
        let without_path = json!([{"http": {"paths": [{"pathType": "ImplementationSpecific",
            "backend": {"service": {"name": "all", "port": {"number": 80}}}}]}}]);
        assert_eq!(found(&routes(&[json!({"rules": without_path})]), "any", "/x"), "all");
    }
}
