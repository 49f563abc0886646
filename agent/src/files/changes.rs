//! Watching files for changes. They are reported a moment later, so that many changes of one file become one.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lectern_api::agent::{FileRefusal, FileReply, MAX_WATCHED, Reply};
use lectern_api::files::{ChangeKind, FileChange};
use lectern_link::{LinkError, Messages};
use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::{UNFINISHED, failed, on_disk, paths};

/// The capacity of the queue of changes. Changes beyond it are lost, which is reported.
const WAITING: usize = 1024;
/// How long changes are collected before they are reported.
const GATHER: Duration = Duration::from_millis(30);

/// Reports changes below a folder until the server closes the stream.
pub async fn watch(mut messages: Messages, path: String) -> Result<(), LinkError> {
    let (reporter, changes) = Changes::new();
    let begun = on_disk(move || {
        let found = paths::find(&path)?;
        let mut watcher = begin(reporter).map_err(|error| explain(&path, &error))?;
        watcher.watch(&found, RecursiveMode::Recursive).map_err(|error| explain(&path, &error))?;
        Ok((watcher, found))
    });
    // dropping the watcher ends the watch
    let (_watcher, found) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return messages.send(&failed(&error)).await,
    };
    messages.send(&Reply::Done).await?;
    changes.report(messages, vec![found]).await
}

/// Reports changes of the entries of folders until the server closes the stream.
pub async fn watch_folders(mut messages: Messages, folders: Vec<String>) -> Result<(), LinkError> {
    let (reporter, changes) = Changes::new();
    let begun = on_disk(move || {
        let mut watcher = begin(reporter).map_err(|error| explain("a folder", &error))?;
        let mut watched = Vec::new();
        for path in folders.iter().take(MAX_WATCHED) {
            // the editor asks for the folders that it knows, of which some may be gone
            let Ok(found) = paths::find(path) else { continue };
            match watcher.watch(&found, RecursiveMode::NonRecursive) {
                Ok(()) => watched.push(found),
                Err(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                    return Err(explain(path, &error));
                }
                // removed since
                Err(_) => {}
            }
        }
        Ok((watcher, watched))
    });
    let (_watcher, watched) = match begun.await {
        Ok(begun) => begun,
        Err(error) => {
            let refused = FileReply::Refused { reason: FileRefusal::Other, message: error.to_string() };
            return messages.send(&Reply::Files(refused)).await;
        }
    };
    messages.send(&Reply::Files(FileReply::Done)).await?;
    changes.report(messages, watched).await
}

/// Where a watcher puts what it sees.
struct Reporter {
    sender: mpsc::Sender<(PathBuf, ChangeKind)>,
    is_missed: Arc<AtomicBool>,
}

/// What a watcher saw.
struct Changes {
    changes: mpsc::Receiver<(PathBuf, ChangeKind)>,
    is_missed: Arc<AtomicBool>,
}

impl Changes {
    fn new() -> (Reporter, Self) {
        let (sender, changes) = mpsc::channel(WAITING);
        let is_missed = Arc::new(AtomicBool::new(false));
        (Reporter { sender, is_missed: is_missed.clone() }, Self { changes, is_missed })
    }

    /// Sends what is seen. If it is too much, `watched` is all that is said.
    async fn report(self, mut messages: Messages, watched: Vec<PathBuf>) -> Result<(), LinkError> {
        let Self { mut changes, is_missed } = self;
        loop {
            let first = tokio::select! {
                change = changes.recv() => change,
                () = messages.closed() => return Ok(()),
            };
            let Some(first) = first else { return Ok(()) };
            tokio::time::sleep(GATHER).await;
            let mut gathered = BTreeMap::new();
            gather(&mut gathered, first);
            while let Ok(change) = changes.try_recv() {
                gather(&mut gathered, change);
            }
            if is_missed.swap(false, Ordering::Relaxed) {
                gathered = watched.iter().map(|path| (path.clone(), ChangeKind::Missed)).collect();
            }
            for (path, change) in gathered {
                let path = path.to_string_lossy().into_owned();
                messages.send(&FileChange { path, change }).await?;
            }
        }
    }
}

fn gather(gathered: &mut BTreeMap<PathBuf, ChangeKind>, (path, change): (PathBuf, ChangeKind)) {
    let before = gathered.get(&path).copied();
    // a new file is reported as new, however often it was written to since
    let change = if (before, change) == (Some(ChangeKind::Created), ChangeKind::Changed) {
        ChangeKind::Created
    } else {
        change
    };
    gathered.insert(path, change);
}

fn begin(reporter: Reporter) -> notify::Result<RecommendedWatcher> {
    let Reporter { sender, is_missed } = reporter;
    let report = move |event: notify::Result<Event>| {
        let Ok(event) = event else {
            is_missed.store(true, Ordering::Relaxed);
            return;
        };
        if event.need_rescan() {
            is_missed.store(true, Ordering::Relaxed);
        }
        let Some(change) = kind_of(event.kind) else { return };
        for path in event.paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with(UNFINISHED) && sender.try_send((path, change)).is_err() {
                is_missed.store(true, Ordering::Relaxed);
            }
        }
    };
    RecommendedWatcher::new(report, Config::default().with_follow_symlinks(false))
}

fn kind_of(kind: EventKind) -> Option<ChangeKind> {
    match kind {
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
            Some(ChangeKind::Created)
        }
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => {
            Some(ChangeKind::Removed)
        }
        // already reported by the two above
        EventKind::Modify(ModifyKind::Name(_)) => None,
        EventKind::Modify(_) | EventKind::Access(AccessKind::Close(AccessMode::Write)) => {
            Some(ChangeKind::Changed)
        }
        EventKind::Access(_) | EventKind::Any | EventKind::Other => None,
    }
}

fn explain(path: &str, error: &notify::Error) -> io::Error {
    let message = match &error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            format!("{path} contains more folders than this node lets one user watch")
        }
        _ => format!("could not watch {path}: {error}"),
    };
    io::Error::other(message)
}
