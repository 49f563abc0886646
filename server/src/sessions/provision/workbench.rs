//! What the server puts into a workbench: files, credentials, environment, and the lab's set-up.

use std::sync::Arc;

use lectern_api::agent::{Reply, Request};
use lectern_content::Lab;
use lectern_content::files::LabFile;
use lectern_link::Link;
use tokio_util::io::SyncIoBridge;

use super::ProvisionError;
use crate::sessions::environment::{HOME, WORKSHOP, shell_environment, working_dir};
use crate::store::sessions::SessionRow;

/// How long the lab's set-up scripts may run.
const SET_UP_SECS: u32 = 180;
/// How much of a lab's files is under way to the workbench at a time, in bytes.
const FILES_UNDER_WAY: usize = 256 * 1024;

async fn done(link: &Link, request: Request) -> Result<(), ProvisionError> {
    match link.request(request).await? {
        Reply::Done => Ok(()),
        Reply::Failed { message } => Err(ProvisionError::Agent(message)),
        other => Err(ProvisionError::Agent(format!("it answered {other:?}"))),
    }
}

pub(super) async fn write_kubeconfig(link: &Link, yaml: String) -> Result<(), ProvisionError> {
    done(link, Request::WriteFile { path: format!("{HOME}/.kube/config"), content: yaml, mode: 0o600 }).await
}

/// Environment and set-up scripts: both may be sent again.
pub(super) async fn prepare(link: &Link, row: &SessionRow, lab: &Lab) -> Result<(), ProvisionError> {
    let env = shell_environment(row, lab);
    done(link, Request::Configure { env, working_dir: working_dir() }).await?;
    if lab.setup_scripts.is_empty() {
        return Ok(());
    }
    let scripts = lab.setup_scripts.iter().map(|script| format!("{WORKSHOP}/setup.d/{script}")).collect();
    match link.request(Request::SetUp { scripts, timeout_secs: SET_UP_SECS }).await? {
        Reply::Ran { passed: true, .. } => Ok(()),
        Reply::Ran { output, .. } => Err(ProvisionError::SetUp(output)),
        Reply::Failed { message } => Err(ProvisionError::SetUp(message)),
        other => Err(ProvisionError::Agent(format!("it answered {other:?}"))),
    }
}

/// Whether nothing is in the home yet, but what some file systems are made with.
pub(super) async fn is_home_empty(link: &Link) -> Result<bool, ProvisionError> {
    match link.request(Request::ListFiles { path: HOME.to_owned() }).await? {
        Reply::Entries { entries, .. } => Ok(entries.iter().all(|entry| entry.name == "lost+found")),
        other => Err(ProvisionError::Agent(format!("it answered {other:?}"))),
    }
}

/// Lays the lab's files out: those of its workshop, and those for the home where they are wanted there.
pub(super) async fn put_files(link: &Link, lab: &Arc<Lab>, with_home: bool) -> Result<(), ProvisionError> {
    let home = with_home.then_some((HOME, false));
    for (directory, workshop) in home.into_iter().chain([(WORKSHOP, true)]) {
        let (reader, writer) = tokio::io::duplex(FILES_UNDER_WAY);
        let lab = lab.clone();
        let packing = tokio::task::spawn_blocking(move || {
            let files = if workshop { lab.workshop_files() } else { lab.home_files() };
            pack(files, SyncIoBridge::new(writer))
        });
        let (packed, sent) = tokio::join!(packing, link.put_files(directory, reader));
        sent?;
        packed.map_err(std::io::Error::other).flatten().map_err(ProvisionError::Files)?;
    }
    Ok(())
}

/// Packs files into a tar archive, without their owners and times.
fn pack(files: Vec<LabFile>, to: impl std::io::Write) -> std::io::Result<()> {
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
            let content = file.read()?;
            header.set_entry_type(tar::EntryType::Regular);
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, &file.path, content.as_slice())?;
        }
    }
    archive.into_inner()?.flush()
}
