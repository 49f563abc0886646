//! Writes what was typed to the shell, as fast as it is read.
//!
//! Tabs of a block's command come quoted, behind a Ctrl-V: a line editor then inserts them instead of completing a word,
//! and the kernel, where it collects lines for a program, takes the Ctrl-V away. Between two lines a shell is neither: a
//! tab that arrives then would lose its Ctrl-V to the kernel and be completed by the editor. So a line with such a tab is
//! held back until the one before it has been read and the editor is there again.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use pty_process::OwnedWritePty;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use super::input::{Input, InputReceiver};
use super::tty::Tty;

/// A tab that is not to be completed.
const QUOTED_TAB: &[u8] = b"\x16\t";
const POLL: Duration = Duration::from_millis(2);
/// How often in a row an editor must be seen: one that has just read a line looks the same until it lets go.
const SEEN: u32 = 3;
/// How soon a line editor is there again. After that, whatever runs reads lines from the kernel.
const EDITOR_WITHIN: Duration = Duration::from_secs(1);

/// Writes the input to the shell, as long as anything reads it. Sets `dir` to the folder in which the shell was when the
/// last line was typed.
pub async fn write_input(
    mut writer: OwnedWritePty,
    tty: &Tty,
    input: &mut InputReceiver,
    dir: &mut Option<PathBuf>,
) {
    loop {
        let next = input.next().await;
        let typed = match &next {
            Some(Input::Typed(typed)) => typed.bytes(),
            Some(Input::Interrupt(byte)) => {
                input.clear();
                tty.discard_input();
                std::slice::from_ref(byte)
            }
            None => return,
        };
        if typed.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 4)) {
            *dir = tty.working_dir().or(dir.take());
        }
        let written = tokio::select! {
            written = write(&mut writer, tty, typed) => written,
            Some(byte) = input.interrupt() => {
                // drops the rest of this input too
                input.clear();
                tty.discard_input();
                writer.write_all(&[byte]).await
            }
        };
        // nothing reads any more: the shell is about to exit
        if written.is_err() {
            return;
        }
    }
}

async fn write(writer: &mut OwnedWritePty, tty: &Tty, typed: &[u8]) -> io::Result<()> {
    let mut expects_editor = true;
    for piece in pieces(typed) {
        if has_quoted_tab(piece) {
            expects_editor = wait_for_reader(tty, expects_editor).await;
        }
        writer.write_all(piece).await?;
    }
    Ok(())
}

/// Waits until everything before has been read and, if `expects_editor`, a line editor waits for more. Returns whether
/// one does.
async fn wait_for_reader(tty: &Tty, expects_editor: bool) -> bool {
    let (mut since, mut seen) = (Instant::now(), 0);
    loop {
        sleep(POLL).await;
        if !tty.is_read() {
            (since, seen) = (Instant::now(), 0);
        } else if tty.gives_lines() {
            seen = 0;
            if !expects_editor || since.elapsed() > EDITOR_WITHIN {
                return false;
            }
        } else {
            seen += 1;
            if seen >= SEEN {
                return true;
            }
        }
    }
}

fn has_quoted_tab(bytes: &[u8]) -> bool {
    bytes.windows(QUOTED_TAB.len()).any(|window| window == QUOTED_TAB)
}

/// Cuts input so that each line with a quoted tab is a piece of its own.
fn pieces(typed: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    if !has_quoted_tab(typed) {
        pieces.push(typed);
        return pieces;
    }
    let (mut begin, mut at) = (0, 0);
    for line in typed.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
        let end = at + line.len();
        if has_quoted_tab(line) {
            pieces.extend([&typed[begin..at], &typed[at..end]]);
            begin = end;
        }
        at = end;
    }
    pieces.push(&typed[begin..]);
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_a_quoted_tab_is_a_piece_of_its_own() {
        let text = |typed: &'static [u8]| -> Vec<&str> {
            pieces(typed).into_iter().map(|piece| std::str::from_utf8(piece).unwrap()).collect()
        };
        assert_eq!(text(b"ls\rcd x\r"), ["ls\rcd x\r"]);
        assert_eq!(text(b"a\tb\r"), ["a\tb\r"]);
        assert_eq!(
            text(b"cat\ra\r\x16\tb\rc\x16\t\rd\re\r"),
            ["cat\ra\r", "\x16\tb\r", "c\x16\t\r", "d\re\r"]
        );
        assert_eq!(text(b"\x16\t"), ["\x16\t"]);
        assert!(text(b"").iter().all(|piece| piece.is_empty()));
    }
}
