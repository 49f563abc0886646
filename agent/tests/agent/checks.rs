//! Checks: `lectern-agent check`, as the server uses it in the checks container.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lectern_api::agent::{Reply, Request};
use lectern_link::Link;
use tokio::process::Command;
use uuid::Uuid;

use crate::support::{TestAgent, as_process_1, beside_process_1, sleeps, until};

/// A home directory, and a folder for runs.
struct Checker {
    home: tempfile::TempDir,
    runs: tempfile::TempDir,
    /// Process 1 of the container, if there is one.
    process_1: Option<tokio::process::Child>,
    env: Vec<(&'static str, String)>,
}

impl Checker {
    fn new() -> Self {
        let (home, runs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Self { home, runs, process_1: None, env: vec![] }
    }

    /// Creates one in new namespaces with `lectern-agent hold`, as in a pod.
    fn in_a_container() -> Self {
        let mut command = as_process_1("hold");
        Self { process_1: Some(command.kill_on_drop(true).spawn().unwrap()), ..Self::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    async fn link(&self) -> Link {
        let mut command = match &self.process_1 {
            Some(process_1) => beside_process_1(process_1.id().unwrap(), "check"),
            None => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_lectern-agent"));
                command.arg("check");
                command
            }
        };
        command.env("HOME", self.home.path()).env("LECTERN_CHECKS_DIR", self.runs.path());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let io = tokio::io::join(child.stdout.take().unwrap(), child.stdin.take().unwrap());
        tokio::spawn(async move { child.wait().await });
        Link::connect(io).await.unwrap()
    }

    async fn run(&self, script: &str) -> Reply {
        self.run_for(script, 5).await
    }

    async fn run_for(&self, script: &str, timeout_secs: u32) -> Reply {
        let files = archive(&[
            ("examiner/tests/c", script, 0o755),
            ("bin/helper", "#!/bin/sh\necho helped\n", 0o755),
        ]);
        let link = self.link().await;
        link.run_check(&check_request("c", timeout_secs), files.as_slice(), Duration::from_secs(60))
            .await
            .unwrap()
    }

    /// Returns what is left of all runs.
    fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.runs.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "turn").collect()
    }
}

fn archive(files: &[(&str, &str, u32)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text, mode) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

fn check_request(name: &str, timeout_secs: u32) -> Request {
    Request::RunCheck {
        run: Uuid::new_v4(),
        name: name.parse().unwrap(),
        args: vec!["argument".into()],
        stdin: "{\"a\":1}".into(),
        env: BTreeMap::from([("COLOUR".to_owned(), "blue".to_owned())]),
        kubeconfig: Some("the server's".into()),
        timeout_secs,
    }
}

fn output_of(reply: Reply) -> (bool, String) {
    match reply {
        Reply::Ran { passed, output, .. } => (passed, output),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_check_gets_arguments_and_input_and_both_its_outputs_are_kept_in_order() {
    let checker = Checker::new();
    let reply = checker
        .run("#!/bin/bash\necho \"one $1 $COLOUR\"\necho two >&2\ncat\necho\nhelper\npwd\nexit 4\n")
        .await;
    let Reply::Ran { passed, status, output, .. } = reply else { panic!("{reply:?}") };
    let home = checker.home.path().canonicalize().unwrap();
    assert_eq!(output, format!("one argument blue\ntwo\n{{\"a\":1}}\nhelped\n{}", home.display()));
    assert_eq!((passed, status), (false, Some(4)));
    assert_eq!(checker.left(), [""; 0], "the run's files outlive it");
}

#[tokio::test]
async fn a_check_whose_result_nobody_waits_for_is_ended_with_all_that_it_started() {
    let checker = Checker::new();
    let marker = format!("{}.25", 700 + std::process::id());
    let script = format!("#!/bin/bash\nsleep {marker} & touch begun; sleep {marker}\n");
    {
        let asking = checker.run_for(&script, 600);
        tokio::pin!(asking);
        tokio::select! {
            reply = &mut asking => panic!("{reply:?}"),
            () = until("it begins", || checker.path("begun").exists()) => {}
        }
    }
    until("it ends", || sleeps(&marker) == 0).await;
    until("its files go", || checker.left().is_empty()).await;
}

#[tokio::test]
async fn a_check_that_takes_too_long_is_killed_with_all_that_it_started() {
    let checker = Checker::new();
    let marker = format!("{}.5", 600 + std::process::id());
    let started = Instant::now();
    let reply = checker.run_for(&format!("#!/bin/bash\nsleep {marker} & sleep {marker}\n"), 1).await;
    assert!(
        matches!(reply, Reply::Ran { passed: false, status: None, ref output, .. } if output.contains("time limit")),
        "{reply:?}"
    );
    assert!(started.elapsed() < Duration::from_secs(4));
    // killed processes disappear a moment later
    until("all of it ends", || sleeps(&marker) == 0).await;
}

#[tokio::test]
async fn a_check_that_is_not_there_or_not_executable_says_so() {
    let checker = Checker::new();
    let files = archive(&[("examiner/tests/plain", "echo x", 0o644)]);
    for (name, wanted) in [
        ("absent", "/opt/workshop/examiner/tests/absent does not exist"),
        ("plain", "/opt/workshop/examiner/tests/plain is not executable"),
    ] {
        let link = checker.link().await;
        let reply =
            link.run_check(&check_request(name, 5), files.as_slice(), Duration::from_secs(60)).await.unwrap();
        assert!(matches!(reply, Reply::Failed { ref message } if message.starts_with(wanted)), "{reply:?}");
    }
}

#[tokio::test]
async fn a_workbench_runs_no_checks() {
    let agent = TestAgent::start();
    let reply = agent.link().await.request(check_request("c", 5)).await.unwrap();
    assert!(matches!(reply, Reply::Failed { .. }), "{reply:?}");
}

#[tokio::test]
async fn what_lies_in_a_home_changes_neither_programs_nor_credentials_of_a_check() {
    let mut checker = Checker::new();
    let programs = tempfile::tempdir().unwrap();
    for name in ["jq", "kubectl"] {
        let text =
            "#!/bin/sh\nfor there in ~/.jq ~/.kube; do [ ! -e $there ] || echo misled; done\ncat \"$1\"\n";
        std::fs::write(programs.path().join(name), text).unwrap();
        let mode = PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(programs.path().join(name), mode).unwrap();
    }
    let path = format!("{}:{}", programs.path().display(), std::env::var("PATH").unwrap());
    checker.env.push(("PATH", path));
    for folder in ["bin", ".kube", ".local/bin"] {
        std::fs::create_dir_all(checker.path(folder)).unwrap();
    }
    for (file, text) in [
        (".jq", "def length: 5;"),
        (".kube/config", "the learner's"),
        (".bashrc", "echo misled"),
        (".bash_profile", "echo misled"),
        ("answer", "42\n"),
    ] {
        std::fs::write(checker.path(file), text).unwrap();
    }
    let script = "#!/bin/bash\njq ~/answer\nkubectl ~/answer\ncat $KUBECONFIG; echo\nstat -c %a $KUBECONFIG\n\
                  case $TMPDIR in ~*|/tmp) echo misled;; esac\ncat <<< here > /dev/null && mktemp > /dev/null\n";
    let (passed, output) = output_of(checker.run(script).await);
    assert_eq!((passed, output.as_str()), (true, "42\n42\nthe server's\n600"));
}

#[tokio::test]
async fn what_a_check_started_is_not_there_when_the_next_one_runs() {
    let checker = Checker::in_a_container();
    let marker = format!("{}.75", 800 + std::process::id());
    // like a learner's program that an author's check runs: it leaves its process group and waits for the files of the
    // next check
    let script =
        format!("#!/bin/bash\nsetsid sleep {marker} & disown; sleep 0.1; ps -e -o comm= | sort | uniq -c\n");
    let (_, output) = output_of(checker.run(&script).await);
    assert!(output.contains("1 sleep"), "{output}");
    until("it is ended", || sleeps(&marker) == 0).await;
    // also if it kills the process that would kill it
    let killer = format!("#!/bin/bash\nsetsid sleep {marker} & disown; sleep 0.1; kill -9 $PPID; sleep 9\n");
    let files = archive(&[("examiner/tests/c", &killer, 0o755)]);
    let link = checker.link().await;
    let reply = link.run_check(&check_request("c", 5), files.as_slice(), Duration::from_secs(60)).await;
    assert!(reply.is_err(), "{reply:?}");
    assert!(sleeps(&marker) > 0, "it is gone by itself");
    let (_, output) = output_of(checker.run("#!/bin/bash\nps -e -o args= | grep -c [s]leep\n").await);
    assert_eq!((output.as_str(), sleeps(&marker)), ("0", 0));
}

#[tokio::test]
async fn checks_of_a_session_run_one_after_another_and_none_ends_another() {
    let checker = Checker::in_a_container();
    let script = "#!/bin/bash\n[ ! -e busy ] || exit 1\ntouch busy; sleep 0.3; rm busy\n";
    let replies = tokio::join!(checker.run(script), checker.run(script), checker.run(script));
    for reply in [replies.0, replies.1, replies.2] {
        assert!(output_of(reply).0);
    }
}
