//! etcd, the controller manager and the scheduler.

use std::net::Ipv4Addr;
use std::path::Path;

use super::Context;
use crate::error::Error;
use crate::files;
use crate::probe::Probe;
use crate::supervise::{PartSpec, cluster_part};

pub(super) fn flag(name: &str, value: impl AsRef<Path>) -> String {
    format!("--{name}={}", value.as_ref().display())
}

pub(super) fn etcd(context: &Context) -> Result<PartSpec, Error> {
    let data = context.layout.etcd();
    files::create_private_dir(&data)?;
    let pki = context.layout.pki().join("etcd");
    let client = format!("https://127.0.0.1:{}", context.ports.of("etcd-client"));
    let peer = format!("https://127.0.0.1:{}", context.ports.of("etcd-peer"));
    let health = context.ports.of("etcd-health");
    Ok(context
        .part("etcd", Probe::http(health, "/readyz"))
        .args([
            "--name=lectern",
            "--client-cert-auth=true",
            "--peer-client-cert-auth=true",
            "--log-level=warn",
            // its largest: what is written between two compactions must fit beside what is kept
            "--quota-backend-bytes=8589934592",
            // gives back at a start what compactions have freed
            "--bootstrap-defrag-threshold-megabytes=256",
        ])
        .arg(flag("data-dir", data))
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=lectern={peer}"))
        .arg(format!("--listen-metrics-urls=http://127.0.0.1:{health}"))
        .arg(flag("trusted-ca-file", pki.join("ca.crt")))
        .arg(flag("cert-file", pki.join("server.crt")))
        .arg(flag("key-file", pki.join("server.key")))
        .arg(flag("peer-trusted-ca-file", pki.join("ca.crt")))
        .arg(flag("peer-cert-file", pki.join("peer.crt")))
        .arg(flag("peer-key-file", pki.join("peer.key"))))
}

pub(super) fn kube_controller_manager(context: &Context) -> PartSpec {
    let pki = context.layout.pki();
    let port = context.ports.of("kube-controller-manager");
    let kubeconfig = context.layout.kubeconfig("controller-manager");
    let mut spec = context
        .part("kube-controller-manager", Probe::tcp(Ipv4Addr::LOCALHOST, port))
        .args([
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--allocate-node-cidrs=false",
            "--use-service-account-credentials=true",
            "--controllers=*",
            // a class that starts together claims thirty volumes at once, and 20 requests a second bind them too slowly
            "--kube-api-qps=100",
            "--kube-api-burst=200",
            "--profiling=false",
        ])
        .arg(format!("--secure-port={port}"))
        .arg(format!("--service-cluster-ip-range={}", context.options.services));
    for name in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
        spec = spec.arg(flag(name, &kubeconfig));
    }
    for (name, file) in [
        ("client-ca-file", "ca.crt"),
        ("root-ca-file", "ca.crt"),
        ("cluster-signing-cert-file", "ca.crt"),
        ("cluster-signing-key-file", "ca.key"),
        ("requestheader-client-ca-file", "front-proxy-ca.crt"),
        ("service-account-private-key-file", "sa.key"),
    ] {
        spec = spec.arg(flag(name, pki.join(file)));
    }
    spec
}

pub(super) fn kube_scheduler(context: &Context) -> PartSpec {
    let port = context.ports.of("kube-scheduler");
    let kubeconfig = context.layout.kubeconfig("scheduler");
    let mut spec = context
        .part("kube-scheduler", Probe::tcp(Ipv4Addr::LOCALHOST, port))
        .args(["--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false"])
        .arg(format!("--secure-port={port}"));
    for name in ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"] {
        spec = spec.arg(flag(name, &kubeconfig));
    }
    spec
}

impl Context {
    /// A part of the multi-call program.
    pub(super) fn part(&self, name: &'static str, probe: Probe) -> PartSpec {
        cluster_part(&self.options.program, name, probe)
    }
}
