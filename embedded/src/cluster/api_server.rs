//! The API server, and its settings for admission, audit and encryption.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::context::Context;
use crate::error::Error;
use crate::files;
use crate::host::probe::Probe;
use crate::process::supervise::PartSpec;

/// Limits the rate of events per namespace: pods and controllers can cause any number of them.
const ADMISSION: &str = "apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: EventRateLimit
  configuration:
    apiVersion: eventratelimit.admission.k8s.io/v1alpha1
    kind: Configuration
    limits:
    - { type: Namespace, qps: 5, burst: 500, cacheSize: 4096 }
";

/// Records who changed what and who entered a pod, but never the content, which may be secret. The first matching rule
/// applies.
const AUDIT_POLICY: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
omitManagedFields: true
rules:
- level: Metadata
  resources:
  - { group: \"\", resources: [pods/exec, pods/attach, pods/portforward, pods/proxy, services/proxy, nodes/proxy] }
- level: None
  verbs: [get, list, watch]
- level: None
  resources:
  - { group: \"\", resources: [events] }
  - { group: events.k8s.io }
  - { group: coordination.k8s.io }
  - { group: authentication.k8s.io }
  - { group: authorization.k8s.io }
- level: None
  users: [\"system:apiserver\", \"system:kube-controller-manager\", \"system:kube-scheduler\"]
- level: None
  userGroups: [\"system:nodes\", \"system:serviceaccounts:kube-system\"]
- level: Metadata
";

/// Returns the API server as a part. It is bound to the bridge's address only, where the machine and the pods reach it;
/// the firewall keeps everybody else away.
pub(super) fn kube_apiserver(context: &Context) -> Result<PartSpec, Error> {
    let pki = context.layout.pki();
    let address = context.options.bridge_address();
    let port = context.ports.of("kube-apiserver");
    let admission = context.layout.config("admission.yaml");
    files::settle(&admission, ADMISSION)?;
    let policy = context.layout.config("audit-policy.yaml");
    files::settle(&policy, AUDIT_POLICY)?;
    files::create_private_dir(&context.layout.audit())?;
    let mut spec = context
        .part("kube-apiserver", Probe::tcp(address, port))
        .args([
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction,EventRateLimit",
            "--allow-privileged=true",
            "--enable-bootstrap-token-auth=false",
            "--kubelet-preferred-address-types=InternalIP",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-username-headers=X-Remote-User",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            "--profiling=false",
            // keeps the old values of an object that is overwritten all the time for a minute or two, not for ten
            "--etcd-compaction-interval=1m",
            "--audit-log-mode=batch",
            "--audit-log-maxsize=64",
            "--audit-log-maxbackup=7",
            "--audit-log-maxage=90",
        ])
        .flag("bind-address", address)
        .flag("advertise-address", address)
        .flag("secure-port", port)
        .flag("service-cluster-ip-range", context.options.services)
        .flag("etcd-servers", format!("https://127.0.0.1:{}", context.ports.of("etcd-client")))
        .file_flags(
            &pki,
            &[
                ("client-ca-file", "ca.crt"),
                ("tls-cert-file", "apiserver.crt"),
                ("tls-private-key-file", "apiserver.key"),
                ("etcd-cafile", "etcd/ca.crt"),
                ("etcd-certfile", "apiserver-etcd-client.crt"),
                ("etcd-keyfile", "apiserver-etcd-client.key"),
                ("kubelet-certificate-authority", "ca.crt"),
                ("kubelet-client-certificate", "apiserver-kubelet-client.crt"),
                ("kubelet-client-key", "apiserver-kubelet-client.key"),
                ("proxy-client-cert-file", "front-proxy-client.crt"),
                ("proxy-client-key-file", "front-proxy-client.key"),
                ("requestheader-client-ca-file", "front-proxy-ca.crt"),
                ("service-account-key-file", "sa.pub"),
                ("service-account-signing-key-file", "sa.key"),
            ],
        )
        .flag("admission-control-config-file", admission.display())
        .flag("audit-policy-file", policy.display())
        .flag("audit-log-path", context.layout.audit().join("kube-apiserver.log").display())
        .flag("encryption-provider-config", encryption(&pki)?.display());
    spec.stop_limit = Duration::from_secs(4);
    Ok(spec)
}

/// Returns the settings file with the key that encrypts secrets at rest. The key is created once, because secrets are
/// lost without it. What was written before there was a key stays readable.
fn encryption(pki: &Path) -> Result<PathBuf, Error> {
    let path = pki.join("secrets-at-rest.yaml");
    if path.exists() {
        return Ok(path);
    }
    let mut key = [0; 32];
    let source = Path::new("/dev/urandom");
    let read = fs::File::open(source).and_then(|mut random| random.read_exact(&mut key));
    read.map_err(Error::file("read", source))?;
    let draft = path.with_extension("new");
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| {
            file.write_all(encryption_config(&key).as_bytes())?;
            file.sync_all()
        })
        .map_err(Error::file("write", &draft))?;
    fs::rename(&draft, &path).map_err(Error::file("write", &path))?;
    Ok(path)
}

fn encryption_config(key: &[u8]) -> String {
    format!(
        "apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: [secrets]
  providers:
  - secretbox: {{ keys: [{{ name: first, secret: {} }}] }}
  - identity: {{}}
",
        STANDARD.encode(key)
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_key_for_secrets_is_made_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().expect("folder");
        let path = encryption(folder.path()).expect("a key");
        let first = fs::read_to_string(&path).expect("settings");
        assert_eq!(fs::metadata(&path).expect("settings").permissions().mode() & 0o777, 0o600);
        encryption(folder.path()).expect("the same key");
        assert_eq!(fs::read_to_string(&path).expect("settings"), first);
        let other = tempfile::tempdir().expect("folder");
        let other = encryption(other.path()).expect("another key");
        assert_ne!(fs::read_to_string(other).expect("settings"), first);
    }
}
