//! Counts passed and failed tests in the output of the test runners.

use std::ops::AddAssign;

/// How many tests passed, failed and were skipped.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    pub passed: u32,
    pub failed: u32,
    /// Tests that were skipped on purpose.
    pub skipped: u32,
}

/// Whose output is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// `cargo test`.
    Cargo,
    /// `go test -v`.
    Go,
    /// `playwright test --reporter=list`.
    Playwright,
    /// `node --test --test-reporter=tap`.
    Node,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl Tally {
    /// Returns the run's last line.
    pub fn line(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }

    /// Corrects the counts by how the runner ended: one that fails without naming a test counts as one failure, and so does
    /// one that ran no test.
    pub fn checked(mut self, succeeded: bool) -> Self {
        if self.failed == 0 && (!succeeded || self.passed == 0) {
            self.failed = 1;
        }
        self
    }
}

/// Counts the tests in what a runner printed.
pub fn count(runner: Runner, output: &str) -> Tally {
    let mut tally = Tally::default();
    for line in output.lines() {
        tally += match runner {
            Runner::Cargo => of_cargo_line(line),
            Runner::Go => of_go_line(line),
            Runner::Playwright => of_playwright_line(line),
            Runner::Node => of_node_line(line),
        };
    }
    tally
}

/// Returns a runner's own closing lines.
pub fn closing_lines(runner: Runner, output: &str) -> Vec<&str> {
    let is_closing = |line: &&str| match runner {
        // the many test programs without a test are not worth a line
        Runner::Cargo => line.starts_with("test result:") && !line.contains(" 0 passed; 0 failed; 0 ignored"),
        Runner::Go => ["ok ", "ok\t", "FAIL\t"].iter().any(|start| line.starts_with(start)),
        Runner::Playwright => of_playwright_line(line) != Tally::default(),
        Runner::Node => ["# pass ", "# fail "].iter().any(|start| line.starts_with(start)),
    };
    output.lines().filter(is_closing).map(str::trim).collect()
}

/// Returns what a runner printed about its failures, or nothing if that cannot be distinguished from the rest.
pub fn failures(runner: Runner, output: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in output.lines() {
        match runner {
            Runner::Cargo => {
                inside |= line == "failures:" || line.starts_with("error");
                inside &= !line.starts_with("test result:");
            }
            Runner::Go => {
                let starts = ["--- FAIL", "panic:", "# ", "FAIL\t"];
                let ends = ["=== RUN", "--- PASS", "--- SKIP", "ok  \t", "?   \t"];
                let line = line.trim_start();
                inside |= starts.iter().any(|start| line.starts_with(start));
                inside &= !ends.iter().any(|end| line.starts_with(end));
            }
            Runner::Playwright => inside |= line.trim_start().starts_with("1) "),
            Runner::Node => {
                inside |= line.starts_with("not ok ");
                inside &= !line.starts_with("# ") && !line.starts_with("ok ");
            }
        }
        if inside {
            found.push(line);
        }
    }
    found
}

/// `test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.01s`
fn of_cargo_line(line: &str) -> Tally {
    let Some(counts) = line.strip_prefix("test result: ").and_then(|line| Some(line.split_once(". ")?.1))
    else {
        return Tally::default();
    };
    let number = |word: &str| {
        counts.split("; ").find_map(|part| part.strip_suffix(word)?.trim().parse().ok()).unwrap_or_default()
    };
    Tally { passed: number(" passed"), failed: number(" failed"), skipped: number(" ignored") }
}

/// `--- PASS: TestX (0.01s)`; a test within a test is indented and counts with its parent. A package that does not
/// build has no tests to name.
fn of_go_line(line: &str) -> Tally {
    let mut tally = Tally::default();
    match line {
        line if line.starts_with("--- PASS: ") => tally.passed = 1,
        line if line.starts_with("--- FAIL: ") => tally.failed = 1,
        line if line.starts_with("--- SKIP: ") => tally.skipped = 1,
        line if line.starts_with("FAIL\t") && line.ends_with(" failed]") => tally.failed = 1,
        _ => {}
    }
    tally
}

/// `  12 passed (1.2m)`; a test that passed only at the second attempt did not pass.
fn of_playwright_line(line: &str) -> Tally {
    let mut tally = Tally::default();
    let mut words = line.split_whitespace();
    let (Some(count), Some(word)) = (words.next().and_then(|word| word.parse::<u32>().ok()), words.next())
    else {
        return tally;
    };
    let rest: Vec<&str> = words.collect();
    match (word, rest.as_slice()) {
        ("passed", [] | [_]) => tally.passed = count,
        ("failed" | "flaky" | "interrupted", []) => tally.failed = count,
        ("skipped", []) | ("did", ["not", "run"]) => tally.skipped = count,
        _ => {}
    }
    tally
}

/// `# pass 12`, among the last lines; a test that was cancelled did not pass.
fn of_node_line(line: &str) -> Tally {
    let mut tally = Tally::default();
    let counted = line.strip_prefix("# ").and_then(|rest| rest.split_once(' '));
    let Some((word, Ok(count))) = counted.map(|(word, count)| (word, count.trim().parse::<u32>())) else {
        return tally;
    };
    match word {
        "pass" => tally.passed = count,
        "fail" | "cancelled" => tally.failed = count,
        "skipped" | "todo" => tally.skipped = count,
        _ => {}
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARGO: &str = "\
running 2 tests
test a ... ok
test b ... FAILED

failures:

---- b stdout ----
assertion failed

failures:
    b

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 1.20s
test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

    const GO: &str = "\
=== RUN   TestA
=== RUN   TestA/inner
--- PASS: TestA (0.01s)
    --- PASS: TestA/inner (0.00s)
=== RUN   TestB
    b_test.go:7: wrong
--- FAIL: TestB (0.00s)
    b_test.go:9: worse
=== RUN   TestC
--- SKIP: TestC (0.00s)
FAIL
FAIL\tlectern.dev/cluster\t0.1s
FAIL\tlectern.dev/broken [build failed]
ok  \tlectern.dev/other\t0.1s
";

    const PLAYWRIGHT: &str = "\
Running 4 tests using 1 worker
  ✓  1 smoke.spec.ts:3:1 › a page loads (1.2s)
  ✘  2 smoke.spec.ts:9:1 › 3 failed to load (1.2s)

  1) smoke.spec.ts:9:1 › 3 failed to load

    Error: expected
  2 failed
    smoke.spec.ts:9:1 › 3 failed to load
  1 skipped
  3 did not run
  12 passed (1.2m)
";

    const NODE: &str = "\
TAP version 13
# Subtest: a
ok 1 - a
# Subtest: b 2
not ok 2 - b 2
  ---
  error: 'wrong'
  ...
# Subtest: c
ok 3 - c
1..3
# tests 3
# suites 0
# pass 2
# fail 1
# cancelled 0
# skipped 0
# todo 0
# duration_ms 12.5
";

    #[test]
    fn nodes_counts_are_read_at_the_end() {
        assert_eq!(count(Runner::Node, NODE), Tally { passed: 2, failed: 1, skipped: 0 });
        assert_eq!(closing_lines(Runner::Node, NODE), ["# pass 2", "# fail 1"]);
        let failed = failures(Runner::Node, NODE);
        assert!(failed.contains(&"  error: 'wrong'") && !failed.contains(&"ok 3 - c"), "{failed:?}");
    }

    #[test]
    fn all_of_cargos_test_programs_are_added_up() {
        assert_eq!(count(Runner::Cargo, CARGO), Tally { passed: 13, failed: 1, skipped: 3 });
        assert_eq!(closing_lines(Runner::Cargo, CARGO).len(), 2);
    }

    #[test]
    fn only_gos_outer_tests_count_and_a_package_that_does_not_build_is_a_failure() {
        assert_eq!(count(Runner::Go, GO), Tally { passed: 1, failed: 2, skipped: 1 });
        assert_eq!(closing_lines(Runner::Go, GO).len(), 3);
    }

    #[test]
    fn playwrights_closing_lines_are_distinguished_from_titles_of_tests() {
        assert_eq!(count(Runner::Playwright, PLAYWRIGHT), Tally { passed: 12, failed: 2, skipped: 4 });
        assert_eq!(
            closing_lines(Runner::Playwright, PLAYWRIGHT),
            ["2 failed", "1 skipped", "3 did not run", "12 passed (1.2m)"]
        );
    }

    #[test]
    fn failures_are_shown_with_their_reasons() {
        assert!(failures(Runner::Cargo, CARGO).contains(&"assertion failed"));
        assert!(!failures(Runner::Cargo, CARGO).contains(&"test a ... ok"));
        let of_go = failures(Runner::Go, GO);
        assert!(of_go.contains(&"    b_test.go:9: worse") && !of_go.contains(&"=== RUN   TestC"));
        assert!(failures(Runner::Playwright, PLAYWRIGHT).contains(&"    Error: expected"));
    }

    #[test]
    fn a_runner_that_breaks_or_runs_nothing_is_a_failure() {
        let none = Tally::default();
        assert_eq!(none.checked(true).failed, 1);
        assert_eq!(Tally { passed: 5, ..none }.checked(false).failed, 1);
        assert_eq!(Tally { passed: 5, failed: 2, skipped: 0 }.checked(false).failed, 2);
        assert_eq!(Tally { passed: 5, ..none }.checked(true).line(), "5 passed, 0 failed");
    }
}
