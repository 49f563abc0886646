//! The operator's settings, read once from flags, environment and one file.

pub mod portal;
pub mod previews;
pub mod retention;

use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use ipnet::IpNet;
use url::Url;

/// Flags of the HTTP server.
#[derive(Args, Clone, Debug)]
pub struct HttpConfig {
    /// Address to listen on.
    #[arg(long, env = "LECTERN_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Address that browsers use, if it differs from --listen: behind a proxy, or with a host name.
    #[arg(long, env = "LECTERN_PUBLIC_URL")]
    pub public_url: Option<Url>,
    /// Networks of the proxies in front of Lectern, separated by commas. X-Forwarded-For is trusted only from these.
    #[arg(long, env = "LECTERN_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// Further host names under which browsers may reach Lectern, separated by commas.
    #[arg(long, env = "LECTERN_ALLOWED_HOSTS", value_name = "NAME", value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,
    /// Allow labs' pages to show pictures from other sites, which then learn their readers' IP addresses.
    #[arg(long, env = "LECTERN_EXTERNAL_PICTURES")]
    pub external_pictures: bool,
    #[command(flatten)]
    pub previews: previews::PreviewFlags,
}

/// A network, written like `10.0.0.0/8` or `2001:db8::/32`; a bare address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Returns whether the network contains an address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(Self).map_err(|_| format!("{text:?} is not a network; write it like 10.0.0.0/8"))
    }
}

/// Flags of the database.
#[derive(Args, Clone, Debug)]
pub struct DatabaseConfig {
    /// Postgres database to use: `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// The same database with the role that owns its tables, for migrations. The role of --database-url then gets
    /// only the rights that the server needs, and cannot change the audit log. See docs/OPERATING.md.
    #[arg(long, env = "LECTERN_MIGRATE_DATABASE_URL", hide_env_values = true, value_name = "DATABASE_URL")]
    pub migrate_database_url: Option<String>,
}

/// Flags of the Kubernetes cluster.
#[derive(Args, Clone, Debug)]
pub struct ClusterFlags {
    /// Kubeconfig of the cluster to use; by default the cluster that this program runs in.
    #[arg(long, env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Image of workbenches, the pods in which terminals run.
    #[arg(long, env = "LECTERN_WORKBENCH_IMAGE", default_value = "docker.io/lectern/workbench:latest")]
    pub workbench_image: String,
    /// Storage class of volumes for learners' home directories, which then outlive their workbench pods, for example
    /// when a node is drained; without it a home is lost with its pod.
    #[arg(long, env = "LECTERN_HOME_STORAGE_CLASS", value_name = "NAME")]
    pub home_storage_class: Option<String>,
    /// Domain below which learners may publish what runs in their namespaces, by Ingress or `HTTPRoute`; without it
    /// they cannot publish anything.
    #[arg(long, env = "LECTERN_INGRESS_SUFFIX", value_name = "DOMAIN", value_parser = domain)]
    pub ingress_suffix: Option<String>,
    /// Namespace of the ingress controller for that domain, which may then reach learners' pods.
    #[arg(long, env = "LECTERN_INGRESS_NAMESPACE", value_name = "NAME", requires = "ingress_suffix")]
    pub ingress_namespace: Option<String>,
    /// Resources besides CPU, memory and disk that learners' containers may request, such as `example.com/gpu`; may be
    /// repeated.
    #[arg(long, env = "LECTERN_LEARNER_RESOURCES", value_name = "NAME", value_delimiter = ',')]
    pub learner_resources: Vec<String>,
    /// Namespace for the workbenches.
    #[arg(long, env = "LECTERN_WORKBENCH_NAMESPACE", default_value = "lectern-workbenches")]
    pub workbench_namespace: String,
    /// Public addresses that learners must not reach, in addition to those of the cluster's nodes, pods and services;
    /// may be repeated, or list several separated by commas.
    #[arg(long, env = "LECTERN_DENY_EGRESS", value_name = "CIDR", value_delimiter = ',', value_parser = crate::cluster::parse_denied)]
    pub deny_egress: Vec<IpNet>,
}

/// Parses a domain, with or without a leading dot.
fn domain(text: &str) -> Result<String, String> {
    let name = text.trim_start_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && label.len() < 64
    };
    match name.contains('.') && name.split('.').all(is_label) {
        true => Ok(name),
        false => Err("this is not a domain; write it like learners.example.org".to_owned()),
    }
}

/// The settings that the running services use; see [`HttpConfig`] for the first four.
#[derive(Clone, Debug, Default)]
pub struct ServiceConfig {
    pub public_url: Option<Url>,
    pub trusted_proxies: Vec<Network>,
    pub allowed_hosts: Vec<String>,
    pub external_pictures: bool,
    pub portal: portal::Portal,
    /// Where browsers reach the web applications of sessions.
    pub previews: previews::PreviewSite,
}

impl ServiceConfig {
    /// Returns whether browsers use HTTPS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }
}

/// Returns the environment variables of these names that are set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is where settings are read")]
pub fn environment(names: &[&'static str]) -> Vec<(&'static str, OsString)> {
    names.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))).collect()
}
