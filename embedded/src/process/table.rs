//! The kernel's table of processes: which are alive, which are ours, and sending signals to them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// The environment variable that marks every part and its descendants, so that they are found after the supervisor was
/// killed.
pub(crate) const MARK: &str = "LECTERN_PARTS_OF";

/// A process. The start time distinguishes it from later ones with the same process id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    /// In clock ticks since boot.
    pub(crate) started: u64,
}

impl ProcessId {
    /// Returns the running process with this id, or `None` if there is none or it is a zombie.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        (!stat.zombie).then_some(Self { pid, started: stat.started })
    }

    pub(crate) fn myself() -> Option<Self> {
        Self::of(std::process::id())
    }

    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends a signal, if this process still runs.
    pub(crate) fn signal(self, signal: Signal) {
        if self.is_alive() {
            send(self.pid, signal);
        }
    }

    /// Sends a signal to the whole process group that this process leads.
    pub(crate) fn signal_group(self, signal: Signal) {
        if self.is_alive()
            && let Ok(pid) = i32::try_from(self.pid)
        {
            // fails if the group has just ended, which is what was wanted
            let _ = killpg(Pid::from_raw(pid), signal);
        }
    }
}

struct Stat {
    zombie: bool,
    parent: u32,
    started: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Parses a line of `/proc/PID/stat`. Fields are counted after the name in parentheses, which may contain anything.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.rsplit_once(')')?.1.split_whitespace();
        let state = fields.next()?;
        let parent = fields.next()?.parse().ok()?;
        let started = fields.nth(17)?.parse().ok()?;
        Some(Self { zombie: matches!(state, "Z" | "X"), parent, started })
    }
}

pub(crate) fn send(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // fails if the process has just ended, which is what was wanted
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

fn all_pids() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Returns the living processes that carry the mark of this data folder, except the caller.
pub(crate) fn marked_with(data_dir: &Path) -> Vec<ProcessId> {
    let mut wanted = format!("{MARK}=").into_bytes();
    wanted.extend_from_slice(data_dir.as_os_str().as_encoded_bytes());
    all_pids()
        .filter(|pid| *pid != std::process::id())
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|variable| variable == wanted))
        })
        .filter_map(ProcessId::of)
        .collect()
}

/// Returns the resident memory of a process and all its descendants, in bytes. Shared pages count once per process.
pub(crate) fn tree_memory_bytes(root: u32) -> u64 {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for pid in all_pids() {
        if let Some(stat) = Stat::read(pid) {
            children.entry(stat.parent).or_default().push(pid);
        }
    }
    let mut total = 0;
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        total += memory_bytes(pid);
        open.extend(children.remove(&pid).unwrap_or_default());
    }
    total
}

fn memory_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Waits until none of the processes is alive. Returns those that still are after the time limit.
pub(crate) async fn wait_gone(processes: &[ProcessId], limit: Duration) -> Vec<ProcessId> {
    let deadline = Instant::now() + limit;
    loop {
        let alive: Vec<_> = processes.iter().copied().filter(|process| process.is_alive()).collect();
        if alive.is_empty() || Instant::now() >= deadline {
            return alive;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_confuse_the_fields() {
        let text = "7 (a) (b) S 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 9 9";
        let stat = Stat::parse(text).expect("fields");
        assert_eq!((stat.zombie, stat.parent, stat.started), (false, 3, 4711));
    }

    #[test]
    fn a_number_used_again_by_a_later_process_is_not_taken_for_the_old_one() {
        let me = ProcessId::myself().expect("this process");
        assert!(me.is_alive());
        assert!(!ProcessId { started: me.started + 1, ..me }.is_alive());
    }

    #[test]
    fn a_process_uses_memory() {
        assert!(tree_memory_bytes(std::process::id()) > 100_000);
    }
}
