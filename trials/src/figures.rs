//! Figures: collecting them, printing them as a table, and keeping them as JSON with flat keys.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

/// What is to be reached.
enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

const BARS: [(&str, Bar); 10] = [
    ("start_reserved_p50_ms", Bar::AtMost(150.0)),
    ("start_cold_over_kubectl_p50", Bar::AtMost(1.25)),
    ("burst_first_try_ratio", Bar::AtLeast(1.0)),
    ("echo_over_kubectl_p50_ms", Bar::AtMost(1.0)),
    ("echo_over_kubectl_p99_ms", Bar::AtMost(3.0)),
    ("ctrl_c_under_flood_p99_ms", Bar::AtMost(50.0)),
    ("terminal_mb_per_s", Bar::AtLeast(35.0)),
    ("idle_terminal_kib", Bar::AtMost(64.0)),
    ("scale_pass_p99_ms", Bar::AtMost(1000.0)),
    ("scale_calls_per_session_minute", Bar::AtMost(0.1)),
];

/// Figures in the order in which they were found.
#[derive(Debug, Default)]
pub struct Figures(Vec<(String, Value)>);

impl Figures {
    /// Adds a number, rounded to three decimals.
    pub fn add(&mut self, key: impl Into<String>, value: f64) {
        self.0.push((key.into(), Value::from((value * 1000.0).round() / 1000.0)));
    }

    /// Adds a count.
    pub fn count(&mut self, key: impl Into<String>, value: u64) {
        self.0.push((key.into(), Value::from(value)));
    }

    /// Adds a text.
    pub fn note(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.0.push((key.into(), Value::from(value.into())));
    }

    /// Adds the percentiles of some times, in milliseconds, and how many they were.
    pub fn add_times(&mut self, prefix: &str, times: &Times) {
        for (name, value) in
            [("p50", times.percentile(50)), ("p95", times.percentile(95)), ("p99", times.percentile(99))]
        {
            self.add(format!("{prefix}_{name}_ms"), value);
        }
        self.add(format!("{prefix}_max_ms"), times.percentile(100));
        self.count(format!("{prefix}_samples"), times.count());
    }

    /// Adds what the machine is.
    pub fn add_machine(&mut self, revision: Option<&str>) {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
        let memory_kib: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        self.note("date", chrono::Utc::now().format("%Y-%m-%d %H:%M UTC").to_string());
        if let Some(revision) = revision {
            self.note("revision", revision);
        }
        self.count("machine_cores", std::thread::available_parallelism().map_or(0, |n| n.get() as u64));
        self.note("machine_cpu", field(&read("/proc/cpuinfo"), "model name").unwrap_or_default());
        self.count("machine_memory_mib", memory_kib / 1024);
        self.note("machine_kernel", read("/proc/sys/kernel/osrelease").trim());
        // what else ran: a busy machine explains slow figures
        let load = read("/proc/loadavg");
        self.add("machine_load_1m", load.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_default());
    }

    /// The table, with what is to be reached.
    pub fn table(&self) -> String {
        let width = self.0.iter().map(|(key, _)| key.len()).max().unwrap_or_default();
        let mut table = String::new();
        for (key, value) in &self.0 {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let bar = BARS.iter().find(|(name, _)| name == key).map(|(_, bar)| bar);
            let verdict = match (bar, value.as_f64()) {
                (Some(Bar::AtMost(most)), Some(value)) => {
                    format!("   at most {most}: {}", reached(value <= *most))
                }
                (Some(Bar::AtLeast(least)), Some(value)) => {
                    format!("   at least {least}: {}", reached(value >= *least))
                }
                _ => String::new(),
            };
            table.push_str(&format!("{key:<width$}  {shown:>10}{verdict}\n"));
        }
        table
    }

    /// Keeps them in `<folder>/<date>.json`. What other trials of that day found stays beside them.
    pub fn keep(&self, folder: &Path) -> Result<std::path::PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
        let path = folder.join(format!("{}.json", chrono::Utc::now().format("%Y-%m-%d")));
        let mut kept: Map<String, Value> = match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} holds no figures; remove it", path.display()))?,
            Err(_) => Map::new(),
        };
        kept.extend(self.0.iter().cloned());
        std::fs::write(&path, serde_json::to_string_pretty(&kept)? + "\n")
            .with_context(|| format!("could not write {}", path.display()))?;
        Ok(path)
    }
}

fn reached(reached: bool) -> &'static str {
    if reached { "reached" } else { "MISSED" }
}

/// Times that were measured.
#[derive(Debug, Default)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Adds one.
    pub fn push(&mut self, time: Duration) {
        self.0.push(time);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    /// The time, in milliseconds, that so many of a hundred did not exceed (the nearest rank); 0 where there is none.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(rank).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let times = Times((1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!(times.percentile(50), 100.0);
        assert_eq!(times.percentile(99), 198.0);
        assert_eq!(times.percentile(100), 200.0);
        assert_eq!(Times(vec![Duration::from_millis(7)]).percentile(50), 7.0);
        assert_eq!(Times::default().percentile(99), 0.0);
    }

    #[test]
    fn the_table_says_whether_a_bar_is_reached() {
        let mut figures = Figures::default();
        figures.add("echo_over_kubectl_p50_ms", 0.25);
        figures.add("terminal_mb_per_s", 12.0);
        let table = figures.table();
        assert!(table.contains("0.25   at most 1: reached"), "{table}");
        assert!(table.contains("12.0   at least 35: MISSED"), "{table}");
    }

    #[test]
    fn figures_of_one_day_come_together() {
        let folder = tempfile::tempdir().unwrap();
        let mut figures = Figures::default();
        figures.add("a", 1.0);
        figures.keep(folder.path()).unwrap();
        let mut figures = Figures::default();
        figures.add("b", 2.0);
        let kept = std::fs::read(figures.keep(folder.path()).unwrap()).unwrap();
        let kept: Map<String, Value> = serde_json::from_slice(&kept).unwrap();
        assert_eq!((kept["a"].as_f64(), kept["b"].as_f64()), (Some(1.0), Some(2.0)));
    }
}
