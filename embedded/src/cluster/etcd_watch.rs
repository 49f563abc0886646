//! Makes etcd writable again when it has run out of its quota, which it never does by itself.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::Context;
use crate::command::Helper;
use crate::error::Error;
use crate::probe::Probe;

const INTERVAL: Duration = Duration::from_secs(10);

/// The watching task; it ends when this is dropped.
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
    // it does not answer well while it has an alarm
    let health = Probe::http(context.ports.of("etcd-health"), "/health");
    loop {
        tokio::time::sleep(INTERVAL).await;
        if health.succeeds().await {
            continue;
        }
        match mend(&context).await {
            Ok(said) if said.is_empty() => {}
            Ok(said) => tracing::warn!(said, "etcd was full and takes writes again"),
            Err(error) => tracing::error!(error = %error, "etcd is not well and could not be mended"),
        }
    }
}

/// Answers what was done, which is nothing if there was no alarm.
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
