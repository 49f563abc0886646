//! The packages that a lab adds to its workbench.

use std::path::Path;

use lectern_api::agent::{Reply, Request};

use crate::support::{TestAgent, Viewer};

/// Packs files: path, mode and text.
fn archive(files: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, mode, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(*mode);
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

fn started() -> TestAgent {
    let home = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let packages = home.path().join("opt/packages");
    std::fs::create_dir_all(&packages).unwrap();
    let packages = packages.display().to_string();
    TestAgent::start_in(home, &[("LECTERN_PACKAGES_DIR", &packages)])
}

async fn put(agent: &TestAgent, package: &str, files: &[(&str, u32, &str)]) {
    let place = agent.path("opt/packages").join(package).display().to_string();
    agent.link().await.put_files(&place, archive(files).as_slice()).await.unwrap();
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[tokio::test]
async fn programs_of_packages_are_found_first_and_their_profile_is_read_by_each_shell() {
    let agent = started();
    put(
        &agent,
        "tools",
        &[
            ("bin/greet", 0o755, "#!/bin/sh\necho hello from the package\n"),
            ("bin/env", 0o755, "#!/bin/sh\necho the package comes first\n"),
            ("profile.d/a.sh", 0o644, "export FLAVOUR=salt\nalias hi='echo hi from an alias'\n"),
        ],
    )
    .await;
    let workshop = agent.path("workshop");
    std::fs::create_dir_all(&workshop).unwrap();
    std::fs::write(workshop.join("profile"), "export MIXED=\"$FLAVOUR and pepper\"\n").unwrap();
    let link = agent.link().await;
    for terminal in ["1", "2"] {
        let mut viewer = Viewer::attach(&link, terminal, None).await;
        viewer.type_in("greet; env; hi; echo \"<$MIXED>\"\r").await;
        viewer.read_until("hello from the package").await;
        viewer.read_until("the package comes first").await;
        viewer.read_until("hi from an alias").await;
        viewer.read_until("<salt and pepper>").await;
    }
}

#[tokio::test]
async fn the_set_up_of_a_package_runs_and_later_scripts_find_its_programs() {
    let agent = started();
    let made = shown(&agent.path("made"));
    put(
        &agent,
        "tools",
        &[
            ("bin/tool", 0o755, &format!("#!/bin/sh\necho \"$1\" >> {made}\n")),
            // as archives that were unpacked elsewhere leave it: not executable
            ("setup.d/a.sh", 0o644, "tool package\n"),
        ],
    )
    .await;
    std::fs::write(agent.path("own.sh"), "tool lab\n").unwrap();
    let scripts = vec![shown(&agent.path("opt/packages/tools/setup.d/a.sh")), shown(&agent.path("own.sh"))];
    let link = agent.link().await;
    let reply =
        link.request(Request::SetUp { scripts, timeout_secs: 5, script_timeout_secs: None }).await.unwrap();
    assert!(matches!(reply, Reply::Ran { passed: true, .. }), "{reply:?}");
    assert_eq!(std::fs::read_to_string(&made).unwrap(), "package\nlab\n");
}

#[tokio::test]
async fn a_shell_starts_though_a_profile_fails_or_the_learner_removed_the_settings() {
    let agent = started();
    put(&agent, "broken", &[("profile.d/a.sh", 0o644, "false\nno-such-program 2>/dev/null\nif\n")]).await;
    put(&agent, "whole", &[("profile.d/a.sh", 0o644, "export WHOLE=yes\n")]).await;
    let link = agent.link().await;
    let mut viewer = Viewer::attach(&link, "1", None).await;
    viewer.type_in("rm -f /tmp/.lectern-shell-$PPID; echo \"<$WHOLE>\"\r").await;
    viewer.read_until("<yes>").await;
    let mut viewer = Viewer::attach(&link, "2", None).await;
    viewer.type_in("echo \"<$WHOLE>\"\r").await;
    viewer.read_until("<yes>").await;
}
