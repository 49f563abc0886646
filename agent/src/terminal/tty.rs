//! The kernel's side of a terminal: its size, its input queue, and the signals that it makes of keys.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::termios::{FlushArg, LocalFlags, SpecialCharacterIndices, tcflush, tcgetattr};
use nix::unistd::Pid;
use rustix::termios::{Winsize, tcsetwinsize};

/// A handle on the PTY that a shell runs on.
pub struct Tty {
    master: OwnedFd,
    shell: Option<Pid>,
}

impl Tty {
    pub fn new(pty: &impl AsFd, shell: Option<Pid>) -> io::Result<Self> {
        Ok(Self { master: pty.as_fd().try_clone_to_owned()?, shell })
    }

    /// Returns whether the terminal, with its current settings, turns this byte into a signal.
    pub fn is_interrupt(&self, byte: u8) -> bool {
        use SpecialCharacterIndices::{VINTR, VQUIT, VSUSP};
        let Ok(settings) = tcgetattr(&self.master) else { return false };
        settings.local_flags.contains(LocalFlags::ISIG)
            && [VINTR, VQUIT, VSUSP].into_iter().any(|index| settings.control_chars[index as usize] == byte)
    }

    /// Returns whether programs get whole lines from the kernel. A line editor reads key by key instead.
    pub fn gives_lines(&self) -> bool {
        tcgetattr(&self.master).is_ok_and(|settings| settings.local_flags.contains(LocalFlags::ICANON))
    }

    /// Returns whether all that was typed has been read.
    pub fn is_read(&self) -> bool {
        // if the shell has just exited, nobody will read the rest
        self.slave()
            .and_then(|slave| rustix::io::ioctl_fionread(&slave).ok())
            .is_none_or(|unread| unread == 0)
    }

    /// Discards what was typed and not read yet.
    pub fn discard_input(&self) {
        if let Some(slave) = self.slave() {
            // fails if the shell has just exited
            let _ = tcflush(&slave, FlushArg::TCIFLUSH);
        }
    }

    /// Opens the shell's end of the terminal. Returns `None` if the shell has just exited.
    fn slave(&self) -> Option<OwnedFd> {
        let path = rustix::pty::ptsname(&self.master, Vec::new()).ok()?;
        open(path.as_c_str(), OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK, Mode::empty()).ok()
    }

    /// Sets the size. If it changes, the kernel notifies the programs in the terminal.
    pub fn resize(&self, cols: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
        // fails if the shell has just exited
        let _ = tcsetwinsize(&self.master, size);
    }

    /// Returns the shell's current working directory.
    pub fn working_dir(&self) -> Option<PathBuf> {
        let shell = self.shell?;
        std::fs::read_link(format!("/proc/{shell}/cwd")).ok()
    }
}
