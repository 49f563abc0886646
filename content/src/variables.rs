//! The values of a page's variables.

use std::collections::BTreeMap;

/// A variable of the dialect that every session has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionVariable {
    pub name: &'static str,
    /// Its meaning.
    pub summary: &'static str,
    /// Whether Lectern gives it a value. A variable without a value renders empty.
    pub is_set: bool,
}

const fn set(name: &'static str, summary: &'static str) -> SessionVariable {
    SessionVariable { name, summary, is_set: true }
}

const fn unset(name: &'static str, summary: &'static str) -> SessionVariable {
    SessionVariable { name, summary, is_set: false }
}

/// Every session variable of the dialect.
pub const SESSION_VARIABLES: &[SessionVariable] = &[
    set("session_name", "the session's name: the same as `session_namespace`"),
    set("session_namespace", "the learner's Kubernetes namespace"),
    set("session_id", "the session's id"),
    set("workshop_name", "the lab's name"),
    set("workshop_title", "the lab's title, or that of the chosen pathway"),
    set("workshop_description", "the lab's description"),
    set("workshop_namespace", "the namespace that the lab's tools count as their own: the learner's"),
    set("environment_name", "the lab's name"),
    set("training_portal", "`lectern`"),
    set("pathway_name", "the pathway that was chosen"),
    set("ingress_protocol", "the protocol of the session's ingresses: `http` or `https`"),
    set("cluster_domain", "the cluster's internal domain: `cluster.local`"),
    set("policy_name", "the pod security policy: `restricted`, `baseline` or `privileged`"),
    set(
        "ingress_domain",
        "the domain under which a session's ingresses live: `NAME-‹session_namespace›.‹ingress_domain›`; `no-preview.invalid` where web previews are off",
    ),
    set("ingress_port", "the port of those ingresses, such as `443`"),
    set(
        "ingress_port_suffix",
        "that port with a colon before it, where it is not the usual one, such as `:8080`; otherwise empty",
    ),
    set("ingress_class", "the ingress class to use: `lectern`; empty where web previews are off"),
    unset("ingress_secret", "the secret with the certificate for ingresses"),
    set("session_hostname", "the host name under which the session is reached: one of that domain"),
    set("session_url", "the address under which the session is reached: one of that domain"),
    unset("storage_class", "the storage class to use"),
    unset("kubernetes_version", "the cluster's version"),
    set("kubernetes_api_url", "the address of the cluster's API: `https://kubernetes.default.svc`"),
    unset("kubernetes_ca_crt", "the certificate of the cluster's API"),
    unset("kubernetes_token", "the learner's token for the cluster's API"),
    unset("registry_host", "the session's image registry"),
    unset("registry_auth_file", "the file with the credentials for that registry"),
    unset("registry_username", "the user name for that registry"),
    unset("registry_password", "the password for that registry"),
    unset("registry_auth_token", "both, as a registry's client sends them"),
    unset("registry_secret", "the secret that holds both"),
    unset("image_repository", "the registry that holds the lab's images"),
    unset("oci_image_cache", "the registry that keeps copies of images"),
    unset("assets_repository", "the host that serves the lab's assets"),
    unset("services_password", "a password for the lab's own services"),
    unset("config_password", "a password for the session's settings"),
    set("service_account", "the account that a lab's bindings give rights to: the learner's"),
    unset("ssh_private_key", "the session's private SSH key"),
    unset("ssh_public_key", "the session's public SSH key"),
    unset("ssh_keys_secret", "the secret that holds both"),
    unset("git_protocol", "the protocol of the session's git server"),
    unset("git_host", "the host of the session's git server"),
    unset("git_username", "the user name for that server"),
    unset("git_password", "the password for that server"),
    unset("git_auth_token", "both, as a client sends them"),
    unset("vcluster_namespace", "the namespace of the session's virtual cluster"),
    unset("vcluster_secret", "the secret with the credentials for that cluster"),
    set("platform_arch", "the processor architecture: `amd64` or `arm64`"),
    set("policy_engine", "what enforces that policy: `pod-security-standards`"),
    unset("workshop_image", "the workbench's image"),
    unset("workshop_image_pull_policy", "when that image is pulled"),
    set("workshop_version", "the version of the lab's files: `latest`"),
    unset("workshop_environment_uid", "the id of what the lab's sessions share"),
    unset("workshop_session_uid", "the id of the session's object"),
];

/// A variable that a lab declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    pub name: String,
    /// Its value if nothing else gives it one.
    pub value: String,
    /// Names whose values come before that of its own name. The first that is set counts.
    pub aliases: Vec<String>,
}

/// The values of one session: the platform's, and those of the session's environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    session: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

impl Variables {
    /// Returns an empty set of values.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a session value, such as `session_namespace`.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// Sets a session value, such as `session_namespace`.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.session.insert(name.into(), value.into());
    }

    /// Sets a variable of the session's environment: `X` is `{{ ENV_X }}` on a page, and overrides a variable `X`.
    pub fn set_environment(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.environment.insert(name.into(), value.into());
    }

    /// Finds a value: that of the first alias that the lab declares for the name, then that of the name itself (each in the
    /// environment, then in the session), then the declared one.
    #[must_use]
    pub fn resolve<'a>(&'a self, declared: Option<&'a Declared>, name: &str) -> Option<&'a str> {
        let aliases = declared.map_or(&[][..], |entry| entry.aliases.as_slice());
        let given = aliases.iter().map(String::as_str).chain([name]).find_map(|name| self.given(name));
        given.or_else(|| declared.map(|entry| entry.value.as_str()))
    }

    /// Returns the chosen pathway, if there is one.
    #[must_use]
    pub fn pathway(&self) -> Option<&str> {
        self.given("PATHWAY_NAME").or_else(|| self.given("pathway_name")).filter(|name| !name.is_empty())
    }

    fn given(&self, name: &str) -> Option<&str> {
        let environment = || {
            let short = name.strip_prefix("ENV_")?;
            self.environment.get(short)
        };
        self.environment.get(name).or_else(environment).or_else(|| self.session.get(name)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_from_an_alias_then_the_environment_then_the_session_then_the_lab() {
        let declared = Declared {
            name: "colour".into(),
            value: "red".into(),
            aliases: vec!["COLOR".into(), "tint".into()],
        };
        let mut variables = Variables::new();
        let colour = |variables: &Variables| variables.resolve(Some(&declared), "colour").map(str::to_owned);
        assert_eq!(colour(&variables).as_deref(), Some("red"));
        variables.set("colour", "white");
        assert_eq!(colour(&variables).as_deref(), Some("white"));
        variables.set_environment("colour", "black");
        assert_eq!(colour(&variables).as_deref(), Some("black"));
        variables.set("tint", "green");
        assert_eq!(colour(&variables).as_deref(), Some("green"));
        variables.set_environment("COLOR", "blue");
        assert_eq!(colour(&variables).as_deref(), Some("blue"));
    }

    #[test]
    fn env_names_read_the_environment() {
        let mut variables = Variables::new();
        variables.set_environment("EDITOR", "vim");
        assert_eq!(variables.resolve(None, "ENV_EDITOR"), Some("vim"));
        assert_eq!(variables.resolve(None, "ENV_PAGER"), None);
    }

    #[test]
    fn no_variable_stands_twice() {
        let names: std::collections::BTreeSet<_> =
            SESSION_VARIABLES.iter().map(|variable| variable.name).collect();
        assert_eq!(names.len(), SESSION_VARIABLES.len());
    }
}
