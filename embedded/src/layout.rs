//! Where everything lies below the data folder.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The paths of one data folder.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A short name that differs between data folders, for things that the whole machine shares.
    pub(crate) fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.root.hash(&mut hasher);
        format!("{:08x}", hasher.finish() & 0xffff_ffff)
    }

    /// What is only true while the supervisor runs.
    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.run().join("lock")
    }

    pub(crate) fn status(&self) -> PathBuf {
        self.run().join("status.json")
    }

    pub(crate) fn leftovers(&self) -> PathBuf {
        self.run().join("leftovers.json")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.run().join("home")
    }

    pub(crate) fn ports(&self) -> PathBuf {
        self.root.join("ports.json")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn log(&self, part: &str) -> PathBuf {
        self.logs().join(format!("{part}.log"))
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    pub(crate) fn kubelet_pki(&self) -> PathBuf {
        self.pki().join("kubelet")
    }

    pub(crate) fn kubeconfigs(&self) -> PathBuf {
        self.root.join("kubeconfigs")
    }

    pub(crate) fn kubeconfig(&self, owner: &str) -> PathBuf {
        self.kubeconfigs().join(format!("{owner}.conf"))
    }

    /// Generated settings of the parts.
    pub(crate) fn config(&self, file: &str) -> PathBuf {
        self.root.join("config").join(file)
    }

    pub(crate) fn etcd(&self) -> PathBuf {
        self.root.join("etcd")
    }

    pub(crate) fn containerd(&self) -> PathBuf {
        self.root.join("containerd")
    }

    /// What the parts of the node see at fixed places such as `/var/lib/kubelet`.
    pub(crate) fn node(&self, name: &str) -> PathBuf {
        self.root.join("node").join(name)
    }

    /// Where the network plugins are found, Debian's and our own.
    pub(crate) fn cni_plugins(&self) -> PathBuf {
        self.node("cni-plugins")
    }

    /// Where the policy enforcer hears of pods before they start.
    pub(crate) fn network_policy_gate(&self) -> PathBuf {
        self.run().join("network-policy.sock")
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.root.join("postgres")
    }

    pub(crate) fn postgres_data(&self) -> PathBuf {
        self.postgres().join("data")
    }

    pub(crate) fn postgres_socket(&self) -> PathBuf {
        self.postgres().join("socket")
    }
}
