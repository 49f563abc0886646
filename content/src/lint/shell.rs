//! Splits what is typed into a terminal into steps and words.
//!
//! What a page types is often no whole script: it answers a question, or is meant for a program that runs. So this is no
//! parser that accepts or refuses a text. It makes the best of any.

/// A single command of a text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Its words without their quotes.
    pub words: Vec<String>,
    /// The files that its output goes to.
    pub outputs: Vec<String>,
}

/// Words that stand before a command.
const BEFORE: &[&str] = &[
    "sudo", "time", "nohup", "exec", "command", "builtin", "env", "then", "do", "else", "elif", "if",
    "while", "until", "!", "{", "watch", "xargs", "timeout", "nice", "setsid", "stdbuf",
];

impl Step {
    /// Returns the program, without the words and variables before it, and its arguments.
    pub(super) fn program(&self) -> Option<(&str, &[String])> {
        let is_before = |word: &String| {
            BEFORE.contains(&word.as_str())
                || is_assignment(word)
                || word.parse::<f64>().is_ok()
                || word.starts_with('-')
        };
        let at = self.words.iter().position(|word| !is_before(word))?;
        Some((self.words[at].as_str(), &self.words[at + 1..]))
    }
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

/// Splits a text into its steps, in order. Here-documents are left out.
pub(super) fn steps(text: &str) -> Vec<Step> {
    let mut reader = Reader::default();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        reader.line(line);
        for end in std::mem::take(&mut reader.documents) {
            // its text, up to the line that ends it
            let _ = lines.find(|line| line.trim() == end);
        }
    }
    reader.end_step();
    reader.steps
}

#[derive(Default)]
struct Reader {
    steps: Vec<Step>,
    step: Step,
    word: String,
    has_word: bool,
    /// What the next word is.
    next: Next,
    quote: Option<char>,
    /// How many `$(` are open. What stands in them is part of the word.
    depth: usize,
    /// The words that end the here-documents of the line.
    documents: Vec<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Next {
    #[default]
    Word,
    Output,
    Input,
    Document,
}

impl Reader {
    fn line(&mut self, line: &str) {
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            match (self.quote, letter) {
                (Some(quote), _) if letter == quote => self.quote = None,
                (Some('"') | None, '\\') => match letters.next() {
                    Some(next) => self.push(next),
                    // the command goes on in the next line
                    None => return,
                },
                (None | Some('"'), '$') if letters.peek() == Some(&'(') => {
                    letters.next();
                    self.depth += 1;
                    self.push('$');
                }
                (_, ')') if self.depth > 0 => self.depth -= 1,
                (Some(_), _) => self.push(letter),
                _ if self.depth > 0 => self.push(letter),
                (None, '"' | '\'' | '`') => {
                    self.quote = Some(letter);
                    self.has_word = true;
                    if letter == '`' {
                        self.push('$');
                    }
                }
                (None, '#') if !self.has_word => break,
                (None, ';' | '|' | '&' | '(' | ')') if !(letter == '&' && self.next == Next::Output) => {
                    self.end_step();
                }
                (None, '>') => {
                    // a number is that of the output
                    if self.word.bytes().all(|byte| byte.is_ascii_digit()) {
                        self.word.clear();
                        self.has_word = false;
                    }
                    self.end_word();
                    self.next = Next::Output;
                }
                (None, '<') => {
                    self.end_word();
                    self.next = if self.next == Next::Input { Next::Document } else { Next::Input };
                }
                (None, _) if letter.is_whitespace() => self.end_word(),
                (None, '-') if self.next == Next::Document && !self.has_word => {}
                (None, _) => self.push(letter),
            }
        }
        if self.quote.is_some() || self.depth > 0 {
            self.push('\n');
        } else {
            self.end_step();
        }
    }

    fn push(&mut self, letter: char) {
        self.has_word = true;
        self.word.push(letter);
    }

    fn end_word(&mut self) {
        if !self.has_word {
            return;
        }
        let word = std::mem::take(&mut self.word);
        self.has_word = false;
        match std::mem::take(&mut self.next) {
            Next::Word => self.step.words.push(word),
            // `2>&1`
            Next::Output if word.starts_with('&') => {}
            Next::Output => self.step.outputs.push(word),
            Next::Input => {}
            Next::Document => self.documents.push(word),
        }
    }

    fn end_step(&mut self) {
        self.end_word();
        self.next = Next::Word;
        if !self.step.words.is_empty() || !self.step.outputs.is_empty() {
            self.steps.push(std::mem::take(&mut self.step));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        steps(text).iter().map(|step| step.words.join(" ")).collect()
    }

    #[test]
    fn a_text_is_split_into_commands_as_a_shell_would() {
        assert_eq!(
            words("cd ~/x && ls -l | grep 'a; b' # list\nwait"),
            ["cd ~/x", "ls -l", "grep a; b", "wait"]
        );
        assert_eq!(words("kubectl run x \\\n  --image y"), ["kubectl run x --image y"]);
        assert_eq!(words("echo \"a\nb\" c"), ["echo a\nb c"]);
        assert_eq!(words("echo $(cat x; ls) y"), ["echo $cat x; ls y"]);
    }

    #[test]
    fn outputs_and_here_documents_are_no_words() {
        let found = steps("cat <<-'EOF' > a.yaml 2>&1\nkind: Pod\nrm -rf x\nEOF\nls >>b 2>/dev/null\nwc <c");
        let shown: Vec<_> = found.iter().map(|step| (step.words.join(" "), step.outputs.join(" "))).collect();
        let wanted = [("cat", "a.yaml"), ("ls", "b /dev/null"), ("wc", "")];
        assert_eq!(shown, wanted.map(|(words, outputs)| (words.to_owned(), outputs.to_owned())));
    }

    #[test]
    fn the_program_stands_behind_variables_and_words_that_run_another() {
        let program = |text: &str| steps(text)[0].program().map(|(name, _)| name.to_owned());
        assert_eq!(program("A=1 sudo -E timeout 5 helm ls").as_deref(), Some("helm"));
        assert_eq!(program("if ! docker ps"), Some("docker".to_owned()));
        assert_eq!(program("A=1"), None);
    }
}
