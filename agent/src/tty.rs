//! The kernel's side of a terminal: its size, what its driver holds and makes of keys.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::termios::{FlushArg, LocalFlags, SpecialCharacterIndices, tcflush, tcgetattr};
use nix::unistd::Pid;
use rustix::termios::{Winsize, tcsetwinsize};

/// A handle on the terminal that a shell runs on.
pub struct Tty {
    master: OwnedFd,
    /// The shell.
    shell: Option<Pid>,
}

impl Tty {
    pub fn new(pty: &impl AsFd, shell: Option<Pid>) -> io::Result<Self> {
        Ok(Self { master: pty.as_fd().try_clone_to_owned()?, shell })
    }

    /// Whether this byte is one that the terminal makes a signal of, as it is set now.
    pub fn interrupts_with(&self, byte: u8) -> bool {
        use SpecialCharacterIndices::{VINTR, VQUIT, VSUSP};
        let Ok(settings) = tcgetattr(&self.master) else { return false };
        settings.local_flags.contains(LocalFlags::ISIG)
            && [VINTR, VQUIT, VSUSP].into_iter().any(|index| settings.control_chars[index as usize] == byte)
    }

    /// Makes the driver forget what nobody has read of what was typed.
    pub fn forget_input(&self) {
        let Ok(path) = rustix::pty::ptsname(&self.master, Vec::new()) else { return };
        let Ok(slave) =
            open(path.as_c_str(), OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK, Mode::empty())
        else {
            return;
        };
        // fails where the shell has just ended
        let _ = tcflush(&slave, FlushArg::TCIFLUSH);
    }

    /// Sets columns and rows, and tells the programs where they are others.
    pub fn resize(&self, cols: u16, rows: u16) {
        let size = Winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
        // fails where the shell has just ended
        let _ = tcsetwinsize(&self.master, size);
    }

    /// Where the shell is.
    pub fn shells_directory(&self) -> Option<PathBuf> {
        let shell = self.shell?;
        std::fs::read_link(format!("/proc/{shell}/cwd")).ok()
    }
}
