//! What came of the chaos, for people.

use std::fmt;
use std::time::Duration;

use super::churn::Churned;
use super::desk::Account;
use super::plan::{Fault, Kind};
use super::verify::{Events, Leftovers};
use crate::figures::{Figures, Times};

/// One fault and what followed.
#[derive(Clone, Debug)]
pub struct Round {
    pub fault: Fault,
    /// From the kill until the work of all had gone on.
    pub recovery: Duration,
    /// Whether the home directory of a workbench that was ended was as before.
    pub home: Option<bool>,
    /// What did not recover.
    pub trouble: Option<String>,
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<13} all went on after {:.1} s", self.fault.kind, self.recovery.as_secs_f64())?;
        match &self.trouble {
            Some(trouble) => write!(f, " — TROUBLE: {trouble}"),
            None => Ok(()),
        }
    }
}

/// The whole run.
#[derive(Debug, Default)]
pub struct Report {
    pub seed: u64,
    pub rounds: Vec<Round>,
    pub accounts: Vec<Account>,
    pub churned: Vec<Churned>,
    pub events: Events,
    pub leftovers: Leftovers,
    pub swept_after: Duration,
    pub troubles: Vec<String>,
}

impl Report {
    fn sum(&self, of: impl Fn(&Account) -> u64) -> u64 {
        self.accounts.iter().map(of).sum()
    }

    /// How many workbenches of learners at work were ended.
    fn workbenches_ended(&self) -> u64 {
        self.rounds.iter().filter(|round| round.fault.kind.ends_workbench()).count() as u64
    }

    fn homes(&self, kept: bool) -> u64 {
        let is_it = |round: &&Round| round.home == Some(kept);
        self.rounds.iter().filter(is_it).count() as u64
    }

    fn stuck(&self) -> usize {
        self.churned.iter().map(|churned| churned.stuck.len()).sum::<usize>()
            + self.rounds.iter().filter(|round| round.trouble.is_some()).count()
            + self.troubles.len()
    }

    fn restarts_noticed(&self, terminal: usize) -> u64 {
        self.sum(|account| u64::from(account.restarts[terminal]))
    }

    /// Whether nothing was lost, doubled, left behind or stuck.
    pub fn is_content(&self) -> bool {
        self.failures().is_empty()
    }

    /// What is not as it should be.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = vec![];
        let mut expect_none = |count: u64, what: &str| {
            if count > 0 {
                failures.push(format!("{count} {what}"));
            }
        };
        expect_none(self.events.lost as u64, "progress events lost");
        expect_none(self.events.doubled as u64, "progress events doubled");
        expect_none(self.events.wrong_pages as u64, "learners whose pages do not follow from their events");
        expect_none(self.sum(|account| account.skipped), "bytes of terminals lost");
        expect_none(self.sum(|account| account.repeated), "bytes of terminals shown twice");
        expect_none(self.sum(|account| account.ticks.lost), "lines of terminals lost");
        expect_none(self.sum(|account| account.ticks.doubled), "lines of terminals shown twice");
        expect_none(self.homes(false), "home directories lost");
        expect_none(self.leftovers.count() as u64, "orphans left");
        expect_none(self.stuck() as u64, "rounds or sessions stuck");
        expect_none(self.sum(|account| account.complaints.len() as u64), "answers that no fault explains");
        for (terminal, name) in ["counting", "typing"].iter().enumerate() {
            let (noticed, ended) = (self.restarts_noticed(terminal), self.workbenches_ended());
            if noticed != ended {
                failures
                    .push(format!("{ended} workbenches were ended, {noticed} told at the {name} terminals"));
            }
        }
        failures
    }

    /// The figures, one a line.
    pub fn table(&self) -> String {
        let failures = self.failures();
        let verdict = if failures.is_empty() {
            "nothing lost, doubled, orphaned or stuck".to_owned()
        } else {
            failures.join("; ")
        };
        self.figures().table() + &verdict + "\n"
    }

    fn figures(&self) -> Figures {
        let mut figures = Figures::default();
        figures.count("seed", self.seed);
        figures.count("rounds", self.rounds.len() as u64);
        for kind in Kind::ALL {
            let mut times = Times::default();
            let rounds = self.rounds.iter().filter(|round| round.fault.kind == kind);
            rounds.for_each(|round| times.push(round.recovery));
            if times.count() == 0 {
                continue;
            }
            let name = kind.to_string().replace(' ', "_").to_lowercase();
            figures.count(format!("{name}_kills"), times.count());
            figures.add(format!("{name}_recovery_p50_ms"), times.percentile(50));
            figures.add(format!("{name}_recovery_max_ms"), times.percentile(100));
        }
        figures.count("learners", self.accounts.len() as u64);
        figures.count("events_sent", self.events.sent as u64);
        figures.count("events_found", self.events.found as u64);
        figures.count("events_lost", self.events.lost as u64);
        figures.count("events_doubled", self.events.doubled as u64);
        figures.count("batches_sent_again_on_purpose", self.sum(|account| account.repeated_batches));
        figures.count("terminal_connections", self.sum(|account| account.connections));
        figures.count("terminal_lines_counted", self.sum(|account| account.ticks.seen));
        figures.count("terminal_lines_lost", self.sum(|account| account.ticks.lost));
        figures.count("terminal_lines_doubled", self.sum(|account| account.ticks.doubled));
        figures.count("terminal_bytes_lost", self.sum(|account| account.skipped));
        figures.count("terminal_bytes_doubled", self.sum(|account| account.repeated));
        figures.count("lines_typed_again", self.sum(|account| account.typed_again));
        figures.count("workbench_restarts_told", self.restarts_noticed(0));
        figures.count("homes_kept", self.homes(true));
        figures.count("homes_lost", self.homes(false));
        figures.count("churned_started", self.churned.iter().map(|churned| u64::from(churned.started)).sum());
        figures.count("churned_ran", self.churned.iter().map(|churned| u64::from(churned.ran)).sum());
        figures.count("churned_ended", self.churned.iter().map(|churned| u64::from(churned.ended)).sum());
        figures.count("churned_failed", self.churned.iter().map(|churned| churned.failed.len() as u64).sum());
        figures.count("stuck", self.stuck() as u64);
        figures.count("orphans", self.leftovers.count() as u64);
        figures.add("swept_after_s", self.swept_after.as_secs_f64());
        figures
    }

    /// The report that is kept.
    pub fn markdown(&self, revision: Option<&str>) -> String {
        let mut machine = Figures::default();
        machine.add_machine(revision);
        let failures = self.failures();
        let mut text = INTRODUCTION
            .replace("{seed}", &self.seed.to_string())
            .replace("{rounds}", &self.rounds.len().to_string());
        text.push_str("\n## Result\n\n");
        if failures.is_empty() {
            text.push_str("Nothing was lost, doubled, orphaned or stuck.\n");
        } else {
            text.push_str("Not all is well:\n\n");
            failures.iter().for_each(|failure| text.push_str(&format!("- {failure}\n")));
        }
        text.push_str(&format!(
            "\n```\n{}```\n\n## The machine\n\n```\n{}```\n",
            self.figures().table(),
            machine.table()
        ));
        let troubles = self
            .rounds
            .iter()
            .filter_map(|round| Some(format!("{}: {}", round.fault.kind, round.trouble.as_ref()?)));
        let stuck = self.churned.iter().flat_map(|churned| churned.stuck.clone());
        let failed = self
            .churned
            .iter()
            .flat_map(|churned| churned.failed.iter().map(|reason| format!("told to the learner: {reason}")));
        let complaints = self.accounts.iter().flat_map(|account| account.complaints.clone());
        let orphans = self.leftovers.names().into_iter().map(|name| format!("orphan: {name}"));
        let all: Vec<String> = troubles
            .chain(self.troubles.clone())
            .chain(stuck)
            .chain(failed)
            .chain(complaints)
            .chain(orphans)
            .collect();
        if !all.is_empty() {
            text.push_str("\n## In words\n\n");
            all.iter().for_each(|line| text.push_str(&format!("- {}\n", line.replace('\n', " "))));
        }
        text
    }
}

const INTRODUCTION: &str = "\
# Reliability

Written by `cargo xtask test chaos --seed {seed} --rounds {rounds}`, which brings the same faults again.

Learners work in sessions of their own: in one terminal a shell prints numbered lines without a pause, in another they
type lines and read them back, and their browsers report progress, each batch until it is confirmed and every fifth one
once more on purpose. Meanwhile another learner starts and ends sessions all the time. At random moments one of these is
killed with no time for a farewell:

- **server**: `kill -9`; it is started again within a second and a half;
- **exec stream**: the agent's end of a session's stream, `kill -9` inside the workbench;
- **workbench**: all of its processes, `kill -9` from the node; the kubelet starts them again;
- **deleted pod**: a workbench's pod, `kubectl delete pod --grace-period=0 --force`; the server makes another one;
- **API server** and **Postgres**: `kill -9`; their supervisor starts them again.

A round is over when every learner has, after the fault, read further numbered lines, typed further lines and read them
back, and had further events confirmed. At the end the events in Postgres are compared with those sent, one id at a time,
and what follows from them with the events; every terminal's output must be without a gap or a repetition, by its byte
offsets and by its line numbers; and once all sessions have ended nothing of them may be left in the cluster. A
workbench that is ended is the one exception: its terminals begin anew and say so. Its home directory must be as it was,
also with another pod, for it lies on a volume of its own.

A wait of a minute and more after some faults is the kubelet's: each time that the API server dies it waits longer before it
looks for pods again, and this run kills the API server every few seconds.
";
