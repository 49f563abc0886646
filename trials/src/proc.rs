//! What the kernel tells of the machine and of processes, under `/proc`.

use anyhow::{Context, Result};

fn read(path: &str) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("could not read {path}"))
}

/// The amount of a field, such as `VmRSS` of `/proc/<pid>/status`, in KiB.
pub fn field_kib(path: &str, name: &str) -> Result<u64> {
    let text = read(path)?;
    let amount = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let amount = amount.with_context(|| format!("{path} has no {name}"))?;
    Ok(amount.trim().trim_end_matches(" kB").trim().parse()?)
}

/// A process's resident memory, in KiB.
pub fn resident_kib(pid: u32) -> Result<u64> {
    field_kib(&format!("/proc/{pid}/status"), "VmRSS")
}

/// How many processes and threads there are on the machine.
pub fn count_tasks() -> Result<u64> {
    let load = read("/proc/loadavg")?;
    let tasks = load.split(' ').nth(3).and_then(|field| field.split('/').nth(1));
    Ok(tasks.context("/proc/loadavg tells no tasks")?.parse()?)
}
