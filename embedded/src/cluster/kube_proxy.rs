//! kube-proxy, which implements services with nftables.

use serde_json::{Value, json};

use super::context::Context;
use crate::error::Error;
use crate::files;
use crate::host::probe::Probe;
use crate::options::NODE_NAME;
use crate::process::supervise::PartSpec;

/// Returns kube-proxy as a part.
pub(super) fn kube_proxy(context: &Context) -> Result<PartSpec, Error> {
    let path = context.layout.config("kube-proxy.yaml");
    files::settle_yaml(&path, &[config(context)])?;
    let health = context.ports.of("kube-proxy-health");
    Ok(context.part("kube-proxy", Probe::http(health, "/livez")).flag("config", path.display()))
}

fn config(context: &Context) -> Value {
    json!({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": NODE_NAME,
        "clusterCIDR": context.options.pods.to_string(),
        "healthzBindAddress": format!("127.0.0.1:{}", context.ports.of("kube-proxy-health")),
        "metricsBindAddress": format!("127.0.0.1:{}", context.ports.of("kube-proxy-metrics")),
        "clientConnection": { "kubeconfig": context.layout.kubeconfig("kube-proxy") },
        // zero leaves the machine's settings of connection tracking alone
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "nftables": { "syncPeriod": "30s", "minSyncPeriod": "100ms" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kube_proxy_uses_nftables_and_leaves_connection_tracking_alone() {
        let expected = "apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: lectern
clusterCIDR: 10.83.0.0/16
healthzBindAddress: 127.0.0.1:20008
metricsBindAddress: 127.0.0.1:20009
clientConnection:
  kubeconfig: /srv/lectern/kubeconfigs/kube-proxy.conf
conntrack:
  maxPerCore: 0
  min: 0
  tcpEstablishedTimeout: 0s
  tcpCloseWaitTimeout: 0s
nftables:
  syncPeriod: 30s
  minSyncPeriod: 100ms
";
        files::tests::assert_same_yaml(&[config(&Context::for_tests())], &[expected]);
    }
}
