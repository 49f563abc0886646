//! Certificates and kubeconfigs: made by kubeadm's phases, one for each who speaks to the API server.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::Context;
use crate::NODE_NAME;
use crate::command::Helper;
use crate::error::Error;
use crate::files;

/// kubeadm's certificates live a year; they are made anew well before.
const RENEW_AFTER: Duration = Duration::from_secs(180 * 24 * 3600);

/// Who gets a kubeconfig beside those that kubeadm makes on its own: the file's name, the user, the group.
const OWNERS: [(&str, &str, Option<&str>); 5] = [
    ("kube-proxy", "system:kube-proxy", None),
    ("coredns", "lectern:coredns", None),
    ("network-policy", "lectern:network-policy", None),
    ("volumes", "lectern:volumes", None),
    ("server", "lectern:server", None),
];

/// Makes what is missing, outdated or made for other addresses; the authorities and the key of service accounts stay.
pub(super) async fn settle(context: &Context) -> Result<(), Error> {
    let layout = &context.layout;
    let config = kubeadm_config(context);
    let stamp = layout.pki().join("made-for");
    let wanted = fingerprint(&config);
    if is_fresh(&stamp, &wanted) {
        return Ok(());
    }
    files::remove_file(&stamp)?;
    let config_file = layout.config("kubeadm.yaml");
    files::settle(&config_file, &config)?;
    remove_leaves(context)?;
    files::create_private_dir(&layout.pki())?;
    kubeadm(context).args(["init", "phase", "certs", "all", "--config"]).arg(&config_file).run().await?;
    let kubeconfigs = kubeadm(context)
        .args(["init", "phase", "kubeconfig", "all", "--config"])
        .arg(&config_file)
        .arg("--kubeconfig-dir")
        .arg(layout.kubeconfigs());
    let mut making = tokio::task::JoinSet::new();
    making.spawn(async move { kubeconfigs.run().await.map(drop) });
    making.spawn(make_kubelet_certificate(context.clone()));
    for (owner, user, group) in OWNERS {
        making.spawn(make_kubeconfig(context.clone(), owner, user, group));
    }
    while let Some(made) = making.join_next().await {
        made.map_err(|_| Error::Task { task: "the credentials" })??;
    }
    files::replace(&stamp, wanted)
}

fn kubeadm(context: &Context) -> Helper {
    Helper::new(&context.options.program).arg("kubeadm").env("HOME", context.layout.home())
}

fn fingerprint(config: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (config, OWNERS).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn is_fresh(stamp: &std::path::Path, wanted: &str) -> bool {
    let age =
        fs::metadata(stamp).and_then(|found| found.modified()).ok().and_then(|made| made.elapsed().ok());
    age.is_some_and(|age| age < RENEW_AFTER)
        && fs::read_to_string(stamp).is_ok_and(|present| present == wanted)
}

/// Removes everything that an authority signed; what is left is what others trust.
fn remove_leaves(context: &Context) -> Result<(), Error> {
    let pki = context.layout.pki();
    for leaf in [
        "apiserver",
        "apiserver-kubelet-client",
        "apiserver-etcd-client",
        "front-proxy-client",
        "etcd/server",
        "etcd/peer",
        "etcd/healthcheck-client",
    ] {
        for ending in ["crt", "key"] {
            files::remove_file(&pki.join(format!("{leaf}.{ending}")))?;
        }
    }
    files::remove_tree(&context.layout.kubelet_pki())?;
    files::remove_tree(&context.layout.kubeconfigs())?;
    files::create_private_dir(&context.layout.kubeconfigs())
}

/// kubelet's serving certificate, signed by the cluster's authority, so that the API server can tell it from others.
async fn make_kubelet_certificate(context: Context) -> Result<(), Error> {
    let folder = context.layout.kubelet_pki();
    files::create_private_dir(&folder)?;
    for file in ["ca.crt", "ca.key"] {
        let from = context.layout.pki().join(file);
        fs::copy(&from, folder.join(file)).map_err(Error::file("copy", from))?;
    }
    kubeadm(&context)
        .args(["init", "phase", "certs", "apiserver", "--cert-dir"])
        .arg(&folder)
        .args(["--apiserver-advertise-address", &context.options.bridge_address().to_string()])
        .args(["--apiserver-cert-extra-sans", NODE_NAME, "--kubernetes-version", super::KUBERNETES_VERSION])
        .run()
        .await?;
    files::remove_file(&folder.join("ca.key"))
}

async fn make_kubeconfig(
    context: Context,
    owner: &str,
    user: &str,
    group: Option<&str>,
) -> Result<(), Error> {
    let mut command = kubeadm(&context).args(["kubeconfig", "user", "--client-name", user, "--config"]);
    command = command.arg(context.layout.config("kubeadm.yaml"));
    if let Some(group) = group {
        command = command.args(["--org", group]);
    }
    let kubeconfig = command.run().await?;
    files::replace(&context.layout.kubeconfig(owner), kubeconfig)
}

fn kubeadm_config(context: &Context) -> String {
    let address = context.options.bridge_address();
    let port = context.ports.of("kube-apiserver");
    format!(
        "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: {address}
  bindPort: {port}
nodeRegistration:
  name: {NODE_NAME}
  criSocket: unix:///run/containerd/containerd.sock
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: {version}
clusterName: lectern
certificatesDir: {pki}
controlPlaneEndpoint: {address}:{port}
networking:
  podSubnet: {pods}
  serviceSubnet: {services}
apiServer:
  certSANs: [\"{address}\", \"127.0.0.1\", localhost]
",
        version = super::KUBERNETES_VERSION,
        pki = context.layout.pki().display(),
        pods = context.options.pods,
        services = context.options.services,
    )
}
