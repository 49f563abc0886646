//! The state of the machine, to be compared before and after.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::supervisor;

/// Everything on the machine that the parts change, as lines by kind.
pub struct Snapshot(BTreeMap<&'static str, Vec<String>>);

impl Snapshot {
    pub fn take(data_dir: &Path) -> Self {
        let mut kinds = BTreeMap::new();
        kinds.insert("process", processes_of(data_dir));
        kinds.insert("mount", said("cat", &["/proc/thread-self/mounts"]));
        kinds.insert("interface", without_counters(&said("ip", &["-o", "address"])));
        kinds.insert("link", said("ip", &["-o", "link"]));
        kinds.insert("route", said("ip", &["route", "show", "table", "all"]));
        kinds.insert("network namespace", said("ip", &["netns"]));
        kinds.insert("nftables", said("nft", &["list", "ruleset"]));
        for (kind, program) in [("iptables", "iptables-save"), ("ip6tables", "ip6tables-save")] {
            kinds
                .insert(kind, said(program, &[]).into_iter().filter(|line| !line.starts_with('#')).collect());
        }
        kinds.insert("sysctl", settings());
        // loop devices belong to the whole machine, and those of others come and go
        let ground = data_dir.parent().expect("a folder above").display().to_string();
        let mut devices = said("losetup", &["--list", "--noheadings", "--output", "BACK-FILE"]);
        devices.retain(|file| file.starts_with(&ground));
        kinds.insert("loop device", devices);
        kinds.insert("cgroup", said("find", &["/sys/fs/cgroup", "-type", "d", "-name", "lectern-*"]));
        kinds.insert("file", said("find", &supervisor::EMPTIED));
        Self(kinds)
    }

    /// Returns the lines that only one of the two snapshots has.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut differences = Vec::new();
        for (kind, lines) in &self.0 {
            let others = &other.0[kind];
            let only_in = |sign: &str, these: &[String], those: &[String]| -> Vec<String> {
                these
                    .iter()
                    .filter(|line| !those.contains(line))
                    .map(|line| format!("{sign} {kind}: {line}"))
                    .collect()
            };
            differences.extend(only_in("+", lines, others));
            // mounts and cgroups that others remove meanwhile disappear here too
            if !["mount", "cgroup"].contains(kind) {
                differences.extend(only_in("-", others, lines));
            }
        }
        differences
    }
}

fn said(program: &str, args: &[&str]) -> Vec<String> {
    let output =
        Command::new(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn without_counters(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.split(" valid_lft").next().unwrap_or(line).to_owned()).collect()
}

/// Returns the processes with the data folder in their arguments or environment, except children of this process.
pub fn processes_of(data_dir: &Path) -> Vec<String> {
    let wanted = data_dir.as_os_str().as_encoded_bytes();
    let mentions =
        |file: &str| fs::read(file).is_ok_and(|text| text.windows(wanted.len()).any(|part| part == wanted));
    let pids = fs::read_dir("/proc")
        .expect("proc")
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    pids.filter(|pid| pid.parse::<u32>().is_ok())
        .filter(|pid| mentions(&format!("/proc/{pid}/cmdline")) || mentions(&format!("/proc/{pid}/environ")))
        .map(|pid| {
            format!("{pid} {}", fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim())
        })
        .collect()
}

/// Returns the kernel settings, except those that change by themselves.
fn settings() -> Vec<String> {
    let moving = [
        "random.",
        "nr_dentry",
        "fs.dentry",
        "fs.inode",
        "fs.file-nr",
        "last_pid",
        "_count",
        "pty.nr",
        "fs.aio",
        "dqstats",
        "cad_pid",
        "sched",
        "fs.quota",
        "lock_stat",
        "rand",
    ];
    said("sysctl", &["-a"])
        .into_iter()
        .filter(|line| !moving.iter().any(|part| line.contains(part)))
        .collect()
}
