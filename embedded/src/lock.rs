//! Makes sure that only one supervisor works on a data folder, and one cluster in a network namespace.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use crate::error::Error;
use crate::layout::Layout;
use crate::status;

/// An abstract name lives in a network namespace and vanishes with its owner, even a killed one. kube-proxy's tables
/// cannot be shared, which is why the namespace is the unit.
const NAME: &str = "lectern-embedded-cluster";

/// Both locks; they are given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _folder: File,
    _namespace: Option<NamespaceLock>,
}

impl Lock {
    /// Takes the lock of the data folder, and for a cluster that of the network namespace.
    pub(crate) fn take(layout: &Layout, cluster: bool) -> Result<Self, Error> {
        let namespace = if cluster { Some(NamespaceLock::take(NAME, layout.root())?) } else { None };
        let path = layout.lock();
        let folder = File::create(&path).map_err(Error::file("create", &path))?;
        match folder.try_lock() {
            Ok(()) => Ok(Self { _folder: folder, _namespace: namespace }),
            Err(TryLockError::WouldBlock) => Err(Error::AlreadyRunning {
                pid: status::read_record(layout)?
                    .and_then(|record| record.supervisor)
                    .map_or(0, |process| process.pid),
                data_dir: layout.root().display().to_string(),
            }),
            Err(TryLockError::Error(source)) => Err(Error::File { action: "lock", path, source }),
        }
    }
}

/// Says who holds a cluster in this network namespace, without taking it.
pub(crate) fn check_namespace() -> Result<(), Error> {
    match ask_holder(NAME) {
        Some((pid, data_dir)) => Err(Error::AlreadyRunning { pid, data_dir }),
        None => Ok(()),
    }
}

#[derive(Debug)]
struct NamespaceLock {
    name: &'static str,
    closing: std::sync::Arc<std::sync::atomic::AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl NamespaceLock {
    fn take(name: &'static str, data_dir: &Path) -> Result<Self, Error> {
        let listener = match address(name).and_then(|address| UnixListener::bind_addr(&address)) {
            Ok(listener) => listener,
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                let (pid, data_dir) = ask_holder(name).unwrap_or((0, "unknown".to_owned()));
                return Err(Error::AlreadyRunning { pid, data_dir });
            }
            Err(source) => return Err(Error::File { action: "bind the socket", path: name.into(), source }),
        };
        let closing = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let seen = closing.clone();
        let answer = format!("{} {}", std::process::id(), data_dir.display());
        let thread = std::thread::spawn(move || {
            for asker in listener.incoming() {
                if seen.load(std::sync::atomic::Ordering::Acquire) {
                    return;
                }
                // an asker that has gone needs no answer
                let _ = asker.and_then(|mut asker| asker.write_all(answer.as_bytes()));
            }
        });
        Ok(Self { name, closing, thread: Some(thread) })
    }
}

impl Drop for NamespaceLock {
    fn drop(&mut self) {
        self.closing.store(true, std::sync::atomic::Ordering::Release);
        // wakes the thread, which then lets the name go
        let woken = address(self.name).and_then(|address| UnixStream::connect_addr(&address));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            // a thread that panicked has let it go as well
            let _ = thread.join();
        }
    }
}

fn address(name: &str) -> std::io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(name)
}

fn ask_holder(name: &str) -> Option<(u32, String)> {
    let mut stream = UnixStream::connect_addr(&address(name).ok()?).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    let mut answer = String::new();
    // a holder that is silent still holds
    let _ = stream.read_to_string(&mut answer);
    let (pid, data_dir) = answer.split_once(' ').unwrap_or(("0", "unknown"));
    Some((pid.parse().unwrap_or(0), data_dir.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_in_a_namespace_is_told_who_the_first_is() {
        let name = "lectern-embedded-test-second";
        let first = NamespaceLock::take(name, Path::new("/somewhere/data")).expect("free");
        match NamespaceLock::take(name, Path::new("/elsewhere")) {
            Err(Error::AlreadyRunning { pid, data_dir }) => {
                assert_eq!((pid, data_dir.as_str()), (std::process::id(), "/somewhere/data"));
            }
            other => panic!("{other:?}"),
        }
        drop(first);
        NamespaceLock::take(name, Path::new("/elsewhere")).expect("free again");
    }

    #[test]
    fn a_data_folder_is_locked_for_others_and_free_afterwards() {
        let folder = tempfile::tempdir().expect("folder");
        let layout = Layout::new(folder.path());
        crate::files::create_private_dir(&layout.run()).expect("run");
        let first = Lock::take(&layout, false).expect("free");
        assert!(matches!(Lock::take(&layout, false), Err(Error::AlreadyRunning { .. })));
        drop(first);
        Lock::take(&layout, false).expect("free again");
    }
}
