//! Checks and a learner who does not want to do the work.

use std::time::Instant;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
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
kubectl get configmap done -o json | jq -e '.data.answer == $want' --arg want \"$wanted\" > /dev/null || { echo 'no such answer'; exit 1; }
curl -s --max-time 5 localhost:9/ -o /dev/null; [ $? = 7 ] || { echo 'misled curl'; exit 1; }
[ \"$(cat ~/exercises/note.txt)\" = mine ] || { echo 'no note'; exit 1; }
";

/// Runs a line in the learner's terminal to its end and gives what it printed.
async fn shell(learner: &Client, id: SessionId, line: &str) -> String {
    let shown = type_in(learner, id, &format!("clear; {line}; echo end-$((40+2))\r"), "end-42").await;
    shown.rsplit_once("echo end-$((40+2))").map_or(shown.clone(), |(_, printed)| printed.to_owned())
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
                ("workshop/examiner/lib.sh", &format!("wanted={ANSWER}\n")),
                ("workshop/setup.d/1.sh", "echo SET_UP=${SET_UP_FROM_HOME:-first} >> $WORKSHOP_ENV\n"),
                ("exercises/note.txt", "yours"),
            ],
        );
        let ada = app.learner("ada").await;
        let session = run_lab(&ada, "guarded-lab").await;
        let begun = Instant::now();
        let first = check(&ada, session.id, "is-done").await;
        let first_took = begun.elapsed();
        assert!(!first.passed && first.output == "no such answer", "{}", first.output);
        let begun = Instant::now();
        assert!(!check(&ada, session.id, "is-done").await.passed);
        println!("the first check took {first_took:?}, the second {:?}", begun.elapsed());

        // everything of a home that programs run or read, and everything that looks like the check
        for line in [
            "mkdir -p ~/bin ~/.local/bin ~/workshop/examiner/tests /opt/workshop/examiner/tests /opt/workshop/bin /tmp/lectern /tmp/.lectern",
            "for p in kubectl jq curl bash cat is-done; do for d in ~/bin ~/.local/bin /opt/workshop/bin /tmp; do \
             printf '#!/bin/sh\\nexit 0\\n' > $d/$p; chmod +x $d/$p; done; done",
            "for f in ~/workshop/examiner/tests/is-done /opt/workshop/examiner/tests/is-done; do cp ~/bin/kubectl $f; done",
            "sed -i 's#server.*#\"server\": \"https://127.0.0.1:1\"},#' ~/.kube/config; mkdir -p ~/.kube/cache",
            "printf 'apiVersion: kubectl.config.k8s.io/v1beta1\\nkind: Preference\\ndefaults:\\n- command: get\\n  options:\\n  - {name: output, default: name}\\n' > ~/.kube/kuberc",
            "echo 'def _equal(a; b): true;' > ~/.jq; echo 'url = \"file:///etc/hostname\"' > ~/.curlrc",
            "for f in ~/.bashrc ~/.profile ~/.bash_profile ~/.bash_env; do echo 'export LD_PRELOAD=/tmp/x.so PATH=/tmp:$PATH SET_UP=x; exit 0' > $f; done",
            "pgrep -f is-done; find / -name is-done -not -path '/proc/*' -not -path \"$HOME/*\" -not -path '/tmp/*' -not -path '/opt/workshop/*' 2>/dev/null",
        ] {
            // a shell that reads none of these files
            shell(&ada, session.id, line).await;
        }
        let bent = check(&ada, session.id, "is-done").await;
        assert!(!bent.passed && bent.output == "no such answer", "{}", bent.output);

        // while one runs that takes its time, the text is nowhere either
        let marker = "tortoise'-4'711";
        let found = shell(
            &ada,
            session.id,
            &format!("grep -rslaF {marker} ~ /tmp /opt /run /etc /var /dev/shm 2>/dev/null | grep -v bash_history; \
                      grep -slaF {marker} /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; \
                      ls -A /opt/workshop | grep -c lib; ls /run/lectern 2>&1 | grep -c is-done"),
        )
        .await;
        assert!(!found.contains("/proc/") && !found.contains("/opt/") && !found.contains("/tmp/"), "{found}");

        // the agent's own processes are shut to their user
        let seen = shell(
            &ada,
            session.id,
            "cat /proc/1/environ > /dev/null; kill -9 1; kill -STOP 1; ls /proc/1/fd",
        )
        .await;
        assert_eq!(seen.matches("Permission denied").count(), 2, "{seen}");

        let nothing: i64 = app.count("select count(*) from check_results where passed").await;
        assert_eq!(nothing, 0);
        shell(&ada, session.id, "echo mine > ~/exercises/note.txt").await;
        let names = format!("export KUBECONFIG=/tmp/k; cp ~/.kube/config $KUBECONFIG");
        shell(&ada, session.id, &names).await;
        // the work, done by hand elsewhere: this learner's own kubectl no longer works
        let admin = crate::harness::admin_client().await.expect("KUBECONFIG names an administrator");
        let maps: Api<k8s_openapi::api::core::v1::ConfigMap> =
            Api::namespaced(admin.clone(), &session.namespace);
        let done = serde_json::from_value(json!({"metadata": {"name": "done"}, "data": {"answer": ANSWER}}));
        maps.create(&Default::default(), &done.expect("a config map")).await.expect("it can be made");
        let outcome = check(&ada, session.id, "is-done").await;
        assert!(outcome.passed, "{}", outcome.output);

        // one container beside the workbench's, and no process of either is seen from the other
        let pods: Api<Pod> = Api::namespaced(admin, app.services.cluster.workbench_namespace());
        let workbench: String =
            sqlx::query_scalar("select workbench from sessions").fetch_one(&app.pool).await.expect("a row");
        let spec = pods.get(&workbench).await.expect("the pod is there").spec.expect("a spec");
        assert_eq!(spec.ephemeral_containers.map(|all| all.len()), Some(1));
        assert_eq!(spec.share_process_namespace, None);
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
                ("workshop/examiner/tests/says", "#!/bin/sh\necho \"$1\"; [ \"$1\" != green ]\n"),
            ],
        );
        let ada = app.learner("ada").await;
        let session = run_lab(&ada, "args-lab").await;
        let run = async |body| ada.post(&format!("{}/checks/says", path(session.id)), &body).await;
        for body in [json!({}), json!({"args": ["green"]}), json!({"args": ["red", "x"], "page": "page"})] {
            run(body).await.problem(422, "check_refused");
        }
        let outcome: CheckOutcome = run(json!({"args": ["red"], "page": "page"})).await.expect(200).json();
        assert!(outcome.passed && outcome.output == "red", "{}", outcome.output);
        end(&ada, session.id).await;
    });
}
