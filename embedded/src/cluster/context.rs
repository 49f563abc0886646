//! What every part of the cluster is built from.

use crate::data_dir::layout::Layout;
use crate::host::ports::Ports;
use crate::host::probe::Probe;
use crate::options::ClusterOptions;
use crate::process::command::Helper;
use crate::process::supervise::PartSpec;

/// The version given to kubeadm, so that it does not ask for the newest one on the network.
pub(super) const KUBERNETES_VERSION: &str = "v1.35.4";

/// The options, folders and ports of one cluster.
#[derive(Debug, Clone)]
pub(super) struct Context {
    pub(super) options: ClusterOptions,
    pub(super) layout: Layout,
    pub(super) ports: Ports,
}

impl Context {
    /// Returns a part of the multi-call program; the first argument says which.
    pub(super) fn part(&self, name: &'static str, probe: Probe) -> PartSpec {
        PartSpec::new(name, &self.options.program, probe).arg(name)
    }

    /// Returns kubectl with the kubeconfig of this owner.
    pub(super) fn kubectl(&self, owner: &str) -> Helper {
        Helper::new(&self.options.program)
            .arg("kubectl")
            .arg("--kubeconfig")
            .arg(self.layout.kubeconfig(owner))
            .env("HOME", self.layout.home())
    }
}

#[cfg(test)]
impl Context {
    /// A cluster in `/srv/lectern` with the default options, and ports from 20,000 on.
    pub(super) fn for_tests() -> Self {
        Self {
            options: ClusterOptions::new("/usr/bin/lectern-cluster"),
            layout: Layout::new("/srv/lectern"),
            ports: Ports::numbered(),
        }
    }
}
