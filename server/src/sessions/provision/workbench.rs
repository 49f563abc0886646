//! What the server puts into a workbench: files, credentials, environment, and the lab's set-up.

use std::sync::Arc;
use std::time::Duration;

use lectern_api::agent::{LEAST_SET_UP_SECS, Reply, Request, ScriptFailure};
use lectern_content::Lab;
use lectern_content::files::LabFile;
use lectern_link::{Link, LinkError};
use tokio::io::DuplexStream;
use tokio_util::io::SyncIoBridge;

use super::ProvisionError;
use crate::config::previews::PreviewSite;
use crate::sessions::environment::{HOME, PACKAGES, Values, WORKSHOP, shell_environment, working_dir};
use crate::store::sessions::SessionRow;

/// How long one of the lab's set-up scripts may run.
const SCRIPT_SECS: u32 = 180;
/// How long all of them together may run.
pub(super) const SET_UP_SECS: u32 = 240;
/// How much later the answer may come.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How much of a lab's files is under way to the workbench at a time, in bytes.
const FILES_UNDER_WAY: usize = 256 * 1024;

async fn done(link: &Link, request: Request) -> Result<(), ProvisionError> {
    match link.request(request).await? {
        Reply::Done => Ok(()),
        Reply::Failed { message } => Err(ProvisionError::Agent(message)),
        _ => Err(LinkError::Unexpected.into()),
    }
}

pub(super) async fn write_kubeconfig(link: &Link, yaml: String) -> Result<(), ProvisionError> {
    done(link, Request::WriteFile { path: format!("{HOME}/.kube/config"), content: yaml, mode: 0o600 }).await
}

/// What the set-up scripts did.
#[derive(Default)]
pub(super) struct SetUp {
    /// The variables that they wrote.
    pub env: Values,
    /// Those that failed.
    pub failures: Vec<ScriptFailure>,
}

/// Environment and set-up scripts: both may be sent again. A script that fails keeps nothing else from running.
pub(super) async fn prepare(
    link: &Link,
    row: &SessionRow,
    lab: &Lab,
    site: &PreviewSite,
) -> Result<SetUp, ProvisionError> {
    let env = shell_environment(row, lab, site);
    done(link, Request::Configure { env, working_dir: working_dir() }).await?;
    let scripts = setup_scripts(lab);
    if scripts.is_empty() {
        return Ok(SetUp::default());
    }
    let late: u64 = scripts.iter().map(|_| u64::from(LEAST_SET_UP_SECS)).sum();
    let limit = Duration::from_secs(u64::from(SET_UP_SECS) + late) + ANSWER_WITHIN;
    let request =
        Request::SetUp { scripts, timeout_secs: SET_UP_SECS, script_timeout_secs: Some(SCRIPT_SECS) };
    set_up_of(link.request_within(request, limit).await?)
}

fn set_up_of(reply: Reply) -> Result<SetUp, ProvisionError> {
    let unnamed =
        |status, output| ScriptFailure { script: "setup.d".to_owned(), status, timed_out_secs: None, output };
    match reply {
        Reply::Ran { passed: true, env, .. } => Ok(SetUp { env, failures: Vec::new() }),
        // an agent of an earlier release, which stopped at the first
        Reply::Ran { output, status, env, failures, .. } if failures.is_empty() => {
            Ok(SetUp { env, failures: vec![unnamed(status, output)] })
        }
        Reply::Ran { env, failures, .. } => Ok(SetUp { env, failures }),
        Reply::Failed { message } => Ok(SetUp { env: Values::new(), failures: vec![unnamed(None, message)] }),
        _ => Err(LinkError::Unexpected.into()),
    }
}

/// The set-up scripts in the order in which they run: those of the packages, then the lab's.
pub(super) fn setup_scripts(lab: &Lab) -> Vec<String> {
    let of_packages = lab.spec.packages.iter().flat_map(|package| {
        let scripts = lab.package_scripts(&package.name).into_iter();
        scripts.map(|script| format!("{PACKAGES}/{}/setup.d/{script}", package.name))
    });
    let own = lab.setup_scripts.iter().map(|script| format!("{WORKSHOP}/setup.d/{script}"));
    of_packages.chain(own).collect()
}

/// Whether nothing is in the home yet, but what some file systems are made with.
pub(super) async fn is_home_empty(link: &Link) -> Result<bool, ProvisionError> {
    match link.request(Request::ListFiles { path: HOME.to_owned() }).await? {
        Reply::Entries { entries, .. } => Ok(entries.iter().all(|entry| entry.name == "lost+found")),
        _ => Err(LinkError::Unexpected.into()),
    }
}

/// Lays the lab's files out: those of its workshop, and those for the home where they are wanted there.
pub(super) async fn put_files(link: &Link, lab: &Arc<Lab>, with_home: bool) -> Result<(), ProvisionError> {
    let home = with_home.then_some((HOME, false));
    for (directory, workshop) in home.into_iter().chain([(WORKSHOP, true)]) {
        let lab = lab.clone();
        let list = move || if workshop { lab.workshop_files() } else { lab.home_files() };
        packed(list, None, async |archive| link.put_files(directory, archive).await).await?;
    }
    for package in &lab.spec.packages {
        let (lab, name) = (lab.clone(), package.name.clone());
        let directory = format!("{PACKAGES}/{name}");
        let list = move || lab.package_files(&name);
        match packed(list, None, async |archive| link.put_files(&directory, archive).await).await {
            // the lab is worth having without it, and its learner notices which programs are missing
            Err(ProvisionError::Link(LinkError::Refused(reason))) => {
                tracing::warn!(
                    lab.package = package.name,
                    reason,
                    "a package could not be laid out in a workbench"
                );
            }
            done => done?,
        }
    }
    Ok(())
}

/// Packs files while `send` sends them. In texts, what names the lab's folder names `elsewhere` instead, if given.
pub(in crate::sessions) async fn packed<T>(
    list: impl FnOnce() -> Vec<LabFile> + Send + 'static,
    elsewhere: Option<String>,
    send: impl AsyncFnOnce(DuplexStream) -> Result<T, LinkError>,
) -> Result<T, ProvisionError> {
    let (reader, writer) = tokio::io::duplex(FILES_UNDER_WAY);
    let packing =
        tokio::task::spawn_blocking(move || pack(list(), elsewhere.as_deref(), SyncIoBridge::new(writer)));
    let (packed, sent) = tokio::join!(packing, send(reader));
    let sent = sent?;
    packed.map_err(std::io::Error::other).flatten().map_err(ProvisionError::Files)?;
    Ok(sent)
}

/// Packs files into a tar archive, without their owners and times.
fn pack(files: Vec<LabFile>, elsewhere: Option<&str>, to: impl std::io::Write) -> std::io::Result<()> {
    let mut archive = tar::Builder::new(to);
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(if file.executable { 0o755 } else { 0o644 });
        header.set_mtime(0);
        if let Some(target) = &file.link {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            archive.append_link(&mut header, &file.path, target)?;
        } else {
            header.set_entry_type(tar::EntryType::Regular);
            let Some(place) = elsewhere else {
                append(&mut archive, &mut header, &file)?;
                continue;
            };
            let content = file.read()?;
            let content = moved(&content, place).unwrap_or(content);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, &file.path, content.as_slice())?;
        }
    }
    archive.into_inner()?.flush()
}

/// Appends a file piece by piece: programs of packages are large.
fn append(
    archive: &mut tar::Builder<impl std::io::Write>,
    header: &mut tar::Header,
    file: &LabFile,
) -> std::io::Result<()> {
    use std::io::Read as _;
    let source = file.open()?;
    let size = source.metadata()?.len();
    header.set_size(size);
    // one that shrinks meanwhile would leave the rest of the archive unreadable
    archive.append_data(header, &file.path, source.chain(std::io::repeat(0)).take(size))
}

/// A text with another place in place of the lab's folder; none where it is no text or does not name it.
fn moved(content: &[u8], place: &str) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(content).ok().filter(|text| text.contains(WORKSHOP))?;
    Some(text.replace(WORKSHOP, place).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_names_the_labs_folder_names_the_runs_and_what_is_no_text_stays() {
        let script = b"#!/bin/sh\n. /opt/workshop/examiner/lib.sh\n";
        assert_eq!(moved(script, "/run/x").unwrap(), b"#!/bin/sh\n. /run/x/examiner/lib.sh\n");
        for kept in [&b"/opt/workshop\xff"[..], b"echo /opt"] {
            assert_eq!(moved(kept, "/run/x"), None);
        }
    }
}
