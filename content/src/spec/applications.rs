//! The tools of a lab's workspace.

/// The tools that the workspace shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applications {
    /// The layout of the terminals; [`TerminalLayout::None`] if there are none.
    pub terminal: TerminalLayout,
    pub editor: bool,
    /// The cluster view. `None` if there is none.
    pub console: Option<Console>,
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
    /// How the pages are written (`applications.workshop.renderer`). `None` if the files show it.
    pub renderer: Option<Renderer>,
}

/// The layout of the terminals.
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
    /// Returns the names of the terminals, from top to bottom.
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

/// The cluster view.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Console {
    /// The product, such as `kubernetes`, `octant` or `openshift`. `None` for the platform's own.
    pub vendor: Option<String>,
}

/// How a lab's pages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renderer {
    /// Liquid; `workshop/workshop.yaml` orders the pages.
    Classic,
    /// Shortcodes; the pages are ordered by weight and name.
    Hugo,
    /// Finished HTML.
    Static,
    /// Another site.
    Remote,
}
