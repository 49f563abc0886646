//! Certificates and kubeconfigs: kubeadm's phases create one for each client of the API server.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use serde_json::{Value, json};

use super::context::{Context, KUBERNETES_VERSION};
use crate::error::Error;
use crate::files;
use crate::options::NODE_NAME;
use crate::process::command::Helper;

/// kubeadm's certificates are valid for a year; they are recreated well before.
const RENEW_AFTER: Duration = Duration::from_secs(180 * 24 * 3600);

/// Who gets a kubeconfig in addition to those that kubeadm creates by itself: file name, user, group.
const OWNERS: [(&str, &str, Option<&str>); 5] = [
    ("kube-proxy", "system:kube-proxy", None),
    ("coredns", "lectern:coredns", None),
    ("network-policy", "lectern:network-policy", None),
    ("volumes", "lectern:volumes", None),
    ("server", "lectern:server", None),
];

/// Creates what is missing, outdated or issued for other addresses. The authorities and the key of service accounts stay.
pub(super) async fn settle(context: &Context) -> Result<(), Error> {
    let layout = &context.layout;
    let config = kubeadm_config(context);
    let stamp = layout.pki().join("made-for");
    let config_file = layout.config("kubeadm.yaml");
    let config = files::to_yaml(&config).map_err(Error::settings(&config_file))?;
    let wanted = fingerprint(&config);
    if is_fresh(&stamp, &wanted) {
        return Ok(());
    }
    files::remove_file(&stamp)?;
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
    making.spawn(create_kubelet_certificate(context.clone()));
    for (owner, user, group) in OWNERS {
        making.spawn(create_kubeconfig(context.clone(), owner, user, group));
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

/// Removes everything that an authority signed. The authorities themselves stay.
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

/// Creates kubelet's serving certificate, signed by the cluster's authority, so that the API server can verify it.
async fn create_kubelet_certificate(context: Context) -> Result<(), Error> {
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
        .args(["--apiserver-cert-extra-sans", NODE_NAME, "--kubernetes-version", KUBERNETES_VERSION])
        .run()
        .await?;
    files::remove_file(&folder.join("ca.key"))
}

async fn create_kubeconfig(
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

fn kubeadm_config(context: &Context) -> [Value; 2] {
    let address = context.options.bridge_address();
    let port = context.ports.of("kube-apiserver");
    let init = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "InitConfiguration",
        "localAPIEndpoint": { "advertiseAddress": address, "bindPort": port },
        "nodeRegistration": {
            "name": NODE_NAME,
            "criSocket": "unix:///run/containerd/containerd.sock",
        },
    });
    let cluster = json!({
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "kind": "ClusterConfiguration",
        "kubernetesVersion": KUBERNETES_VERSION,
        "clusterName": "lectern",
        "certificatesDir": context.layout.pki(),
        "controlPlaneEndpoint": format!("{address}:{port}"),
        "networking": {
            "podSubnet": context.options.pods.to_string(),
            "serviceSubnet": context.options.services.to_string(),
        },
        "apiServer": { "certSANs": [address.to_string(), "127.0.0.1", "localhost"] },
    });
    [init, cluster]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubeadm_makes_certificates_for_the_bridge_and_for_loopback() {
        let init = "apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint:
  advertiseAddress: 10.83.0.1
  bindPort: 20000
nodeRegistration:
  name: lectern
  criSocket: unix:///run/containerd/containerd.sock
";
        let cluster = "apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.35.4
clusterName: lectern
certificatesDir: /srv/lectern/pki
controlPlaneEndpoint: 10.83.0.1:20000
networking:
  podSubnet: 10.83.0.0/16
  serviceSubnet: 10.84.0.0/16
apiServer:
  certSANs: [\"10.83.0.1\", \"127.0.0.1\", localhost]
";
        files::tests::assert_same_yaml(&kubeadm_config(&Context::for_tests()), &[init, cluster]);
    }
}
