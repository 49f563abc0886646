//! Why a session could not be made, for the log and for its learner.

use std::time::Duration;

use lectern_link::LinkError;

use crate::cluster::{ClusterError, ClusterErrorKind};
use crate::sessions::SessionError;
use crate::store::StoreError;

/// Why a session could not be made.
#[derive(Debug, thiserror::Error)]
pub(in crate::sessions) enum ProvisionError {
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("the connection to the workbench failed")]
    Link(#[from] LinkError),
    #[error("the workbench refused: {0}")]
    Agent(String),
    #[error("the lab's files could not be packed")]
    Files(#[source] std::io::Error),
    #[error("it did not start within {} minutes", .0.as_secs() / 60)]
    TooLate(Duration),
    #[error("its workbench was lost and is being recreated")]
    Rebuilding,
    #[error("it was ended while it started")]
    Ended,
    #[error(transparent)]
    Session(Box<SessionError>),
}

impl ProvisionError {
    /// Whether the same may succeed in a moment: database or cluster were away, or the workbench was taken away.
    pub(in crate::sessions) fn is_passing(&self) -> bool {
        match self {
            Self::Cluster(error) => is_passing(error),
            Self::Link(LinkError::OtherProtocol { .. }) => false,
            Self::Link(_) | Self::Rebuilding => true,
            Self::Session(error) => match error.as_ref() {
                SessionError::Cluster(error) => is_passing(error),
                SessionError::Store(error) => error.is_unavailable(),
                _ => false,
            },
            Self::Agent(_) | Self::Files(_) | Self::TooLate(_) | Self::Ended => false,
        }
    }

    /// What the learner is told: what concerns their session and what they may do, never addresses or paths of
    /// the server's.
    pub(in crate::sessions) fn learner_message(&self) -> String {
        match self {
            Self::Cluster(error) => error.learner_message(),
            Self::Link(LinkError::OtherProtocol { .. }) => {
                "The lab's workbench image is of another release than the server. Tell whoever runs this platform."
                    .to_owned()
            }
            Self::Link(_) => "The connection to the workbench failed. Start the lab again.".to_owned(),
            Self::Agent(reason) => format!("The workbench could not be prepared: {reason}"),
            Self::Files(_) => "The lab's files cannot be read. Tell the lab's author.".to_owned(),
            Self::TooLate(_) => format!("{self}. Start the lab again.").replacen("it", "It", 1),
            Self::Rebuilding => "The workbench was lost and is being recreated. Try again in a moment.".to_owned(),
            Self::Ended => "It was ended while it started.".to_owned(),
            Self::Session(error) => match error.as_ref() {
                SessionError::Cluster(error) => error.learner_message(),
                SessionError::UnknownLab(_) | SessionError::BrokenLab(_) => error.to_string(),
                _ => "Something went wrong on our side. Start the lab again.".to_owned(),
            },
        }
    }
}

fn is_passing(error: &ClusterError) -> bool {
    error.kind() == ClusterErrorKind::Unreachable
        || error.is_forbidden()
        || matches!(error, ClusterError::WorkbenchGone { .. } | ClusterError::Agent { .. })
}

impl From<SessionError> for ProvisionError {
    fn from(error: SessionError) -> Self {
        Self::Session(Box::new(error))
    }
}

impl From<StoreError> for ProvisionError {
    fn from(error: StoreError) -> Self {
        SessionError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use lectern_api::agent::ProtocolRange;

    use super::*;

    #[test]
    fn the_servers_own_troubles_are_not_told_to_learners() {
        let secret = "connection to postgres://ada:hunter2@db failed";
        let store = StoreError::Statement(sqlx::Error::Protocol(secret.to_owned()));
        for error in [ProvisionError::from(store), ProvisionError::Files(std::io::Error::other(secret))] {
            assert!(!error.learner_message().contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn what_was_only_away_is_tried_again_and_what_is_wrong_is_not() {
        let gone =
            ClusterError::WorkbenchGone { workbench: "wb-x".to_owned(), message: "deleted".to_owned() };
        let pull = ClusterError::ImagePull { image: "x".to_owned(), message: "not found".to_owned() };
        let away = StoreError::Statement(sqlx::Error::PoolTimedOut);
        let other_protocol =
            LinkError::OtherProtocol { agent: ProtocolRange::single(1), server: ProtocolRange::single(2) };
        for (error, is_passing) in [
            (ProvisionError::from(gone), true),
            (ProvisionError::from(away), true),
            (ProvisionError::from(LinkError::Closed), true),
            (ProvisionError::from(other_protocol), false),
            (ProvisionError::from(pull), false),
            (ProvisionError::Agent("no".to_owned()), false),
        ] {
            assert_eq!(error.is_passing(), is_passing, "{error:?}");
        }
    }

    #[test]
    fn a_start_that_took_too_long_says_how_long() {
        let told = ProvisionError::TooLate(Duration::from_secs(300)).learner_message();
        assert_eq!(told, "It did not start within 5 minutes. Start the lab again.");
    }
}
