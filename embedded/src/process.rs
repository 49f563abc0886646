//! Processes as the kernel shows them: who is alive, who is whose, and how to end them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

/// The variable that every part inherits and by which it is known again after the supervisor was killed.
pub(crate) const MARK: &str = "LECTERN_PARTS_OF";

/// A process, told apart from later ones with the same number by its start time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pub(crate) pid: u32,
    /// In clock ticks since boot.
    pub(crate) started: u64,
}

impl ProcessId {
    /// The running process with this number; `None` when there is none or it is a zombie.
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

    /// Sends a signal if it is still this process.
    pub(crate) fn signal(self, signal: Signal) {
        if self.is_alive() {
            send(self.pid, signal);
        }
    }

    /// Sends a signal to the process and its whole group, which it leads.
    pub(crate) fn signal_group(self, signal: Signal) {
        if self.is_alive()
            && let Ok(pid) = i32::try_from(self.pid)
        {
            // a group that has just ended is what was wanted
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

    /// Fields are counted after the name, which is in brackets and may hold anything.
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
        // a process that has just ended is what was wanted
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

/// The living processes that carry the mark of this data folder, the caller left out.
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

/// Resident memory of a process and all its descendants, in bytes; shared pages count once per process.
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

/// Waits until none of the processes is alive; answers those that still are when the time is over.
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
