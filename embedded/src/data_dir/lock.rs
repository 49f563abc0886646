//! Locks: one supervisor per data folder, and one cluster per network namespace.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

use crate::data_dir::layout::Layout;
use crate::data_dir::status;
use crate::error::Error;

/// The abstract socket name that stands for the lock. Such a name belongs to a network namespace and disappears with its
/// owner, even one that was killed. The namespace is the unit because kube-proxy's tables cannot be shared.
const NAME: &str = "lectern-embedded-cluster";

/// Both locks. They are released when this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    _folder: File,
    _namespace: Option<NamespaceLock>,
}

impl Lock {
    /// Takes the lock of the data folder and, for a cluster, that of the network namespace.
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

/// Fails if a cluster runs in this network namespace, without taking the lock.
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
            for client in listener.incoming() {
                if seen.load(std::sync::atomic::Ordering::Acquire) {
                    return;
                }
                // a client that has disconnected needs no answer
                let _ = client.and_then(|mut client| client.write_all(answer.as_bytes()));
            }
        });
        Ok(Self { name, closing, thread: Some(thread) })
    }
}

impl Drop for NamespaceLock {
    fn drop(&mut self) {
        self.closing.store(true, std::sync::atomic::Ordering::Release);
        // wakes the thread, which then closes the socket
        let woken = address(self.name).and_then(|address| UnixStream::connect_addr(&address));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            // a thread that panicked has closed it as well
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
    // a holder that does not answer is a holder all the same
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
