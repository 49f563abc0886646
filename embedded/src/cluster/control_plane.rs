//! etcd, the controller manager and the scheduler.

use std::net::Ipv4Addr;

use super::context::Context;
use crate::error::Error;
use crate::files;
use crate::host::probe::Probe;
use crate::process::supervise::PartSpec;

/// The flags through which a controller reaches the API server, and has it check who asks the controller itself.
const KUBECONFIG_FLAGS: [&str; 3] = ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"];

/// Returns etcd as a part.
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
            // the maximum: what is written between two compactions must fit in addition to what is kept
            "--quota-backend-bytes=8589934592",
            // returns the space that compactions have freed, at a start
            "--bootstrap-defrag-threshold-megabytes=256",
        ])
        .flag("data-dir", data.display())
        .flag("listen-client-urls", &client)
        .flag("advertise-client-urls", &client)
        .flag("listen-peer-urls", &peer)
        .flag("initial-advertise-peer-urls", &peer)
        .flag("initial-cluster", format!("lectern={peer}"))
        .flag("listen-metrics-urls", format!("http://127.0.0.1:{health}"))
        .file_flags(
            &pki,
            &[
                ("trusted-ca-file", "ca.crt"),
                ("cert-file", "server.crt"),
                ("key-file", "server.key"),
                ("peer-trusted-ca-file", "ca.crt"),
                ("peer-cert-file", "peer.crt"),
                ("peer-key-file", "peer.key"),
            ],
        ))
}

/// Returns the controller manager as a part.
pub(super) fn kube_controller_manager(context: &Context) -> PartSpec {
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
            // a class that starts together claims thirty volumes at once; the default of 20 requests per second is too slow
            // for that
            "--kube-api-qps=100",
            "--kube-api-burst=200",
            "--profiling=false",
        ])
        .flag("secure-port", port)
        .flag("service-cluster-ip-range", context.options.services);
    for name in KUBECONFIG_FLAGS {
        spec = spec.flag(name, kubeconfig.display());
    }
    spec.file_flags(
        &context.layout.pki(),
        &[
            ("client-ca-file", "ca.crt"),
            ("root-ca-file", "ca.crt"),
            ("cluster-signing-cert-file", "ca.crt"),
            ("cluster-signing-key-file", "ca.key"),
            ("requestheader-client-ca-file", "front-proxy-ca.crt"),
            ("service-account-private-key-file", "sa.key"),
        ],
    )
}

/// Returns the scheduler as a part.
pub(super) fn kube_scheduler(context: &Context) -> PartSpec {
    let port = context.ports.of("kube-scheduler");
    let kubeconfig = context.layout.kubeconfig("scheduler");
    let mut spec = context
        .part("kube-scheduler", Probe::tcp(Ipv4Addr::LOCALHOST, port))
        .args(["--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false"])
        .flag("secure-port", port);
    for name in KUBECONFIG_FLAGS {
        spec = spec.flag(name, kubeconfig.display());
    }
    spec
}
