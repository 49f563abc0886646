//! The attacks, in the order in which they are tried.

mod bounds;
mod cluster;
mod flood;
mod front;
mod machine;
mod network;

use std::future::Future;
use std::pin::Pin;

use anyhow::Result;

use super::mallory::Mallory;

/// What came of an attack.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It came to nothing; how that showed.
    Held(String),
    /// It succeeded, or it could not be tried.
    Broke(String),
}

impl Outcome {
    /// Whether it came to nothing.
    pub fn held(&self) -> bool {
        matches!(self, Self::Held(_))
    }

    /// Held if `held`, and what was seen in either case.
    pub fn of(held: bool, seen: String) -> Self {
        if held { Self::Held(seen) } else { Self::Broke(seen) }
    }
}

/// What an attack is made of.
pub type Attempt<'a> = Pin<Box<dyn Future<Output = Result<Outcome>> + Send + 'a>>;

/// One thing that a hostile learner does.
pub struct Attack {
    /// For choosing it, and for the table.
    pub name: &'static str,
    /// What they do, in half a sentence.
    pub what: &'static str,
    /// Does it, and says what came of it.
    pub run: for<'a> fn(&'a Mallory) -> Attempt<'a>,
}

macro_rules! attack {
    ($name:literal, $what:literal, $run:path) => {
        Attack { name: $name, what: $what, run: |mallory| Box::pin($run(mallory)) }
    };
}

/// All of them.
pub const ATTACKS: &[Attack] = &[
    attack!(
        "bombs",
        "request bodies that would grow to 64 MiB each, 100 at once, without an account",
        front::bombs
    ),
    attack!("sign-ins", "1,000 sign-ins at once under a neighbour's name", front::sign_ins),
    attack!("slow-bodies", "200 requests whose bodies come a byte at a time", front::slow_bodies),
    attack!("sockets", "200 terminals' sockets and 200 streams of events", front::sockets),
    attack!("churn", "starting and ending labs as fast as the server answers", front::churn),
    attack!("events", "reporting 200,000 events of progress", front::events),
    attack!(
        "raw-sockets",
        "raw and packet sockets, and other addresses, from a pod that is root",
        network::raw_sockets
    ),
    attack!(
        "reach",
        "neighbours' pods, the node, the cloud's metadata, and port 53, from pod and workbench",
        network::reach
    ),
    attack!(
        "widen",
        "network policies, services and ingresses that open more than the platform does",
        bounds::widen
    ),
    attack!(
        "escape",
        "privileged pods, host folders, volumes that the node mounts, and critical priority",
        bounds::escape
    ),
    attack!(
        "neighbours",
        "reading and changing neighbours' namespaces and the platform's own",
        bounds::neighbours
    ),
    attack!(
        "self-harm",
        "deleting the accounts, bindings, quotas and policies of their own namespace",
        bounds::self_harm
    ),
    attack!("etcd", "3,000 config maps of a MiB, and 2,000 changes of one", cluster::etcd),
    attack!("objects", "10,000 small objects of many kinds", cluster::objects),
    attack!("policies", "5,000 network policies with 60 ranges each", cluster::policies),
    attack!(
        "finalizers",
        "objects that refuse to be deleted, looked for when the session has ended",
        cluster::finalizers
    ),
    attack!("execs", "200 execs into one pod at once", flood::execs),
    attack!("output", "floods of output in every terminal of the session", flood::output),
    attack!("cpu", "busy loops in the workbench and in pods", machine::cpu),
    attack!("memory", "memory until the kernel says no, in workbench and pod", machine::memory),
    attack!("forks", "fork bombs in the workbench and in pods that are root", machine::forks),
    attack!("disk", "writing to every place that can be written to until it is full", machine::disk),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attack_has_a_name_of_its_own() {
        let mut names: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), ATTACKS.len());
    }
}
