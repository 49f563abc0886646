//! Reads progress and outcome from the output of Ginkgo, the test runner of the end-to-end suite.

/// Returns a reader that turns each line into what is shown while the suite runs.
pub fn reader() -> impl FnMut(&str) -> Option<String> + Send {
    let (mut total, mut ended, mut failed, mut skipped) = (0_u32, 0_u32, 0_u32, 0_u32);
    let mut title = String::new();
    move |line| {
        if let Some(number) =
            line.strip_prefix("Will run ").and_then(|rest| rest.split(' ').next()?.parse().ok())
        {
            total = number;
        } else if let Some(outcome) = line.strip_prefix("• [") {
            ended += 1;
            // that is the spec's time, unless something went wrong
            failed += u32::from(!outcome.starts_with(|c: char| c.is_ascii_digit()));
        } else if line.starts_with("S [SKIPPED]") {
            ended += 1;
            skipped += 1;
        } else if line.starts_with("[sig-") {
            title = title_of(line);
        } else {
            return None;
        }
        let skipped = if skipped > 0 { format!(", {skipped} skipped") } else { String::new() };
        Some(format!("{ended} of {total} ended, {failed} failed{skipped}: {title}"))
    }
}

/// Returns the spec's name without the labels before and after it.
fn title_of(line: &str) -> String {
    let mut title = line.split_once("] ").map_or(line, |(_, rest)| rest);
    while title.ends_with(']')
        && let Some((rest, _)) = title.rsplit_once(" [")
    {
        title = rest;
    }
    title.to_owned()
}

/// Returns the names of the specs that failed, and Ginkgo's summary.
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
