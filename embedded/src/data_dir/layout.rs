//! The paths below the data folder.

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

    /// Returns a short name that differs between data folders, for things that are shared by the whole machine.
    pub(crate) fn tag(&self) -> String {
        let mut hasher = DefaultHasher::new();
        self.root.hash(&mut hasher);
        format!("{:08x}", hasher.finish() & 0xffff_ffff)
    }

    /// Returns the name of the pods' cgroup. It differs between data folders, because the whole machine shares cgroups.
    pub(crate) fn cgroup(&self) -> String {
        format!("lectern-{}", self.tag())
    }

    /// Files that are valid only while the supervisor runs.
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

    pub(crate) fn containerd_plugins(&self) -> PathBuf {
        self.containerd().join("opt")
    }

    /// Folders that the parts of the node see at fixed paths such as `/run/containerd`.
    pub(crate) fn node(&self, name: &str) -> PathBuf {
        self.node_root().join(name)
    }

    /// The folder that other users of the machine must not see: pods' files and logs.
    pub(crate) fn node_root(&self) -> PathBuf {
        self.root.join("node")
    }

    /// The file that holds the pods' disk.
    pub(crate) fn pods_disk_image(&self) -> PathBuf {
        self.root.join("pods-disk.img")
    }

    pub(crate) fn pods_disk_stamp(&self) -> PathBuf {
        self.root.join("pods-disk.json")
    }

    /// Where the pods' disk is mounted, in the node's mount namespace.
    pub(crate) fn pods_disk(&self) -> PathBuf {
        self.node("disk")
    }

    /// Folders that releases without a pods' disk kept on the data folder's own file system.
    pub(crate) fn superseded_by_pods_disk(&self) -> [PathBuf; 3] {
        [self.containerd().join("root"), self.node("kubelet"), self.node("pod-logs")]
    }

    /// The folder of the API server's audit log.
    pub(crate) fn audit(&self) -> PathBuf {
        self.root.join("audit")
    }

    /// The folder of all CNI plugins, Debian's and our own.
    pub(crate) fn cni_plugins(&self) -> PathBuf {
        self.node("cni-plugins")
    }

    /// The socket on which the policy enforcer is notified of pods before they start.
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
