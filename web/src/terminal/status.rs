//! Where a terminal's connection stands, in words for the line above it. Pure.

/// Where a terminal's connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The session does not run (yet, or any more).
    Waiting,
    /// The first connection is being made.
    Connecting,
    /// Typing reaches the shell.
    Connected(News),
    /// The connection was lost and is being made again.
    Reconnecting,
    /// It will not come back, and why.
    Closed(&'static str),
}

/// What a connected terminal has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing.
    None,
    /// The connection was made again and the output goes on where it broke off.
    Resumed,
    /// The connection was made again; of the output in between, the beginning is no longer kept.
    Gap,
    /// The shell is another one, in another workbench or the same one started again.
    Restarted {
        /// Whether its home was empty: what was in the one before is gone.
        is_home_new: bool,
    },
    /// The connection broke while a long text was typed, of which so many bytes did not arrive.
    NotTyped(usize),
}

impl Status {
    /// The word for it in markup.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Connected(_) => "connected",
            Self::Reconnecting => "reconnecting",
            Self::Closed(_) => "closed",
        }
    }

    /// Whether there is something that people should see.
    #[must_use]
    pub const fn is_notable(&self) -> bool {
        !matches!(self, Self::Connected(News::None))
    }

    /// A sentence for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Waiting => "The session is not running.".to_owned(),
            Self::Connecting => "Connecting…".to_owned(),
            Self::Connected(News::None) => "Connected.".to_owned(),
            Self::Connected(News::Resumed) => "Connected again. Nothing was lost.".to_owned(),
            Self::Connected(News::Gap) => {
                "Connected again. Some of the output in between is no longer kept.".to_owned()
            }
            Self::Connected(News::Restarted { is_home_new: false }) => {
                "The workbench was started again: your files are kept, the shell is a new one.".to_owned()
            }
            Self::Connected(News::Restarted { is_home_new: true }) => {
                "The workbench was lost and made anew, with the lab's own files: what you had changed in your home \
                 directory is gone, what you made in the cluster is still there."
                    .to_owned()
            }
            Self::Connected(News::NotTyped(bytes)) => format!(
                "The connection broke while a text was typed: its last {bytes} bytes, or more, did not arrive."
            ),
            Self::Reconnecting => {
                "The connection is lost; what runs in the shell goes on. Trying again…".to_owned()
            }
            Self::Closed(reason) => (*reason).to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_quiet_connection_needs_no_line() {
        assert!(!Status::Connected(News::None).is_notable());
        for status in [Status::Waiting, Status::Reconnecting, Status::Connected(News::NotTyped(3))] {
            assert!(status.is_notable(), "{status:?}");
        }
    }
}
