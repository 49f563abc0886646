//! Which tools a lab's workspace shows.

/// Which tools the workspace shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// How the instructions are shown.
    pub instructions: Instructions,
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

/// How the instructions are shown (`applications.workshop`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instructions {
    /// Whether they are shown at all.
    pub enabled: bool,
    /// In which way the pages are written; `None`: as the files suggest.
    pub renderer: Option<Renderer>,
    /// Where they are shown: in a panel of their own, or in a tab.
    pub layout: Option<String>,
    /// The site that holds them, in place of the lab's pages.
    pub url: Option<String>,
    /// The folder of finished HTML that holds them, in place of the lab's pages.
    pub path: Option<String>,
}

impl Default for Instructions {
    fn default() -> Self {
        Self { enabled: true, renderer: None, layout: None, url: None, path: None }
    }
}

/// In which way a lab's pages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renderer {
    /// Liquid, with an order of the pages in `workshop/workshop.yaml`.
    Classic,
    /// Shortcodes, with an order of the pages by their own weights and names.
    Hugo,
    /// Finished HTML.
    Static,
    /// A site elsewhere.
    Remote,
}
