//! What a click types into a terminal. Pure.

/// What Ctrl-C sends.
pub const INTERRUPT: &str = "\u{3}";

/// Returns the keys for a command: each line followed by Enter, without bracketed paste.
#[must_use]
pub fn command_keys(command: &str) -> String {
    let command = command.trim_end_matches(['\n', '\r']);
    if is_interrupt(command) {
        return INTERRUPT.to_owned();
    }
    let mut keys = String::with_capacity(command.len() + 1);
    for line in command.split('\n') {
        keys.push_str(line.trim_end_matches('\r'));
        keys.push('\r');
    }
    keys
}

/// Returns the text to paste for a program that waits for it.
#[must_use]
pub fn pasted(text: &str, line_end: bool) -> String {
    let mut pasted = text.to_owned();
    if line_end && !pasted.ends_with('\n') {
        pasted.push('\n');
    }
    pasted
}

fn is_interrupt(command: &str) -> bool {
    let word = command.trim();
    word.eq_ignore_ascii_case("<ctrl+c>") || word.eq_ignore_ascii_case("<ctrl-c>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_a_command_ends_with_enter() {
        assert_eq!(command_keys("ls"), "ls\r");
        assert_eq!(command_keys("cat <<X\r\n  a\n\nX\n"), "cat <<X\r  a\r\rX\r");
    }

    #[test]
    fn the_words_for_ctrl_c_interrupt() {
        assert_eq!(command_keys("<ctrl+c>"), "\u{3}");
        assert_eq!(command_keys(" <Ctrl-C>\n"), "\u{3}");
        assert_eq!(command_keys("echo '<ctrl+c>'"), "echo '<ctrl+c>'\r");
    }

    #[test]
    fn what_is_pasted_ends_with_a_line_end_only_if_it_should() {
        assert_eq!(pasted("yes", true), "yes\n");
        assert_eq!(pasted("a\nb", false), "a\nb");
        assert_eq!(pasted("a\n", true), "a\n");
    }
}
