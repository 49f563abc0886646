//! The state of a terminal's connection, in words for the line above it. Pure.

/// The state of a terminal's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// The session is not running.
    Waiting,
    Connecting,
    Connected(Notice),
    /// The connection is lost; what is kept of the keys typed since then.
    Reconnecting(Kept),
    /// There will be no further connection; a sentence for the learner.
    Closed(&'static str),
}

/// What is kept of the keys that are typed without a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Nothing was typed.
    Nothing,
    /// All of them.
    All,
    /// No more than those before: there were too many.
    Full,
}

/// What a connected terminal has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    None,
    /// It reconnected, and the output continues where it broke off.
    Resumed,
    /// It reconnected, but the server no longer had all output in between.
    Gap,
    /// The shell is a new one. `is_home_new` is whether the files in the home directory were reset.
    Restarted {
        is_home_new: bool,
    },
    /// The connection broke during a long paste, and this many bytes did not arrive.
    NotTyped(usize),
}

impl Status {
    /// Returns the state's name in markup.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Connecting => "connecting",
            Self::Connected(_) => "connected",
            Self::Reconnecting(_) => "reconnecting",
            Self::Closed(_) => "closed",
        }
    }

    /// Whether there is something to show.
    #[must_use]
    pub const fn is_notable(&self) -> bool {
        !matches!(self, Self::Connected(Notice::None))
    }

    /// Returns a sentence for the learner.
    #[must_use]
    pub fn sentence(&self) -> String {
        match self {
            Self::Waiting => "Your session isn't running.".to_owned(),
            Self::Connecting => "Connecting…".to_owned(),
            Self::Connected(Notice::None) => "Connected.".to_owned(),
            Self::Connected(Notice::Resumed) => "Reconnected. No output was lost.".to_owned(),
            Self::Connected(Notice::Gap) => {
                "Reconnected. Some of the output in between was lost.".to_owned()
            }
            Self::Connected(Notice::Restarted { is_home_new: false }) => {
                "Your environment was restarted. Your files are kept; the shell is new.".to_owned()
            }
            Self::Connected(Notice::Restarted { is_home_new: true }) => {
                "Your environment was recreated. Files in your home directory were reset; cluster resources are intact."
                    .to_owned()
            }
            Self::Connected(Notice::NotTyped(bytes)) => format!(
                "The connection broke while you pasted. At least the last {bytes} bytes did not arrive."
            ),
            Self::Reconnecting(Kept::Nothing) => {
                "Connection lost. Your programs keep running. Reconnecting…".to_owned()
            }
            Self::Reconnecting(Kept::All) => {
                "Connection lost. What you type is sent when it is back. Reconnecting…".to_owned()
            }
            Self::Reconnecting(Kept::Full) => {
                "Connection lost. You typed more than can be kept; the last keys are dropped. Reconnecting…"
                    .to_owned()
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
        assert!(!Status::Connected(Notice::None).is_notable());
        for status in
            [Status::Waiting, Status::Reconnecting(Kept::Nothing), Status::Connected(Notice::NotTyped(3))]
        {
            assert!(status.is_notable(), "{status:?}");
        }
    }
}
