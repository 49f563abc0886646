//! A lab as its author writes it: loaded and linted again whenever a file is saved.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lectern_content::{Diagnostic, Lab, Variables, lint, variables::SESSION_VARIABLES};
use tokio::sync::watch;

use super::scan::{self, Signature};

/// How often the files are looked at. An author sees the page before they have looked up.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The namespace of a session that nobody has.
const NAMESPACE: &str = "preview";

/// Why there is nothing to preview.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The path is no folder.
    #[error("{} is not a folder; name the folder of a lab", .0.display())]
    NotAFolder(PathBuf),
    /// It holds several labs.
    #[error("{} holds several labs; name one of them: {labs}", path.display())]
    Several {
        /// The folder.
        path: PathBuf,
        /// What may be named instead.
        labs: String,
    },
}

/// What an author's lab is at some moment.
pub struct Sight {
    /// Another one means that something changed.
    pub mark: String,
    /// The last version that loaded.
    pub lab: Option<Arc<Lab>>,
    /// Whether that version is the present one.
    pub is_present: bool,
    /// What lint says of the present files, the worst first.
    pub findings: Vec<Diagnostic>,
}

/// A lab as its author writes it. Clones share it.
#[derive(Clone)]
pub struct Draft {
    folder: PathBuf,
    sight: Arc<watch::Sender<Arc<Sight>>>,
}

impl Draft {
    /// Loads the lab in a folder, or the only one below it; it may still be broken, or empty.
    ///
    /// # Errors
    /// [`DraftError`].
    pub fn open(path: &Path) -> Result<Self, DraftError> {
        if !path.is_dir() {
            return Err(DraftError::NotAFolder(path.to_owned()));
        }
        let folder = find_lab(path)?;
        let sight = Arc::new(look(&folder, scan::signature(&folder), None));
        Ok(Self { folder, sight: Arc::new(watch::channel(sight).0) })
    }

    /// The folder of the lab.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The lab as it is now.
    #[must_use]
    pub fn sight(&self) -> Arc<Sight> {
        self.sight.borrow().clone()
    }

    /// The lab as it is now, and then whenever it changes.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<Sight>> {
        self.sight.subscribe()
    }

    /// Looks for changes for ever.
    pub async fn watch(self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let (folder, before) = (self.folder.clone(), self.sight());
            let looked = tokio::task::spawn_blocking(move || {
                let signature = scan::signature(&folder);
                (mark(signature) != before.mark).then(|| look(&folder, signature, before.lab.clone()))
            });
            match looked.await {
                Ok(Some(sight)) => {
                    self.sight.send_replace(Arc::new(sight));
                }
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the lab could not be looked at"),
            }
        }
    }
}

fn find_lab(path: &Path) -> Result<PathBuf, DraftError> {
    if scan::looks_like_lab(path) {
        return Ok(path.to_owned());
    }
    // a folder that cannot be read, or is empty, is what lint has to say something about
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

fn mark(signature: Signature) -> String {
    signature.to_string()
}

fn look(folder: &Path, signature: Signature, former: Option<Arc<Lab>>) -> Sight {
    let loaded = Lab::load(folder).ok().map(Arc::new);
    let mut findings = lint(folder);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Sight { mark: mark(signature), is_present: loaded.is_some(), lab: loaded.or(former), findings }
}

/// The values of a session that nobody has. What only a real one knows shows as its own name.
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
        let sight = Draft::open(empty.path()).unwrap().sight();
        assert!(sight.lab.is_none() && !sight.is_present);
        assert_eq!(sight.findings[0].code, "no-pages");
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
