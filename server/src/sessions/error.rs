//! Why something about a session could not be done.

use lectern_api::ids::{CheckName, LabSlug, PageName};
use lectern_link::LinkError;

use super::files::FileFailure;
use crate::cluster::ClusterError;
use crate::cluster::view::{ObjectError, TooManyViews};
use crate::store::StoreError;

/// Why something about a session could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("there is no lab {0}")]
    UnknownLab(LabSlug),
    /// The lab's files never loaded.
    #[error(
        "the lab {0} cannot be started because its files are broken; its authors see why in the catalogue"
    )]
    BrokenLab(LabSlug),
    /// A parameter that the lab does not have, or a value that it cannot take.
    #[error("{0}")]
    BadParameter(String),
    /// The maximum of sessions is reached.
    #[error("{} at the moment; try again when somebody has finished", full(lab.as_ref(), *most))]
    NoRoom {
        /// The lab whose maximum it is. `None` if it is that of all labs together.
        lab: Option<LabSlug>,
        most: u32,
    },
    /// The person runs as many labs as they may.
    #[error("you run {0} labs at once already, which is as many as you may; end one of them first")]
    TooMany(u32),
    /// The person's ended sessions are still being removed.
    #[error("the labs that you ended are still being removed; try again in half a minute")]
    StillEnding,
    /// The person started as many sessions as they may in an hour.
    #[error("you started {most} labs within an hour, which is as many as you may; try again in {}", minutes(*wait_secs))]
    TooManyStarts {
        most: u32,
        /// When they may again, in seconds from now.
        wait_secs: u64,
    },
    /// The person starts many sessions at the same moment.
    #[error("you are starting many labs at the same moment; try again in a second")]
    TooManyAtOnce,
    /// Another server holds the right to start sessions.
    #[error("many labs are being started at this moment; try again in a few seconds")]
    Busy,
    /// There is no such session, or it is somebody else's.
    #[error("there is no such session")]
    UnknownSession,
    #[error("the lab has no page {0}")]
    UnknownPage(PageName),
    /// The session is not running.
    #[error("the session is not running")]
    NotRunning,
    /// It cannot be extended any further.
    #[error("the session cannot be extended any further")]
    NoMoreTime,
    #[error("the page cannot be shown: {0}")]
    Render(String),
    #[error("the workbench does not answer at the moment; try again")]
    Workbench(#[source] LinkError),
    /// The agent refused to run the check.
    #[error("the check {name} could not be run: {reason}", name = .0.name, reason = .0.reason)]
    CheckRefused(CheckRefusal),
    /// Something could not be done with a file of the session.
    #[error("{}", .0.message)]
    File(FileFailure),
    #[error(
        "this session was started by an older release of Lectern, which has no editor; end it and start the lab again"
    )]
    OlderWorkbench,
    #[error("too much is asked of the workbench at once; close some tabs or wait until a transfer has ended")]
    TooMuchAtOnce,
    /// The lab gives its learners no access to the cluster.
    #[error("this lab does not use the cluster, so there is nothing to show")]
    NoCluster,
    /// No object of the session's can be meant.
    #[error("there is no such object in this session")]
    UnknownObject,
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    TooManyViews(#[from] TooManyViews),
    #[error("the cluster could not do its part; try again in a minute")]
    Cluster(#[from] ClusterError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn full(lab: Option<&LabSlug>, most: u32) -> String {
    match lab {
        Some(lab) => format!("all {most} places of the lab {lab} are taken"),
        None => format!("{most} sessions run, which is as many as there may be"),
    }
}

fn minutes(secs: u64) -> String {
    match secs.div_ceil(60) {
        0 | 1 => "a minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

/// A check that was not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckRefusal {
    pub name: CheckName,
    /// Why, in words for the learner.
    pub reason: String,
}
