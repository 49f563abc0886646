//! The flags that say where labs come from.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use lectern_server::catalog::CatalogConfig;
use lectern_server::catalog::source::{Source, SourceList};

/// Where labs come from.
#[derive(Args, Clone, Debug)]
pub struct CatalogFlags {
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
    /// Seconds between two checks of sources that are not folders.
    #[arg(long, env = "LECTERN_LABS_REFRESH_SECS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub labs_refresh_secs: u64,
    /// Folder for fetched labs, for this server alone; without it a temporary one.
    #[arg(long, env = "LECTERN_LABS_CACHE_DIR")]
    pub labs_cache_dir: Option<PathBuf>,
    /// Maximum size of one source, in MiB.
    #[arg(long, env = "LECTERN_LABS_MAX_MIB", default_value = "256", value_parser = clap::value_parser!(u64).range(1..=65_536))]
    pub labs_max_mib: u64,
    /// Host in a private network from which labs may name further sources; may be repeated.
    #[arg(
        long = "labs-inner-host",
        env = "LECTERN_LABS_INNER_HOSTS",
        value_name = "HOST",
        value_delimiter = ' '
    )]
    pub labs_inner_hosts: Vec<String>,
}

impl CatalogFlags {
    /// Returns what the flags mean.
    pub fn config(&self) -> CatalogConfig {
        let more = self.labs.iter().flat_map(|list| list.0.clone());
        let dir = match &self.labs_dir {
            None if self.labs.iter().all(|list| list.0.is_empty()) => Some("labs".into()),
            dir => dir.clone(),
        };
        CatalogConfig {
            // the first source of a name wins, so the operator's folder comes first
            sources: dir.map(Source::Folder).into_iter().chain(more).collect(),
            refresh_every: Duration::from_secs(self.labs_refresh_secs),
            cache_dir: self.labs_cache_dir.clone(),
            max_mib: self.labs_max_mib,
            inner_hosts: self.labs_inner_hosts.clone(),
        }
    }
}
