//! Which fault comes when, whom it hits: all from one number. Pure.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, bail};
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The server, with SIGKILL.
    Server,
    /// The agent's end of a session's stream, with SIGKILL.
    Stream,
    /// All processes of a workbench, with SIGKILL.
    Workbench,
    /// A workbench's pod, deleted without any grace.
    Pod,
    /// The API server, with SIGKILL.
    ApiServer,
    /// Postgres, with SIGKILL.
    Postgres,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Server, Self::Stream, Self::Workbench, Self::Pod, Self::ApiServer, Self::Postgres];

    /// Whether it ends a workbench, so that its terminals begin anew.
    pub const fn ends_workbench(self) -> bool {
        matches!(self, Self::Workbench | Self::Pod)
    }

    /// The kind of that name on the command line.
    pub fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "server" => Self::Server,
            "stream" => Self::Stream,
            "workbench" => Self::Workbench,
            "pod" => Self::Pod,
            "api-server" => Self::ApiServer,
            "postgres" => Self::Postgres,
            _ => {
                bail!("{name:?} is no fault: choose of server, stream, workbench, pod, api-server, postgres")
            }
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Server => "server",
            Self::Stream => "exec stream",
            Self::Workbench => "workbench",
            Self::Pod => "deleted pod",
            Self::ApiServer => "API server",
            Self::Postgres => "Postgres",
        })
    }
}

/// One round's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub kind: Kind,
    /// Whom it hits, where it hits one: the learner's place in the list.
    pub learner: usize,
    /// How long after all had recovered from the one before.
    pub after: Duration,
    /// How long the server stays away, where it is the one that was killed.
    pub away: Duration,
}

/// The faults of so many rounds: each kind equally often, in random order, at random moments.
pub fn plan(seed: u64, rounds: usize, learners: usize) -> Vec<Fault> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut kinds: Vec<Kind> = Kind::ALL.into_iter().cycle().take(rounds).collect();
    kinds.shuffle(&mut rng);
    kinds
        .into_iter()
        .map(|kind| Fault {
            kind,
            learner: rng.random_range(0..learners),
            after: Duration::from_millis(rng.random_range(200..3_000)),
            away: Duration::from_millis(rng.random_range(0..1_500)),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_brings_the_same_faults_again_and_another_seed_brings_others() {
        assert_eq!(plan(7, 50, 4), plan(7, 50, 4));
        assert_ne!(plan(7, 50, 4), plan(8, 50, 4));
    }

    #[test]
    fn each_kind_comes_equally_often() {
        let faults = plan(1, 60, 4);
        for kind in Kind::ALL {
            assert_eq!(faults.iter().filter(|fault| fault.kind == kind).count(), 10, "{kind}");
        }
        assert!(faults.iter().all(|fault| fault.learner < 4));
    }
}
