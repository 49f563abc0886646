//! Checks and a learner who does not want to do the work.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use kube::api::PostParams;
use lectern_api::ids::SessionId;
use lectern_api::sessions::CheckOutcome;
use serde_json::json;

use super::{check, end, path, real, run_lab, type_in, write_lab};
use crate::support::client::Client;
use crate::support::run_with;

/// What no learner may find: it stands in the script and in the file beside it.
const ANSWER: &str = "tortoise-4711";

const CHECK: &str = "#!/bin/bash
# the answer is tortoise-4711
. /opt/workshop/examiner/lib.sh
[ \"$SET_UP\" = first ] || { echo 'set-up is not seen'; exit 1; }
kubectl get configmap done -o json > $TMPDIR/map 2> /dev/null || { echo 'no map'; exit 1; }
[ -n \"$(jq --arg want \"$wanted\" '.data | select(.answer == $want)' $TMPDIR/map)\" ] || { echo 'no answer'; exit 1; }
curl -s --max-time 5 localhost:9/ -o /dev/null; [ $? = 7 ] || { echo 'misled curl'; exit 1; }
[ \"$(cat ~/exercises/note.txt)\" = mine ] || { echo 'no note'; exit 1; }
";

const SLOW: &str = "#!/bin/bash
# tortoise-4711
touch ~/slow-began
for i in $(seq 500); do [ ! -e ~/slow-may-end ] || exit 0; sleep 0.1; done
exit 1
";

/// Everything of a home that programs run or read, and everything that looks like the check.
const TRICKS: [&str; 7] = [
    "mkdir -p ~/bin ~/.local/bin ~/workshop/examiner/tests /opt/workshop/examiner/tests /opt/workshop/bin",
    "for p in kubectl jq curl bash cat is-done; do for d in ~/bin ~/.local/bin /opt/workshop/bin /tmp; do \
     printf '#!/bin/sh\\nexit 0\\n' > $d/$p; chmod +x $d/$p; done; done",
    "for d in ~/workshop /opt/workshop; do cp ~/bin/kubectl $d/examiner/tests/is-done; \
     echo wanted=x > $d/examiner/lib.sh; done",
    "sed -i 's#\"server\".*#\"server\": \"https://127.0.0.1:1\",#' ~/.kube/config; mkdir -p ~/.kube/cache",
    "printf 'apiVersion: kubectl.config.k8s.io/v1beta1\\nkind: Preference\\ndefaults:\\n- command: get\\n  options:\\n  \
     - {name: output, default: name}\\n' > ~/.kube/kuberc",
    "echo 'def select(f): 1;' > ~/.jq; echo 'url = \"file:///etc/hostname\"' > ~/.curlrc",
    "for f in ~/.bashrc ~/.profile ~/.bash_profile; do \
     echo 'export LD_PRELOAD=/tmp/x.so PATH=/tmp:$PATH SET_UP=x; exit 0' > $f; done",
];

/// Runs a line in the learner's terminal to its end and gives what it printed.
async fn shell(learner: &Client, id: SessionId, line: &str) -> String {
    static LINES: AtomicU32 = AtomicU32::new(100);
    let number = LINES.fetch_add(2, Ordering::Relaxed);
    let end = |number: u32| (format!("echo end-$(({number}))-"), format!("end-{number}-"));
    let (typed, printed) = end(number);
    type_in(learner, id, &format!("{{ {line}; }} > ~/.out 2>&1; {typed}\r"), &printed).await;
    let (typed, printed) = end(number + 1);
    let shown = type_in(learner, id, &format!("cat ~/.out; {typed}\r"), &printed).await;
    let shown = shown.rsplit_once(&typed).expect("what was typed is shown").1;
    // what readline says when it hands the terminal over
    let shown = shown.trim_start_matches("\r\n").trim_start_matches("\u{1b}[?2004l").trim_start();
    shown.split(&printed).next().unwrap_or_default().trim().to_owned()
}

#[test]
fn a_learner_can_neither_read_nor_bend_a_check_and_it_passes_when_the_work_is_done() {
    run_with(real(), async |app| {
        write_lab(
            app,
            "guarded-lab",
            "",
            &[
                ("workshop/examiner/tests/is-done", CHECK),
                ("workshop/examiner/tests/is-slow", SLOW),
                ("workshop/examiner/lib.sh", &format!("wanted={ANSWER}\n")),
                ("workshop/setup.d/1.sh", "echo SET_UP=first >> $WORKSHOP_ENV\n"),
                ("exercises/note.txt", "yours"),
            ],
        );
        let ada = app.learner("ada").await;
        let session = run_lab(&ada, "guarded-lab").await;
        for _ in 0..2 {
            let begun = Instant::now();
            let outcome = check(&ada, session.id, "is-done").await;
            assert!(!outcome.passed && outcome.output == "no map", "{}", outcome.output);
            println!("a check took {:?}", begun.elapsed());
        }
        for line in TRICKS {
            shell(&ada, session.id, line).await;
        }
        let bent = check(&ada, session.id, "is-done").await;
        assert!(!bent.passed && bent.output == "no map", "{}", bent.output);

        // while one runs its text is nowhere but where the learner wrote it
        let slow = async {
            let checks = format!("{}/checks/is-slow", path(session.id));
            ada.post(&checks, &json!({"timeout_secs": 60})).await.json::<CheckOutcome>()
        };
        let look = "echo tortoise-471''1 > ~/decoy; until [ -e ~/slow-began ]; do sleep 0.1; done; \
                    grep -rsla 'tortoise-471[1]' /home /tmp /opt /run /etc /var /dev/shm /mnt /srv; \
                    grep -sla 'tortoise-471[1]' /proc/[0-9]*/cmdline /proc/[0-9]*/environ; \
                    pgrep -f is-slow; find / -name is-slow 2> /dev/null; touch ~/slow-may-end";
        let (slow, found) = tokio::join!(slow, shell(&ada, session.id, look));
        assert!(slow.passed, "{}", slow.output);
        // the home is seen under both of its names
        let found: BTreeSet<&str> = found.split_whitespace().collect();
        assert_eq!(found, BTreeSet::from(["/home/learner/decoy", "/home/eduk8s/decoy"]));

        // the agent's own processes are shut to their user, and do not go
        let line = "cat /proc/1/environ; ls /proc/1/fd; kill -9 1; kill -STOP 1; sleep 0.2; ls -d /proc/1";
        let seen = shell(&ada, session.id, line).await;
        assert_eq!(seen.matches("Permission denied").count(), 2, "{seen}");
        assert!(seen.ends_with("/proc/1"), "{seen}");
        assert_eq!(
            app.count("select count(*) from check_results where passed and name = 'is-done'").await,
            0
        );

        // the work at last, by another hand: this learner's kubectl knows no cluster any more
        shell(&ada, session.id, "/bin/echo mine > ~/exercises/note.txt").await;
        let admin = crate::harness::admin_client().await.expect("KUBECONFIG names an administrator");
        let maps: Api<ConfigMap> = Api::namespaced(admin.clone(), &session.namespace);
        let map = |answer: &str| {
            let map = json!({"metadata": {"name": "done"}, "data": {"answer": answer}});
            serde_json::from_value::<ConfigMap>(map).expect("a config map")
        };
        maps.create(&PostParams::default(), &map("hare")).await.expect("it can be made");
        assert_eq!(check(&ada, session.id, "is-done").await.output, "no answer");
        maps.replace("done", &PostParams::default(), &map(ANSWER)).await.expect("it can be changed");
        let outcome = check(&ada, session.id, "is-done").await;
        assert!(outcome.passed, "{}", outcome.output);

        // all of them ran in one container
        let pods: Api<Pod> = Api::namespaced(admin, app.services.cluster.workbench_namespace());
        let workbench: String =
            sqlx::query_scalar("select workbench from sessions").fetch_one(&app.pool).await.expect("a row");
        let spec = pods.get(&workbench).await.expect("the pod is there").spec.expect("a spec");
        assert_eq!(spec.ephemeral_containers.map(|all| all.len()), Some(1));
        let _reconciling = app.reconcile();
        end(&ada, session.id).await;
    });
}

#[test]
fn a_check_runs_with_the_arguments_of_its_page_and_with_no_others() {
    run_with(real(), async |app| {
        let page = "```examiner:execute-test\nname: says\nargs: [red]\n```\n";
        write_lab(
            app,
            "args-lab",
            "",
            &[
                ("workshop/content/page.md", page),
                ("workshop/examiner/tests/says", "#!/bin/sh\necho \"$1 $(cat)\"; [ \"$1\" != green ]\n"),
            ],
        );
        let ada = app.learner("ada").await;
        let session = run_lab(&ada, "args-lab").await;
        let run = async |body| ada.post(&format!("{}/checks/says", path(session.id)), &body).await;
        for body in [json!({}), json!({"args": ["green"]}), json!({"args": ["red", "x"], "page": "page"})] {
            run(body).await.problem(422, "check_refused");
        }
        let outcome: CheckOutcome = run(json!({"args": ["red"], "page": "page"})).await.expect(200).json();
        // a check without a form reads an empty object
        assert!(outcome.passed && outcome.output == "red {}", "{}", outcome.output);
        let _reconciling = app.reconcile();
        end(&ada, session.id).await;
    });
}
