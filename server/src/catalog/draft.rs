//! A lab that its author is writing: reloaded and linted whenever a file is saved.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lectern_content::{Diagnostic, Lab, Variables, lint, variables::SESSION_VARIABLES};
use tokio::sync::watch;

use super::scan::{self, Signature};

/// How often the files are checked: an author sees the change as soon as they look up from the editor.
const CHECK_EVERY: Duration = Duration::from_millis(200);
/// The namespace that pages of the preview show.
const NAMESPACE: &str = "preview";

/// Why there is nothing to preview.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The path is not a folder.
    #[error("{} is not a folder; name the folder of a lab", .0.display())]
    NotAFolder(PathBuf),
    /// The folder holds several labs.
    #[error("{} holds several labs; name one of them: {labs}", path.display())]
    Several {
        /// The folder.
        path: PathBuf,
        /// The labs in it.
        labs: String,
    },
}

/// The present state of a draft.
pub struct DraftState {
    /// Changes whenever a file does.
    pub revision: String,
    /// The last version that loaded. `None` if none ever did.
    pub lab: Option<Arc<Lab>>,
    /// Whether that version is the present one.
    pub is_present: bool,
    /// The findings of lint about the present files, the worst first.
    pub findings: Vec<Diagnostic>,
}

/// A lab that its author is writing. Clones share it.
#[derive(Clone)]
pub struct Draft {
    folder: PathBuf,
    state: Arc<watch::Sender<Arc<DraftState>>>,
}

impl Draft {
    /// Loads the lab in a folder, or the only one below it. It may still be broken or empty.
    ///
    /// # Errors
    /// Fails if the path is not a folder, or holds several labs.
    pub fn open(path: &Path) -> Result<Self, DraftError> {
        if !path.is_dir() {
            return Err(DraftError::NotAFolder(path.to_owned()));
        }
        let folder = find_lab(path)?;
        let state = Arc::new(load(&folder, scan::signature(&folder), None));
        Ok(Self { folder, state: Arc::new(watch::channel(state).0) })
    }

    /// Returns the lab's folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the present state.
    #[must_use]
    pub fn state(&self) -> Arc<DraftState> {
        self.state.borrow().clone()
    }

    /// Returns a receiver of the present state and of every later one.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<DraftState>> {
        self.state.subscribe()
    }

    /// Checks the files for changes, forever.
    pub async fn watch(self) {
        loop {
            tokio::time::sleep(CHECK_EVERY).await;
            let (folder, before) = (self.folder.clone(), self.state());
            let loaded = tokio::task::spawn_blocking(move || {
                let signature = scan::signature(&folder);
                (signature.to_string() != before.revision)
                    .then(|| load(&folder, signature, before.lab.clone()))
            });
            match loaded.await {
                Ok(Some(state)) => {
                    self.state.send_replace(Arc::new(state));
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "loading the lab failed"),
            }
        }
    }
}

fn find_lab(path: &Path) -> Result<PathBuf, DraftError> {
    if scan::looks_like_lab(path) {
        return Ok(path.to_owned());
    }
    // lint reports a folder that cannot be read or is empty
    let labs = scan::list_labs(path).unwrap_or_default();
    match labs.as_slice() {
        [] => Ok(path.to_owned()),
        [only] => Ok(scan::joined(path, only)),
        several => {
            let named = several.iter().map(|lab| path.join(lab).display().to_string());
            Err(DraftError::Several { path: path.to_owned(), labs: named.collect::<Vec<_>>().join(", ") })
        }
    }
}

fn load(folder: &Path, signature: Signature, former: Option<Arc<Lab>>) -> DraftState {
    // without its manifest a lab is less than the version before
    let is_whole = |lab: &Lab| former.is_none() || lab.unread().next().is_none();
    let loaded = Lab::load(folder).ok().filter(is_whole).map(Arc::new);
    let mut findings = lint(folder);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let (revision, is_present) = (signature.to_string(), loaded.is_some());
    DraftState { revision, is_present, lab: loaded.or(former), findings }
}

/// Returns the variables of a made-up session. Those that only a real one knows have their own names as values.
#[must_use]
pub fn preview_variables(lab: &Lab) -> Variables {
    let mut variables = Variables::new();
    let mut values: Vec<(&str, String)> = vec![
        ("session_name", NAMESPACE.to_owned()),
        ("session_namespace", NAMESPACE.to_owned()),
        ("workshop_name", lab.slug.to_string()),
        ("workshop_namespace", NAMESPACE.to_owned()),
        ("workshop_title", lab.title.clone()),
        ("workshop_description", lab.spec.description.clone().unwrap_or_default()),
        ("environment_name", lab.slug.to_string()),
        ("training_portal", "lectern".to_owned()),
        ("ingress_protocol", "http".to_owned()),
    ];
    for name in SESSION_VARIABLES.iter().map(|variable| variable.name) {
        // an unknown pathway would hide the pages
        if name != "pathway_name" && !values.iter().any(|(known, _)| *known == name) {
            values.push((name, format!("‹{name}›")));
        }
    }
    for parameter in &lab.spec.parameters {
        variables.set_environment(&parameter.name, &parameter.value);
    }
    for (name, text) in &lab.spec.session.env {
        let text = values
            .iter()
            .fold(text.clone(), |text, (name, value)| text.replace(&format!("$({name})"), value));
        variables.set_environment(name, text);
    }
    for (name, value) in values {
        variables.set_environment(name.to_uppercase(), value.clone());
        variables.set(name, value);
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "# A page\n").unwrap();
        }
        dir
    }

    #[test]
    fn one_lab_is_meant_and_of_several_one_must_be_named() {
        let lone = folder(&["only/page.md"]);
        assert_eq!(Draft::open(lone.path()).unwrap().folder(), lone.path().join("only"));
        let several = folder(&["one/page.md", "two/page.md"]);
        let message = Draft::open(several.path()).err().unwrap().to_string();
        assert!(message.contains("/one, ") && message.ends_with("/two"), "{message}");
        let file = several.path().join("one/page.md");
        assert!(Draft::open(&file).err().unwrap().to_string().contains("is not a folder"));
    }

    #[test]
    fn an_empty_folder_is_a_lab_that_is_still_to_be_written() {
        let empty = folder(&[]);
        let state = Draft::open(empty.path()).unwrap().state();
        assert!(state.lab.is_none() && !state.is_present);
        assert_eq!(state.findings[0].code(), "no-pages");
    }

    #[test]
    fn a_variable_that_only_a_session_knows_shows_as_its_name() {
        let dir = folder(&["page.md"]);
        let variables = preview_variables(&Lab::load(dir.path()).unwrap());
        let value = |name| variables.resolve(None, name).map(str::to_owned);
        assert_eq!(value("session_namespace").as_deref(), Some("preview"));
        assert_eq!(value("ENV_SESSION_NAMESPACE").as_deref(), Some("preview"));
        assert_eq!(value("ingress_domain").as_deref(), Some("‹ingress_domain›"));
        assert_eq!(variables.pathway(), None);
    }
}
