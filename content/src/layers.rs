//! A lab's files as their sources lay them over one another: later ones over earlier ones, in the author's order.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::diagnostic::Diagnostic;
use crate::files::{self, LabFile};
use crate::lab::MAX_PACKAGE_FILE_BYTES;
use crate::rules::Rule;
use crate::severity::Severity;
use crate::spec::{LabSource, Origin};

/// The folder of a lab whose files are not the learner's home.
pub(crate) const WORKSHOP: &str = "workshop";

/// One file of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaidFile {
    /// Its path below the root, with `/` between its parts.
    pub path: String,
    pub content: LaidContent,
}

/// What a file of the result holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaidContent {
    /// A file or link of a source.
    File(LabFile),
    /// A text of the Workshop resource.
    Text(String),
}

/// Lays sources over one another. `own` is the lab's folder, `None` for a package, which has none; `find` returns the
/// folder in which a source was fetched, or `None` if it is not there.
///
/// The lab's folder is at the bottom unless the author gave it another place, and its `workshop` folder always counts.
#[must_use]
pub fn lay(
    own: Option<&Path>,
    sources: &[LabSource],
    find: impl Fn(&LabSource) -> Option<PathBuf>,
) -> (Vec<LaidFile>, Vec<Diagnostic>) {
    let limit = if own.is_some() { files::MAX_HOME_FILE_BYTES } else { MAX_PACKAGE_FILE_BYTES };
    let mut layers = Layers { limit, ..Layers::default() };
    if let Some(own) = own {
        if !sources.iter().any(|source| source.origin == Origin::Own) {
            layers.add_folder(own, "", "", |_| true);
        }
        layers.add_workshop(own);
    }
    for source in sources {
        let folder = match &source.origin {
            Origin::Inline(texts) => {
                for (path, text) in texts {
                    layers.add(joined(&source.path, path), LaidContent::Text(text.clone()));
                }
                continue;
            }
            Origin::Own => own.map(Path::to_owned),
            _ => find(source),
        };
        let Some(folder) = folder else { continue };
        match files::inside(&folder, &source.new_root) {
            Ok(root) if root.is_dir() => {
                let matcher = source.rules.matcher();
                layers.add_folder(&root, "", &source.path, |path| matcher.takes(path));
            }
            _ => layers.diagnostics.push(
                Diagnostic::new(
                    Rule::MissingFile,
                    "resources/workshop.yaml",
                    format!("there is no folder {:?} in {}", source.new_root, source.title()),
                )
                .at(source.line, 1)
                .hint("correct `newRootPath`"),
            ),
        }
        if let Some(own) = own.filter(|_| source.origin == Origin::Own) {
            layers.add_workshop(own);
        }
    }
    let files = layers.files.into_iter().map(|(path, content)| LaidFile { path, content }).collect();
    (files, layers.diagnostics)
}

#[derive(Default)]
struct Layers {
    /// The largest file, in bytes.
    limit: u64,
    files: BTreeMap<String, LaidContent>,
    diagnostics: Vec<Diagnostic>,
}

impl Layers {
    fn add_folder(&mut self, root: &Path, below: &str, to: &str, takes: impl Fn(&str) -> bool) {
        let (found, diagnostics) = files::list_within(root, below, self.limit, |_| false);
        // what one source must not bring is left out and does not cost the lab the rest
        self.diagnostics.extend(diagnostics.into_iter().map(|one| one.severity(Severity::Warning)));
        for file in found {
            if takes(&file.path) {
                self.add(joined(to, &file.path), LaidContent::File(file));
            }
        }
    }

    /// Adds the lab's `workshop` folder, which may be a link: includes that forget it, or a root inside the lab, do not cost
    /// the lab its pages.
    fn add_workshop(&mut self, own: &Path) {
        if files::inside(own, WORKSHOP).is_ok_and(|folder| folder.is_dir()) {
            self.add_folder(own, WORKSHOP, WORKSHOP, |_| true);
        }
    }

    /// Adds a file. It replaces what has its path, what is above it, and what is below it.
    fn add(&mut self, path: String, content: LaidContent) {
        let above: Vec<usize> = path.match_indices('/').map(|(at, _)| at).collect();
        for end in above {
            self.files.remove(&path[..end]);
        }
        let start = format!("{path}/");
        let below: Vec<String> = self
            .files
            .range(start.clone()..)
            .take_while(|(other, _)| other.starts_with(&start))
            .map(|(other, _)| other.clone())
            .collect();
        for other in below {
            self.files.remove(&other);
        }
        self.files.insert(path, content);
    }
}

fn joined(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::spec::PathRules;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn source(url: &str, path: &str, new_root: &str) -> LabSource {
        let origin = match url {
            "" => Origin::Own,
            url => Origin::Git { url: url.to_owned(), reference: String::new() },
        };
        LabSource {
            origin,
            path: path.to_owned(),
            new_root: new_root.to_owned(),
            rules: PathRules::default(),
            line: 7,
        }
    }

    fn shown(files: &[LaidFile]) -> Vec<String> {
        let text = |file: &LaidFile| match &file.content {
            LaidContent::File(found) => String::from_utf8(found.read().unwrap()).unwrap(),
            LaidContent::Text(text) => text.clone(),
        };
        files.iter().map(|file| format!("{}={}", file.path, text(file))).collect()
    }

    #[test]
    fn later_sources_lie_over_earlier_ones_and_the_labs_folder_is_at_the_bottom() {
        let own = folder(&[("a", "own"), ("b", "own"), ("workshop/content/p.md", "page"), ("deep", "own")]);
        let other = folder(&[("a", "other"), ("deep/x", "other"), ("sub/c", "other")]);
        let find = |source: &LabSource| (source.title() == "x://there").then(|| other.path().to_owned());
        let sources = [source("x://there", "", ""), source("x://gone", "", "")];
        let (files, diagnostics) = lay(Some(own.path()), &sources, find);
        assert_eq!(
            shown(&files),
            ["a=other", "b=own", "deep/x=other", "sub/c=other", "workshop/content/p.md=page"]
        );
        assert!(diagnostics.is_empty());
        // placed by the author: over what was fetched
        let (files, _) = lay(Some(own.path()), &[source("x://there", "", ""), source("", "", "")], find);
        assert_eq!(
            shown(&files),
            ["a=own", "b=own", "deep=own", "sub/c=other", "workshop/content/p.md=page"]
        );
    }

    #[test]
    fn a_source_has_a_place_a_root_and_rules_and_texts_are_files() {
        let other = folder(&[("samples/one/a.txt", "1"), ("samples/one/b.md", "2"), ("samples/two/c", "3")]);
        let mut taken = source("x://there", "exercises", "samples/one");
        taken.rules.exclude = vec!["*.md".to_owned()];
        let texts = LabSource {
            origin: Origin::Inline(vec![("n/x".to_owned(), "text".to_owned())]),
            ..source("x://", "notes", "")
        };
        let find = |_: &LabSource| Some(other.path().to_owned());
        let (files, _) = lay(None, &[taken, texts], find);
        assert_eq!(shown(&files), ["exercises/a.txt=1", "notes/n/x=text"]);
        for root in ["samples/three", "samples/two/c"] {
            let (files, diagnostics) = lay(None, &[source("x://there", "", root)], find);
            assert!(files.is_empty());
            assert_eq!(diagnostics[0].message, format!("there is no folder {root:?} in x://there"));
            assert_eq!(diagnostics[0].line, 7);
        }
    }

    #[test]
    fn includes_that_forget_the_workshop_folder_do_not_cost_a_lab_its_pages() {
        let own = folder(&[("exercises/a", "1"), ("LICENSE", "2"), ("workshop/content/p.md", "3")]);
        let mut placed = source("", "", "");
        placed.rules.include = vec!["/exercises/**".to_owned()];
        let (files, _) = lay(Some(own.path()), &[placed], |_| None);
        assert_eq!(shown(&files), ["exercises/a=1", "workshop/content/p.md=3"]);
    }

    #[test]
    fn a_link_that_leads_out_of_a_source_is_left_out_with_a_warning() {
        let other = folder(&[("sub/a", "1"), ("secret", "2")]);
        std::os::unix::fs::symlink("../secret", other.path().join("sub/out")).unwrap();
        std::os::unix::fs::symlink("a", other.path().join("sub/in")).unwrap();
        let find = |_: &LabSource| Some(other.path().to_owned());
        let (files, diagnostics) = lay(None, &[source("x://there", "", "sub")], find);
        let paths: Vec<_> = files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a", "in"]);
        assert_eq!(diagnostics.len(), 1);
        assert_eq!((diagnostics[0].rule, diagnostics[0].severity), (Rule::Outside, Severity::Warning));
    }
}
