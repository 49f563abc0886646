//! Reads in the output of Ginkgo, the end-to-end suite's test runner, how far it is and how it ended.

const RULE: &str = "----------";

/// Makes of each line what is shown while the suite runs.
pub fn reader() -> impl FnMut(&str) -> Option<String> + Send {
    let mut seen = Seen::default();
    move |line| seen.read(line).then(|| seen.line())
}

/// What the output said so far.
#[derive(Default)]
struct Seen {
    total: u32,
    ended: u32,
    failed: u32,
    skipped: u32,
    title: String,
    after_rule: bool,
}

impl Seen {
    /// Takes in a line; whether it changes what is shown.
    fn read(&mut self, line: &str) -> bool {
        let after_rule = std::mem::replace(&mut self.after_rule, line.starts_with(RULE));
        if let Some(total) = total_of(line) {
            self.total = total;
        } else if let Some(outcome) = line.strip_prefix("• [") {
            self.ended += 1;
            // a time stands there, unless something went wrong
            self.failed += u32::from(!outcome.starts_with(|c: char| c.is_ascii_digit()));
        } else if line.starts_with("S [SKIPPED]") {
            self.ended += 1;
            self.skipped += 1;
        } else if after_rule && line.starts_with("[sig-") {
            self.title = title_of(line);
        } else {
            return false;
        }
        true
    }

    fn line(&self) -> String {
        let skipped = if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        format!("{} of {} ended, {} failed{skipped}: {}", self.ended, self.total, self.failed, self.title)
    }
}

/// `Will run 50 of 7355 specs`
fn total_of(line: &str) -> Option<u32> {
    line.strip_prefix("Will run ")?.split_once(" of ")?.0.parse().ok()
}

/// The spec's name without the labels before and after it.
fn title_of(line: &str) -> String {
    let mut title = line.split_once("] ").map_or(line, |(_, rest)| rest);
    while title.ends_with(']')
        && let Some((rest, _)) = title.rsplit_once(" [")
    {
        title = rest;
    }
    title.to_owned()
}

/// The names of the specs that failed, and Ginkgo's last words.
pub fn closing_lines(output: &str) -> Vec<&str> {
    let is_closing = |line: &&str| {
        let starts = ["[FAIL] ", "SUCCESS! -- ", "FAIL! -- "];
        starts.iter().any(|start| line.starts_with(start))
            || (line.starts_with("Ran ") && line.contains(" Specs in "))
    };
    output.lines().map(str::trim).filter(is_closing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
Will run 3 of 7355 specs
------------------------------
[SynchronizedBeforeSuite]
[SynchronizedBeforeSuite] PASSED [0.000 seconds]
------------------------------
SSSSSSSSSSSSSSSS
------------------------------
[sig-network] Netpol API should support creating NetworkPolicy API operations [sig-network]
k8s.io/kubernetes@v1.35.4/test/e2e/network/netpol/network_policy_api.go:52
  STEP: getting /apis
• [0.123 seconds]
------------------------------
[sig-network] Netpol [LinuxOnly] NetworkPolicy should enforce policy based on Ports [Feature:NetworkPolicy] [sig-network, Feature:NetworkPolicy]
  [FAILED] in [It] - test/e2e/network/netpol/test_helper.go:126
• [FAILED] [44.1 seconds]
------------------------------
S [SKIPPED] [0.1 seconds]
------------------------------
Summarizing 1 Failure:
  [FAIL] [sig-network] Netpol [LinuxOnly] NetworkPolicy [It] should enforce policy based on Ports
  test/e2e/network/netpol/test_helper.go:126

Ran 3 of 7355 Specs in 44.300 seconds
FAIL! -- 1 Passed | 1 Failed | 0 Pending | 7353 Skipped
";

    #[test]
    fn a_run_is_shown_by_what_ended_and_what_runs() {
        let mut read = reader();
        let shown: Vec<String> = OUTPUT.lines().filter_map(|line| read(line.trim())).collect();
        assert_eq!(
            shown,
            [
                "0 of 3 ended, 0 failed: ",
                "0 of 3 ended, 0 failed: Netpol API should support creating NetworkPolicy API operations",
                "1 of 3 ended, 0 failed: Netpol API should support creating NetworkPolicy API operations",
                "1 of 3 ended, 0 failed: Netpol [LinuxOnly] NetworkPolicy should enforce policy based on Ports",
                "2 of 3 ended, 1 failed: Netpol [LinuxOnly] NetworkPolicy should enforce policy based on Ports",
                "3 of 3 ended, 1 failed, 1 skipped: Netpol [LinuxOnly] NetworkPolicy should enforce policy based on \
                 Ports",
            ]
        );
    }

    #[test]
    fn the_end_names_what_failed_and_counts() {
        assert_eq!(
            closing_lines(OUTPUT),
            [
                "[FAIL] [sig-network] Netpol [LinuxOnly] NetworkPolicy [It] should enforce policy based on Ports",
                "Ran 3 of 7355 Specs in 44.300 seconds",
                "FAIL! -- 1 Passed | 1 Failed | 0 Pending | 7353 Skipped",
            ]
        );
    }
}
