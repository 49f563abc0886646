//! Which tools a lab's workspace shows.

/// Which tools the workspace shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applications {
    /// How the terminals are laid out; [`TerminalLayout::None`] when there are none.
    pub terminal: TerminalLayout,
    /// Whether there is an editor.
    pub editor: bool,
    /// The view of the cluster, if there is one.
    pub console: Option<Console>,
    /// Whether the lab's slides are shown.
    pub slides: bool,
    /// Whether the home directory can be downloaded.
    pub files: bool,
    /// Whether files can be uploaded.
    pub uploads: bool,
    /// Whether checks run.
    pub examiner: bool,
    /// Whether there is a container engine.
    pub docker: bool,
    /// Whether there is an image registry.
    pub registry: bool,
    /// Whether there is a git server.
    pub git: bool,
    /// Whether the learner has a virtual cluster.
    pub vcluster: bool,
    /// Whether the session can be reached by SSH.
    pub sshd: bool,
    /// Whether the home directory can be mounted.
    pub webdav: bool,
}

impl Default for Applications {
    fn default() -> Self {
        Self {
            terminal: TerminalLayout::default(),
            editor: false,
            console: None,
            slides: false,
            files: false,
            uploads: false,
            examiner: false,
            docker: false,
            registry: false,
            git: false,
            vcluster: false,
            sshd: false,
            webdav: false,
        }
    }
}

/// How the terminals are laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TerminalLayout {
    /// One terminal.
    #[default]
    Default,
    /// Two, one above the other, the upper one larger.
    Split,
    /// Three, one above the other.
    SplitTwo,
    /// One, below a dashboard.
    Lower,
    /// None.
    None,
}

impl TerminalLayout {
    /// Returns the sessions of the terminals, from the top.
    #[must_use]
    pub const fn sessions(self) -> &'static [&'static str] {
        match self {
            Self::Default | Self::Lower => &["1"],
            Self::Split => &["1", "2"],
            Self::SplitTwo => &["1", "2", "3"],
            Self::None => &[],
        }
    }
}

/// The view of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Console {
    /// Whose it is, such as `kubernetes`, `octant` or `openshift`; `None`: the platform's own.
    pub vendor: Option<String>,
}
