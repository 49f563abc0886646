//! `content.files` of older labs: one text that names everything.

use super::{REGISTRIES, Reader};
use crate::rules::Rule;
use crate::spec::sources::{LabSource, Origin, PathRules, folder_path};
use crate::yaml::Fields;

/// The hosts whose repositories are written without a scheme.
const FORGES: &[&str] = &["github.com", "gitlab.com"];

impl Reader {
    /// Reads `content.files`.
    pub(super) fn older_files(&mut self, content: &Fields<'_>) -> Option<LabSource> {
        let node = content.node("files")?;
        // a list is a mistake for `workshop.files`, which the finding about the wrong kind names
        let text = self.text(content, "files")?;
        let found = parse(text.trim());
        if found.is_none() {
            self.complain(
                content,
                "files",
                Rule::NotActedOn,
                format!("{text:?} cannot be fetched"),
                "write github.com/organisation/repository, https://host/lab.tar.gz or imgpkg+https://host/image:tag"
                    .to_owned(),
            );
        }
        let (origin, new_root) = found?;
        Some(LabSource {
            origin,
            path: String::new(),
            new_root,
            rules: PathRules::default(),
            line: node.line,
        })
    }
}

/// Parses the text into what it names and the folder in it.
fn parse(text: &str) -> Option<(Origin, String)> {
    if REGISTRIES.iter().any(|registry| text.contains(registry)) || matches!(text, "." | "./") {
        return Some((Origin::Own, String::new()));
    }
    if text.is_empty() || text.contains("$(") || text.contains(char::is_whitespace) {
        return None;
    }
    let (address, query) = text.split_once('?').unwrap_or((text, ""));
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let image = |reference: &str, plain_http| {
        let origin = Origin::Image { reference: reference.to_owned(), plain_http };
        Some((origin, folder_path(&value("path"))?))
    };
    match address.split_once("://") {
        Some(("imgpkg" | "imgpkg+https", rest)) => return image(rest, false),
        Some(("imgpkg+http", rest)) => return image(rest, true),
        Some(("https" | "http", _)) => {
            let folder = folder_path(&value("path"))?;
            let others: Vec<&str> =
                query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("path=")).collect();
            let mark = if others.is_empty() { "" } else { "?" };
            let url = format!("{address}{mark}{}", others.join("&"));
            return Some((Origin::Http { url, sha256: None, keeps_archive: false }, folder));
        }
        Some(_) => return None,
        None => {}
    }
    let mut parts = address.splitn(4, '/');
    let (host, owner, repository) = (parts.next()?, parts.next()?, parts.next());
    if FORGES.contains(&host) {
        let repository = repository.filter(|name| !name.is_empty())?;
        let url = format!("https://{host}/{owner}/{repository}");
        let origin = Origin::Git { url, reference: value("ref") };
        return Some((origin, folder_path(parts.next().unwrap_or_default())?));
    }
    (host.contains(['.', ':']) || host == "localhost").then(|| image(address, false)).flatten()
}
