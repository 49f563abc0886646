//! `session.applications`.

use super::Reader;
use crate::spec::{Applications, Console, Renderer, TerminalLayout};
use crate::yaml::Fields;

impl Reader {
    pub(super) fn applications(&mut self, session: &Fields<'_>) -> Applications {
        let fields = session.child("applications", &mut self.findings);
        let terminal = fields.child("terminal", &mut self.findings);
        let layout = self.word(&terminal, "layout", LAYOUTS, "there is one terminal").unwrap_or_default();
        let shown = self.flag(&terminal, "enabled").unwrap_or(true);
        let workshop = fields.child("workshop", &mut self.findings);
        let console = fields.child("console", &mut self.findings);
        let vendor = self.text(&console, "vendor");
        let has_console = self.flag(&console, "enabled").unwrap_or(false);
        Applications {
            terminal: if shown { layout } else { TerminalLayout::None },
            editor: self.is_enabled(&fields, "editor"),
            console: has_console.then_some(Console { vendor }),
            slides: self.is_enabled(&fields, "slides"),
            files: self.is_enabled(&fields, "files"),
            uploads: self.is_enabled(&fields, "uploads"),
            examiner: self.is_enabled(&fields, "examiner"),
            docker: self.is_enabled(&fields, "docker"),
            registry: self.is_enabled(&fields, "registry"),
            git: self.is_enabled(&fields, "git"),
            vcluster: self.is_enabled(&fields, "vcluster"),
            sshd: self.is_enabled(&fields, "sshd"),
            webdav: self.is_enabled(&fields, "webdav"),
            renderer: self.word(&workshop, "renderer", RENDERERS, "the files show how the pages are written"),
        }
    }

    fn is_enabled(&mut self, fields: &Fields<'_>, key: &str) -> bool {
        let application = fields.child(key, &mut self.findings);
        self.flag(&application, "enabled").unwrap_or(false)
    }
}

const LAYOUTS: &[(&str, TerminalLayout)] = &[
    ("default", TerminalLayout::Default),
    ("split", TerminalLayout::Split),
    ("split/2", TerminalLayout::SplitTwo),
    ("lower", TerminalLayout::Lower),
    ("none", TerminalLayout::None),
];

const RENDERERS: &[(&str, Renderer)] = &[
    ("classic", Renderer::Classic),
    ("hugo", Renderer::Hugo),
    ("static", Renderer::Static),
    ("remote", Renderer::Remote),
];
