//! What came of the attacks, for people.

use std::fmt;
use std::time::Duration;

use super::attacks::Outcome;
use super::neighbours::Noticed;
use super::watch::Extremes;
use crate::figures::Figures;

/// What an echo of a neighbour's may take at the 99th percentile, in milliseconds.
const ECHO_P99_MS: f64 = 50.0;
/// How much the server's memory may grow within one attack, in MiB.
const SERVER_GROWS_MIB: u64 = 256;

/// One attack and what it cost.
#[derive(Debug)]
pub struct Trial {
    pub name: &'static str,
    pub what: &'static str,
    pub outcome: Outcome,
    pub took: Duration,
    /// What neighbours noticed meanwhile.
    pub beside: Noticed,
    /// What the machine looked like meanwhile.
    pub machine: Extremes,
}

impl Trial {
    fn server_grew_mib(&self) -> u64 {
        let [least, most] = self.machine.server_kib;
        most.saturating_sub(least) / 1024
    }

    /// What went wrong, in words.
    fn failures(&self) -> Vec<String> {
        let mut failures = vec![];
        if let Outcome::Broke(how) = &self.outcome {
            failures.push(format!("{}: {how}", self.name));
        }
        if self.server_grew_mib() > SERVER_GROWS_MIB {
            failures.push(format!("{}: the server grew by {} MiB", self.name, self.server_grew_mib()));
        }
        failures
            .extend(self.beside.failures.iter().map(|text| format!("{}: a neighbour's {text}", self.name)));
        failures
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, how) = match &self.outcome {
            Outcome::Held(how) => ("held", how),
            Outcome::Broke(how) => ("BROKE", how),
        };
        write!(
            f,
            "{word} after {:.0} s: {how}; beside: echo p99 {:.1} ms of {}, {} starts, slowest {:.1} s, {} failures; \
             server +{} MiB, {} tasks, {} MiB of disk free",
            self.took.as_secs_f64(),
            self.beside.echo.percentile(99),
            self.beside.echo.count(),
            self.beside.starts.count(),
            self.beside.starts.percentile(100) / 1000.0,
            self.beside.failures.len(),
            self.server_grew_mib(),
            self.machine.tasks,
            self.machine.disk_free_mib,
        )
    }
}

/// The whole run.
#[derive(Debug, Default)]
pub struct Report {
    pub trials: Vec<Trial>,
    /// Before the first attack.
    pub quiet: Noticed,
    /// From the first to the last.
    pub overall: Noticed,
    pub troubles: Vec<String>,
    pub swept_after: Duration,
}

impl Report {
    /// Whether every attack came to nothing and nobody noticed.
    pub fn is_content(&self) -> bool {
        self.failures().is_empty()
    }

    /// What went wrong, in words.
    pub fn failures(&self) -> Vec<String> {
        let mut failures: Vec<String> = self.trials.iter().flat_map(Trial::failures).collect();
        let p99 = self.overall.echo.percentile(99);
        if p99 > ECHO_P99_MS {
            failures.push(format!("neighbours' echo took {p99:.1} ms at p99; {ECHO_P99_MS} are allowed"));
        }
        failures.extend(self.troubles.clone());
        failures
    }

    fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        figures.count("attacks", self.trials.len() as u64);
        figures.count("attacks_held", self.trials.iter().filter(|trial| trial.outcome.held()).count() as u64);
        figures.add_times("neighbours_echo_quiet", &self.quiet.echo);
        figures.add_times("neighbours_echo", &self.overall.echo);
        figures.add_times("neighbours_start_quiet", &self.quiet.starts);
        figures.add_times("neighbours_start", &self.overall.starts);
        figures.count("neighbours_failures", self.overall.failures.len() as u64);
        let grew = self.trials.iter().map(Trial::server_grew_mib).max().unwrap_or_default();
        figures.count("server_grew_most_mib", grew);
        figures.count(
            "tasks_most",
            self.trials.iter().map(|trial| trial.machine.tasks).max().unwrap_or_default(),
        );
        // an attack that was over at once was not sampled
        let sampled = || self.trials.iter().map(|trial| &trial.machine).filter(|machine| machine.tasks > 0);
        let least = |of: fn(&Extremes) -> u64| sampled().map(of).min();
        figures.count("disk_free_least_mib", least(|m| m.disk_free_mib).unwrap_or_default());
        figures.count("memory_free_least_mib", least(|m| m.memory_free_mib).unwrap_or_default());
        figures.add("swept_after_s", self.swept_after.as_secs_f64());
        figures
    }

    /// The closing table.
    pub fn table(&self) -> String {
        self.figures().table()
    }

    /// The report that is kept.
    pub fn markdown(&self, revision: Option<&str>) -> String {
        let mut machine = Figures::default();
        machine.add_machine(revision);
        let failures = self.failures();
        let mut text = INTRODUCTION.to_owned();
        text.push_str("\n| Attack | What a hostile learner does | What came of it | Neighbours' echo p99 |\n|---|---|---|---|\n");
        for trial in &self.trials {
            let (word, how) = match &trial.outcome {
                Outcome::Held(how) => ("held", how),
                Outcome::Broke(how) => ("**succeeded**", how),
            };
            let how = how.replace('|', "\\|").replace('\n', " ");
            let echo = trial.beside.echo.percentile(99);
            text.push_str(&format!("| {} | {} | {word}: {how} | {echo:.1} ms |\n", trial.name, trial.what));
        }
        if failures.is_empty() {
            text.push_str("\nEverything held, and nobody beside noticed.\n");
        } else {
            text.push_str("\nNot all is well:\n\n");
            failures.iter().for_each(|failure| text.push_str(&format!("- {}\n", failure.replace('\n', " "))));
        }
        text.push_str(&format!(
            "\n```\n{}```\n\nThe machine:\n\n```\n{}```\n",
            self.table(),
            machine.table()
        ));
        text
    }
}

const INTRODUCTION: &str = "\
## A hostile learner

Written by `cargo xtask test hostile`. One learner with a session of their own does everything on this list, one attack
after another: over HTTP, in their terminals, in their pods, and at the API server with their own kubeconfig. Beside them
three learners type and wait for the echo of each keystroke, and others start and end labs all the time. An attack has
succeeded if it gets what it wants, if the server's memory grows by more than 256 MiB, or if an echo or a start beside it
fails. At the end the workbenches of the others must be those that they had at first, no node may have been under
pressure, nothing of the attacker's session may be left, and a lab must start as before, without anybody's hand.
";
