//! What the operator decides, read once from flags, environment and one file.

pub mod portal;
pub mod retention;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use ipnet::IpNet;
use url::Url;

use crate::catalog::source::{Source, SourceList};

/// Where the server listens and what it calls itself.
#[derive(Args, Clone, Debug)]
pub struct HttpConfig {
    /// Address to listen on.
    #[arg(long, env = "LECTERN_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Address under which browsers reach Lectern, where it differs: behind a proxy, or with a name.
    #[arg(long, env = "LECTERN_PUBLIC_URL")]
    pub public_url: Option<Url>,
    /// Networks of the proxies in front of Lectern, with commas between them. Only of these X-Forwarded-For is believed.
    #[arg(long, env = "LECTERN_TRUSTED_PROXIES", value_name = "CIDR", value_delimiter = ',')]
    pub trusted_proxies: Vec<Network>,
    /// Further host names under which browsers may reach Lectern, with commas between them.
    #[arg(long, env = "LECTERN_ALLOWED_HOSTS", value_name = "NAME", value_delimiter = ',')]
    pub allowed_hosts: Vec<String>,
    /// Lets pages of labs show pictures of other sites, which then learn the addresses of those who read.
    #[arg(long, env = "LECTERN_EXTERNAL_PICTURES")]
    pub external_pictures: bool,
}

/// A network, written like `10.0.0.0/8` or `2001:db8::/32`; a bare address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

impl Network {
    /// Whether an address lies in it.
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

/// Where labs come from.
#[derive(Args, Clone, Debug)]
pub struct CatalogConfig {
    /// Folder of which each sub-folder is a lab; `labs` where neither this nor --labs is given.
    #[arg(long, env = "LECTERN_LABS_DIR")]
    pub labs_dir: Option<PathBuf>,
    /// Where more labs come from.
    #[arg(
        long,
        env = "LECTERN_LABS",
        value_name = "SOURCE",
        hide_env_values = true,
        help = "Where more labs come from; may be repeated. A folder, git+https://host/repository#ref:folder, \
                https://host/labs.tar.gz#folder or oci://registry/repository:tag#folder. The variable holds any \
                number, with white space between them"
    )]
    pub labs: Vec<SourceList>,
    /// Seconds between two looks at sources that are not folders.
    #[arg(long, env = "LECTERN_LABS_REFRESH_SECS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub labs_refresh_secs: u64,
    /// Folder for what is fetched, of this server alone; without it a temporary one.
    #[arg(long, env = "LECTERN_LABS_CACHE_DIR")]
    pub labs_cache_dir: Option<PathBuf>,
    /// The most that one source may hold, in MiB.
    #[arg(long, env = "LECTERN_LABS_MAX_MIB", default_value = "256", value_parser = clap::value_parser!(u64).range(1..=65_536))]
    pub labs_max_mib: u64,
}

impl CatalogConfig {
    /// The labs of one folder.
    #[must_use]
    pub fn of_folder(dir: impl Into<PathBuf>) -> Self {
        Self {
            labs_dir: Some(dir.into()),
            labs: vec![],
            labs_refresh_secs: 60,
            labs_cache_dir: None,
            labs_max_mib: 256,
        }
    }

    /// Where labs come from, in the order in which names are given away.
    #[must_use]
    pub fn sources(&self) -> Vec<Source> {
        let more: Vec<Source> = self.labs.iter().flat_map(|list| list.0.clone()).collect();
        let dir = match &self.labs_dir {
            Some(dir) => Some(dir.clone()),
            None => more.is_empty().then(|| "labs".into()),
        };
        dir.map(Source::Folder).into_iter().chain(more).collect()
    }
}

/// The database.
#[derive(Args, Clone, Debug)]
pub struct DatabaseConfig {
    /// Postgres to use: `postgres://user:password@host/database`.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// The same database under the role that owns its tables, for migrations; then the role of --database-url gets only the
    /// rights that the server needs, and cannot change the audit log. See docs/OPERATING.md.
    #[arg(long, env = "LECTERN_MIGRATE_DATABASE_URL", hide_env_values = true, value_name = "DATABASE_URL")]
    pub migrate_database_url: Option<String>,
}

/// The Kubernetes cluster.
#[derive(Args, Clone, Debug)]
pub struct ClusterFlags {
    /// Cluster to use; without it the one that this program runs in.
    #[arg(long, env = "KUBECONFIG")]
    pub kubeconfig: Option<PathBuf>,
    /// Image of the workbench, in which the terminals run.
    #[arg(long, env = "LECTERN_WORKBENCH_IMAGE", default_value = "docker.io/lectern/workbench:latest")]
    pub workbench_image: String,
    /// Storage class of volumes that keep learners' homes when their workbench pods go, as with a drained node;
    /// without it a home lives as long as its pod.
    #[arg(long, env = "LECTERN_HOME_STORAGE_CLASS", value_name = "NAME")]
    pub home_storage_class: Option<String>,
    /// Domain below which learners may publish what runs in their namespaces, by Ingress or `HTTPRoute`; without it they
    /// may not.
    #[arg(long, env = "LECTERN_INGRESS_SUFFIX", value_name = "DOMAIN", value_parser = domain)]
    pub ingress_suffix: Option<String>,
    /// Namespace of the ingress controller that publishes it, which may then reach learners' pods.
    #[arg(long, env = "LECTERN_INGRESS_NAMESPACE", value_name = "NAME", requires = "ingress_suffix")]
    pub ingress_namespace: Option<String>,
    /// Resources besides CPU, memory and disk that learners' containers may ask for, such as `example.com/gpu`; may be
    /// repeated.
    #[arg(long, env = "LECTERN_LEARNER_RESOURCES", value_name = "NAME", value_delimiter = ',')]
    pub learner_resources: Vec<String>,
    /// Namespace for the workbenches.
    #[arg(long, env = "LECTERN_WORKBENCH_NAMESPACE", default_value = "lectern-workbenches")]
    pub workbench_namespace: String,
    /// Public addresses that learners must not reach, besides those of the cluster's own nodes, pods and services; may be
    /// repeated, and hold several with commas between them.
    #[arg(long, env = "LECTERN_DENY_EGRESS", value_name = "CIDR", value_delimiter = ',', value_parser = crate::cluster::parse_denied)]
    pub deny_egress: Vec<IpNet>,
}

/// Reads a domain, which may be written with a dot before it.
fn domain(text: &str) -> Result<String, String> {
    let name = text.trim_start_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && label.len() < 64
    };
    match name.contains('.') && name.split('.').all(is_label) {
        true => Ok(name),
        false => Err("a domain is needed, such as learners.example.org".to_owned()),
    }
}

/// What the running services need to know.
#[derive(Clone, Debug, Default)]
pub struct ServiceConfig {
    /// As in [`HttpConfig::public_url`].
    pub public_url: Option<Url>,
    /// As in [`HttpConfig::trusted_proxies`].
    pub trusted_proxies: Vec<Network>,
    /// As in [`HttpConfig::allowed_hosts`].
    pub allowed_hosts: Vec<String>,
    /// As in [`HttpConfig::external_pictures`].
    pub external_pictures: bool,
    /// How many sessions, and how long.
    pub portal: portal::Portal,
}

impl ServiceConfig {
    /// Whether browsers come over HTTPS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }
}
