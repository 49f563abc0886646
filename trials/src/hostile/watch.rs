//! What the machine and the server look like from outside while somebody attacks: sampled twice a second.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use lectern_testbed::Kubectl;
use nix::sys::statvfs::statvfs;
use tokio::task::JoinHandle;

use crate::proc;
use crate::settings::Settings;
use crate::stage::Stage;

const SAMPLE_EVERY: Duration = Duration::from_millis(500);

/// The worst that was seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extremes {
    /// The server's resident memory, in KiB: the least and the most.
    pub server_kib: [u64; 2],
    /// Processes and threads on the machine, at most.
    pub tasks: u64,
    /// Free space where the parts keep their data, in MiB: the least.
    pub disk_free_mib: u64,
    /// Memory that is still available on the machine, in MiB: the least.
    pub memory_free_mib: u64,
}

impl Extremes {
    fn take(&mut self, sample: Self) {
        if self.tasks == 0 {
            *self = sample;
            return;
        }
        self.server_kib[0] = self.server_kib[0].min(sample.server_kib[0]);
        self.server_kib[1] = self.server_kib[1].max(sample.server_kib[1]);
        self.tasks = self.tasks.max(sample.tasks);
        self.disk_free_mib = self.disk_free_mib.min(sample.disk_free_mib);
        self.memory_free_mib = self.memory_free_mib.min(sample.memory_free_mib);
    }
}

/// Samples until it is dropped.
pub struct MachineWatch {
    since_mark: Arc<Mutex<Extremes>>,
    conditions: Arc<Mutex<Vec<String>>>,
    sampling: JoinHandle<()>,
    asking: JoinHandle<()>,
}

impl MachineWatch {
    /// Begins.
    pub fn start(stage: &Stage, settings: &Settings) -> Result<Self> {
        let since_mark = Arc::new(Mutex::new(Extremes::default()));
        let conditions = Arc::new(Mutex::new(vec![]));
        let (pid, disk) = (stage.server.pid()?, data_folder(settings));
        let sampled = since_mark.clone();
        let sampling = tokio::spawn(async move {
            loop {
                if let Ok(sample) = sample(pid, &disk) {
                    sampled.lock().unwrap_or_else(PoisonError::into_inner).take(sample);
                }
                tokio::time::sleep(SAMPLE_EVERY).await;
            }
        });
        let asking = tokio::spawn(ask_for_conditions(stage.kubectl.clone(), conditions.clone()));
        Ok(Self { since_mark, conditions, sampling, asking })
    }

    /// From now on.
    pub fn mark(&self) {
        *self.since_mark.lock().unwrap_or_else(PoisonError::into_inner) = Extremes::default();
    }

    /// What was seen since the mark.
    pub fn since_mark(&self) -> Extremes {
        *self.since_mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends; what the nodes complained of meanwhile.
    pub fn finish(self) -> Vec<String> {
        self.sampling.abort();
        self.asking.abort();
        std::mem::take(&mut *self.conditions.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where the disk that learners might fill is looked at.
fn data_folder(settings: &Settings) -> PathBuf {
    settings.parts_data_dir.clone().unwrap_or_else(|| Path::new("/").to_owned())
}

fn sample(server: u32, disk: &Path) -> Result<Extremes> {
    let resident = proc::resident_kib(server)?;
    let free = statvfs(disk)?;
    Ok(Extremes {
        server_kib: [resident, resident],
        tasks: proc::count_tasks()?,
        disk_free_mib: free.blocks_available() * free.fragment_size() / (1024 * 1024),
        memory_free_mib: proc::field_kib("/proc/meminfo", "MemAvailable")? / 1024,
    })
}

/// A node under pressure evicts, so each pressure is noted once.
async fn ask_for_conditions(kubectl: Kubectl, found: Arc<Mutex<Vec<String>>>) {
    let path = "jsonpath={range .items[*]}{.metadata.name}{range .status.conditions[*]} {.type}={.status}{end}\n{end}";
    loop {
        if let Ok(nodes) = kubectl.run(&["get", "nodes", "-o", path]).await {
            let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
            for line in nodes.lines() {
                let node = line.split(' ').next().unwrap_or_default();
                for condition in
                    line.split(' ').filter(|c| c.ends_with("Pressure=True") || *c == "Ready=False")
                {
                    let text = format!("node {node} said {condition}");
                    if !found.contains(&text) {
                        found.push(text);
                    }
                }
            }
        }
        tokio::time::sleep(SAMPLE_EVERY * 4).await;
    }
}
