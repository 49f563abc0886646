//! Makes etcd writable again after it has exceeded its quota, which etcd never does by itself.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::context::Context;
use crate::error::Error;
use crate::host::probe::Probe;
use crate::process::command::Helper;

const INTERVAL: Duration = Duration::from_secs(10);

/// The task that watches etcd. It ends when this is dropped.
#[derive(Debug)]
pub(super) struct EtcdWatch(JoinHandle<()>);

impl EtcdWatch {
    pub(super) fn start(context: &Context) -> Self {
        Self(tokio::spawn(watch(context.clone())))
    }
}

impl Drop for EtcdWatch {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn watch(context: Context) {
    // etcd is unhealthy while an alarm is raised
    let health = Probe::http(context.ports.of("etcd-health"), "/health");
    loop {
        tokio::time::sleep(INTERVAL).await;
        if health.succeeds().await {
            continue;
        }
        match mend(&context).await {
            Ok(done) if done.is_empty() => {}
            Ok(done) => tracing::warn!(done, "etcd was full and accepts writes again"),
            Err(error) => tracing::error!(error = %error, "etcd is unhealthy and could not be repaired"),
        }
    }
}

/// Clears the alarm. Returns what was done, which is empty if there was no alarm.
async fn mend(context: &Context) -> Result<String, Error> {
    let pki = context.layout.pki();
    Helper::new(&context.options.program)
        .arg("etcd-mend")
        .arg(format!("--endpoint=https://127.0.0.1:{}", context.ports.of("etcd-client")))
        .arg(format!("--cacert={}", pki.join("etcd/ca.crt").display()))
        .arg(format!("--cert={}", pki.join("apiserver-etcd-client.crt").display()))
        .arg(format!("--key={}", pki.join("apiserver-etcd-client.key").display()))
        .env("HOME", context.layout.home())
        .run()
        .await
}
