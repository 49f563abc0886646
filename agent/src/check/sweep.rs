//! Kills what runs of checks left behind. A check may run what the learner wrote, and that may stay: it would still run,
//! as the same user, when the files of the next check arrive.

use std::io;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid};

/// The number of attempts: a process that keeps forking may be quicker once or twice.
const TRIES: u32 = 200;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(5);

/// Kills all processes of the checks container except process 1 and those that the container runtime started for
/// servers, whose parent is outside the container's namespaces. Outside a checks container it does nothing.
pub fn sweep() -> io::Result<()> {
    if !is_in_checks_container() {
        return Ok(());
    }
    for _ in 0..TRIES {
        let left = strangers()?;
        if left.is_empty() {
            return Ok(());
        }
        for pid in left {
            // fails if it has just ended
            let _ = kill(pid, Signal::SIGKILL);
        }
        std::thread::sleep(PAUSE);
    }
    Err(io::Error::other("processes of an earlier check could not be killed"))
}

/// Returns whether the container runtime started this process, in a container whose process 1 is this program and whose
/// processes `/proc` shows.
fn is_in_checks_container() -> bool {
    let is_ours = std::fs::read_to_string("/proc/1/comm").is_ok_and(|name| name.trim() == "lectern-agent");
    let is_here = std::fs::read_link("/proc/self")
        .is_ok_and(|pid| pid.to_str() == Some(std::process::id().to_string().as_str()));
    is_ours && is_here && getppid().as_raw() == 0
}

fn strangers() -> io::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        // fails if it has just ended
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        if pid != 1 && is_stranger(&stat) {
            found.push(Pid::from_raw(pid));
        }
    }
    Ok(found)
}

/// Returns whether a line of `/proc/PID/stat` describes a living process with a parent in this namespace. The name in
/// parentheses may contain anything.
fn is_stranger(stat: &str) -> bool {
    let mut fields = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default().split_whitespace();
    let (state, parent) = (fields.next(), fields.next());
    !matches!(state, Some("Z" | "X")) && parent != Some("0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_cannot_pass_as_the_servers_by_its_name() {
        for (stat, wanted) in [
            ("7 (sh) S 1 7 7 0", true),
            ("7 (x) S 0 (y) S 12 7 7 0", true),
            ("8 (lectern-agent) S 0 8 8 0", false),
            ("9 (sh) Z 7 7 7 0", false),
        ] {
            assert_eq!(is_stranger(stat), wanted, "{stat}");
        }
    }
}
