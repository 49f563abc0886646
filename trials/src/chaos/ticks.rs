//! Reads the numbered lines of a counting shell and notices what is missing or came twice. Pure.

/// The longest line that may be one of ours, in bytes.
const LONGEST: usize = 4096;

/// The lines of one counting shell, across all connections to it.
#[derive(Clone, Debug, Default)]
pub struct Ticks {
    line: Vec<u8>,
    last: Option<u64>,
    /// Lines that came.
    pub seen: u64,
    /// Lines that never came.
    pub lost: u64,
    /// Lines that came twice.
    pub doubled: u64,
}

impl Ticks {
    /// What makes a shell count, from 1 on, slowly enough for a second's output to fit anywhere.
    pub const COMMAND: &'static [u8] = b"i=0; while :; do i=$((i+1)); echo \"tick $i.\"; sleep 0.04; done\r";

    /// Takes note of output.
    pub fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => {
                    if let Some(number) = number(&self.line) {
                        self.count(number);
                    }
                    self.line.clear();
                }
                _ if self.line.len() < LONGEST => self.line.push(byte),
                _ => {}
            }
        }
    }

    /// Begins anew, with another shell.
    pub fn restart(&mut self) {
        self.line.clear();
        self.last = None;
    }

    fn count(&mut self, number: u64) {
        self.seen += 1;
        match self.last {
            Some(last) if number <= last => self.doubled += 1,
            Some(last) => self.lost += number - last - 1,
            None => self.lost += number - 1,
        }
        self.last = Some(self.last.map_or(number, |last| last.max(number)));
    }
}

fn number(line: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(line).ok()?.trim_end_matches('\r');
    // the shell's own escape sequences may stand before the first one
    text.rsplit_once("tick ")?.1.strip_suffix('.')?.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_cut_across_pieces_count_once() {
        let mut ticks = Ticks::default();
        ticks.read(b"$ i=0; echo \"tick $i.\"\r\n\x1b[?2004l\rtick 1.\r\nti");
        ticks.read(b"ck 2.\r\n");
        assert_eq!((ticks.seen, ticks.lost, ticks.doubled), (2, 0, 0));
    }

    #[test]
    fn gaps_and_repetitions_are_noticed() {
        let mut ticks = Ticks::default();
        ticks.read(b"tick 2.\ntick 5.\ntick 5.\ntick 4.\ntick 6.\n");
        assert_eq!((ticks.seen, ticks.lost, ticks.doubled), (5, 3, 2));
        ticks.restart();
        ticks.read(b"tick 1.\n");
        assert_eq!((ticks.lost, ticks.doubled), (3, 2));
    }
}
