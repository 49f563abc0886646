//! Finds the folders of labs, and detects changes in them.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lectern_api::ids::LabSlug;
use lectern_content::collection::{find_workshops, is_bare_lab};
use lectern_content::files::is_others_link;
use lectern_content::scenario::is_scenario;

/// How deep below a folder changes are detected.
const DEPTH: usize = 12;
/// How many files are checked for changes. A folder with more is loaded all the same.
const FILES: usize = 5_000;
/// Files that describe a folder and are not pages of a lab.
const ABOUT: &[&str] = &["README", "CONTRIBUTING", "LICENSE", "CHANGELOG", "CODE_OF_CONDUCT", "SECURITY"];

/// A hash of the names, sizes and times of a folder's files. It changes if any of them does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signature(u64);

impl std::fmt::Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Lists the labs below a folder, relative to it: the folder itself if it is one, or its sub-folders that are labs and
/// those further down that have a `workshop/content`.
pub(super) fn list_labs(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let visible: Vec<PathBuf> = std::fs::read_dir(dir)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir() && !is_hidden(path))
        .collect();
    if dir.join("resources/workshop.yaml").is_file()
        || dir.join("workshop/content").is_dir()
        || is_scenario(dir)
    {
        return Ok(vec![PathBuf::new()]);
    }
    if let [only] = visible.as_slice()
        && !looks_like_lab(only)
        && !has_page(dir)
    {
        // archives often contain everything in one folder
        let name = PathBuf::from(only.file_name().unwrap_or_default());
        return Ok(list_labs(only)?.into_iter().map(|lab| joined(&name, &lab)).collect());
    }
    let (mut labs, mut bare): (Vec<PathBuf>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    for folder in &visible {
        if is_whole(folder) {
            labs.push(folder.clone());
        } else if has_page(folder) {
            bare.push(folder.clone());
        } else {
            labs.extend(find_workshops(folder));
        }
    }
    // beside whole labs, a folder with pages may just be documentation
    let has_whole = !labs.is_empty();
    labs.extend(bare.into_iter().filter(|folder| !has_whole || is_scenario(folder) || is_bare_lab(folder)));
    let mut labs: Vec<PathBuf> =
        labs.iter().filter_map(|lab| Some(lab.strip_prefix(dir).ok()?.to_owned())).collect();
    labs.sort();
    if labs.is_empty() && has_page(dir) {
        labs.push(PathBuf::new());
    }
    Ok(labs)
}

/// Joins two paths without a trailing slash if the second is empty.
pub(super) fn joined(folder: &Path, lab: &Path) -> PathBuf {
    if lab.as_os_str().is_empty() { folder.to_owned() } else { folder.join(lab) }
}

/// Returns the folder on the way to a lab that another user replaced by a link. People who may write into a folder of
/// labs must not get the server to read files that only it can read.
pub(super) fn others_link(root: &Path, lab: &Path) -> Option<PathBuf> {
    let mut at = root.to_owned();
    lab.components().find_map(|part| {
        at.push(part);
        is_others_link(&at).then(|| at.clone())
    })
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'))
}

pub(super) fn looks_like_lab(folder: &Path) -> bool {
    is_whole(folder) || has_page(folder)
}

/// Returns whether a folder has more of a lab than pages.
fn is_whole(folder: &Path) -> bool {
    folder.join("workshop").is_dir() || folder.join("resources/workshop.yaml").exists()
}

/// Returns whether a folder contains a page that does not just describe the folder.
fn has_page(folder: &Path) -> bool {
    let is_page = |entry: std::fs::DirEntry| {
        let path = entry.path();
        let about = path
            .file_stem()
            .is_none_or(|stem| ABOUT.iter().any(|name| stem.to_string_lossy().eq_ignore_ascii_case(name)));
        path.extension().is_some_and(|ending| ending == "md" || ending == "markdown") && !about
    };
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(is_page))
}

/// Returns a slug for a folder whose lab did not load.
pub(super) fn slug_of_folder(folder: &Path) -> LabSlug {
    let name = folder.file_name().map(|n| n.to_string_lossy().to_lowercase()).unwrap_or_default();
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
    let plain = plain.trim_matches('-');
    plain.parse().unwrap_or_else(|_| {
        let mut hasher = DefaultHasher::new();
        folder.hash(&mut hasher);
        // a letter followed by hexadecimal digits is always a slug
        #[expect(clippy::unwrap_used, reason = "the text is made here of letters and digits")]
        format!("lab-{:016x}", hasher.finish()).parse().unwrap()
    })
}

pub(super) fn signature(folder: &Path) -> Signature {
    let mut hasher = DefaultHasher::new();
    let mut left = FILES;
    walk(folder, DEPTH, &mut left, &mut hasher);
    Signature(hasher.finish())
}

fn walk(folder: &Path, depth: usize, left: &mut usize, hasher: &mut DefaultHasher) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        if *left == 0 || path.file_name().is_some_and(|name| name == ".git") {
            continue;
        }
        *left -= 1;
        let Ok(meta) = std::fs::symlink_metadata(&path) else { continue };
        path.hash(hasher);
        meta.len().hash(hasher);
        meta.modified().unwrap_or(SystemTime::UNIX_EPOCH).hash(hasher);
        // a file that replaced another may have the same size and time
        (meta.ino(), meta.ctime(), meta.ctime_nsec()).hash(hasher);
        if meta.is_dir() && depth > 0 {
            walk(&path, depth - 1, left, hasher);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_recipes_is_no_lab_and_one_with_a_page_is() {
        let dir = tempfile::tempdir().unwrap();
        for (folder, file) in [("images", "README.md"), ("seed", "page.md"), (".git", "x.md")] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
            std::fs::write(dir.path().join(folder).join(file), "x").unwrap();
        }
        assert_eq!(list_labs(dir.path()).unwrap(), [Path::new("seed")]);
    }

    fn listed(files: &[&str]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let text = if file.contains("lab") { "# A page\n\n```execute\nls\n```\n" } else { "x" };
            std::fs::write(path, text).unwrap();
        }
        list_labs(dir.path()).unwrap().iter().map(|lab| lab.display().to_string()).collect()
    }

    #[test]
    fn a_folder_may_be_a_lab_itself_hold_labs_or_hold_folders_of_labs() {
        assert_eq!(listed(&["README.md", "workshop/content/a.md", "exercises/b.md"]), [""]);
        assert_eq!(listed(&["resources/workshop.yaml", "docs/a.md"]), [""]);
        assert_eq!(listed(&["README.md", "a-lab/one.md", "b/workshop/content/two.md"]), ["a-lab", "b"]);
        assert_eq!(listed(&["CONTRIBUTING.md", "workshops/x/workshop/content/a.md"]), ["workshops/x"]);
        assert_eq!(listed(&["page.md", "files/x.txt"]), [""]);
        assert_eq!(
            listed(&[
                "labs-main/README.md",
                "labs-main/CONTRIBUTING.md",
                "labs-main/one/page.md",
                "labs-main/two/page.md"
            ]),
            ["labs-main/one", "labs-main/two"]
        );
        assert_eq!(listed(&["x/lab/page.md", "x/two/workshop/content/a.md"]), ["x/lab", "x/two"]);
        assert_eq!(listed(&["lab/workshop/content/a.md"]), ["lab"]);
        assert!(listed(&["README.md", "images/x.png"]).is_empty());
    }

    #[test]
    fn a_folder_of_documentation_beside_labs_is_none() {
        let beside = |file: &str| listed(&["README.md", file, "one/workshop/content/a.md"]);
        assert_eq!(beside("notes/page.md"), ["one"], "no page of it has a block");
        assert_eq!(beside("docs/lab.md"), ["one"], "it says what it is");
        assert_eq!(listed(&["notes/page.md", "README.md", "other/page.md"]), ["notes", "other"]);
    }

    #[test]
    fn a_changed_file_changes_the_signature() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/b"), "x").unwrap();
        let before = signature(dir.path());
        assert_eq!(before, signature(dir.path()));
        std::fs::write(dir.path().join("a/b"), "xy").unwrap();
        assert_ne!(before, signature(dir.path()));
    }

    #[test]
    fn a_folder_that_another_user_made_a_link_is_left_out() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(elsewhere.path().join("lab")).unwrap();
        let link = dir.path().join("group");
        std::os::unix::fs::symlink(elsewhere.path(), &link).unwrap();
        let lab = Path::new("group/lab");
        assert_eq!(others_link(dir.path(), lab), None, "who runs the server may link labs");
        // only root can give a link away
        match std::os::unix::fs::lchown(&link, Some(12_345), None) {
            Ok(()) => assert_eq!(others_link(dir.path(), lab), Some(link)),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
        }
    }

    #[test]
    fn any_folder_name_gives_a_slug() {
        for (name, slug) in [("My Lab_2", "my-lab-2"), ("--x--", "x")] {
            assert_eq!(slug_of_folder(Path::new(name)).as_str(), slug);
        }
        assert!(slug_of_folder(Path::new("___")).as_str().starts_with("lab-"));
    }
}
