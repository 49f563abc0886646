//! The values that a page's variables stand for.

use std::collections::BTreeMap;

/// Every variable that the platform sets for a session.
pub const SESSION_VARIABLES: &[(&str, &str)] = &[
    ("session_name", "the session's name; in old labs the same as `session_namespace`"),
    ("session_id", "the last part of the session's name"),
    ("session_namespace", "the learner's Kubernetes namespace"),
    ("session_hostname", "the host name under which the session is reached"),
    ("session_url", "the address under which the session is reached"),
    ("workshop_name", "the lab's name"),
    ("workshop_title", "the lab's title"),
    ("workshop_description", "the lab's description"),
    ("workshop_namespace", "the namespace in which the session's workbench runs"),
    ("environment_name", "the name of what the lab's sessions share"),
    ("training_portal", "the name of the portal"),
    ("assets_repository", "the host that serves the lab's assets"),
    ("cluster_domain", "the cluster's internal domain, such as `cluster.local`"),
    ("kubernetes_version", "the cluster's version"),
    ("image_repository", "the registry that holds the lab's images"),
    ("ingress_domain", "the domain under which a session's ingresses live"),
    ("ingress_protocol", "`http` or `https`"),
    ("ingress_port_suffix", "the port with a colon before it, where it is not the usual one"),
    ("ingress_class", "the ingress class to use"),
    ("storage_class", "the storage class to use"),
    ("registry_host", "the session's image registry"),
    ("registry_username", "the user name for that registry"),
    ("registry_password", "the password for that registry"),
    ("registry_secret", "the secret that holds both"),
    ("services_password", "the password of the session's own services"),
    ("pathway_name", "the pathway that was chosen"),
    ("platform_arch", "the processor architecture"),
    ("policy_name", "the lab's pod security policy"),
];

/// A variable that a lab declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its value when nothing else gives it one.
    pub value: String,
    /// Other names that may give it a value, the first that is set.
    pub aliases: Vec<String>,
}

/// The values of one session: what the platform knows and what the session's environment holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variables {
    session: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

impl Variables {
    /// Begins without any value.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a session value, such as `session_namespace`.
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

    /// Finds a value, given what the lab declares: the environment first, then the session, then the lab.
    #[must_use]
    pub fn resolve<'a>(&'a self, declared: &'a [Declared], name: &str) -> Option<&'a str> {
        if let Some(value) = self.given(name) {
            return Some(value);
        }
        let entry = declared.iter().find(|entry| entry.name == name)?;
        let value = entry.aliases.iter().find_map(|alias| self.given(alias));
        Some(value.unwrap_or(&entry.value))
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

    fn declared() -> Vec<Declared> {
        vec![Declared {
            name: "colour".into(),
            value: "red".into(),
            aliases: vec!["COLOR".into(), "tint".into()],
        }]
    }

    #[test]
    fn the_environment_comes_before_the_session_and_the_session_before_the_lab() {
        let mut variables = Variables::new();
        let colour = |variables: &Variables| variables.resolve(&declared(), "colour").map(str::to_owned);
        assert_eq!(colour(&variables).as_deref(), Some("red"));
        variables.set("tint", "green");
        assert_eq!(colour(&variables).as_deref(), Some("green"));
        variables.set_environment("COLOR", "blue");
        assert_eq!(colour(&variables).as_deref(), Some("blue"));
        variables.set("colour", "white");
        assert_eq!(colour(&variables).as_deref(), Some("white"));
        variables.set_environment("colour", "black");
        assert_eq!(colour(&variables).as_deref(), Some("black"));
    }

    #[test]
    fn env_names_read_the_environment() {
        let mut variables = Variables::new();
        variables.set_environment("EDITOR", "vim");
        assert_eq!(variables.resolve(&[], "ENV_EDITOR"), Some("vim"));
        assert_eq!(variables.resolve(&[], "ENV_PAGER"), None);
    }
}
