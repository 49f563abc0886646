//! The attacker: an ordinary learner with a session, its terminals, the kubeconfig that lies in their home, and any
//! number of connections to the server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use lectern_api::sessions::Session;
use lectern_testbed::Kubectl;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::neighbours::Neighbours;
use crate::learner::Learner;
use crate::settings::Settings;
use crate::stage::{COLD, Stage};
use crate::terminal::Terminal;

const PATIENCE: Duration = Duration::from_secs(120);
const PROMPT: &str = "$ ";

/// How a command in the attacker's own shell ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit status.
    pub status: i32,
    /// What it printed, as the terminal showed it.
    pub text: String,
}

/// The attacker.
pub struct Mallory {
    /// Signed in, as everybody.
    pub learner: Learner,
    /// Their own session.
    pub session: Session,
    /// kubectl with their own kubeconfig.
    pub kubectl: Kubectl,
    /// The same rights, without kubectl's own pace.
    pub api: kube::Client,
    /// Accounts, and what neighbours have.
    pub admin: Learner,
    /// The operator's view of the cluster, to see what became of an attack.
    pub operator: Kubectl,
    /// Namespaces of neighbours.
    pub neighbour_namespaces: Vec<String>,
    /// Workbench pods of neighbours.
    pub neighbour_pods: Vec<String>,
    /// The namespace of all workbenches.
    pub workbenches: String,
    shell: Mutex<Terminal>,
    commands: AtomicU32,
    _folder: TempDir,
}

impl Mallory {
    /// Starts a lab, as anybody may.
    pub async fn arrive(stage: &Stage, settings: &Settings) -> Result<Self> {
        let learner = stage.admin.make_learners("mallory", 1).await?.remove(0);
        let session = learner.start_session(COLD).await?;
        learner.wait_until_running(&session, PATIENCE).await?;
        let mut shell = Terminal::attach(&learner, &session, "1").await?;
        shell.wait_for(PROMPT, PATIENCE).await?;
        let folder = tempfile::Builder::new().prefix("lectern-hostile-").tempdir()?;
        let file = folder.path().join("kubeconfig");
        let mut mallory = Self {
            learner,
            session,
            kubectl: Kubectl::new(&settings.cluster_program, file.clone()),
            // replaced as soon as their kubeconfig is known
            api: client(&settings.kubeconfig).await?,
            admin: stage.admin.clone(),
            operator: stage.kubectl.clone(),
            neighbour_namespaces: vec![],
            neighbour_pods: vec![],
            workbenches: stage.server.namespace().to_owned(),
            shell: Mutex::new(shell),
            commands: AtomicU32::new(0),
            _folder: folder,
        };
        let said = mallory.run("kubectl config view --raw | base64 -w0", PATIENCE).await?;
        ensure!(said.status == 0, "the attacker's kubeconfig cannot be read: {}", said.text);
        // the terminal breaks long lines, and shows a bracketed prompt around it
        let text: String = said.text.chars().filter(|c| !c.is_whitespace()).collect();
        let kubeconfig = base64::engine::general_purpose::STANDARD
            .decode(text.as_bytes())
            .with_context(|| format!("the kubeconfig came as {text:?}"))?;
        std::fs::write(&file, kubeconfig)?;
        mallory.api = client(&file).await?;
        Ok(mallory)
    }

    /// What an attacker may find out about neighbours.
    pub fn learn_of(&mut self, neighbours: &Neighbours) {
        self.neighbour_namespaces = neighbours.namespaces();
        self.neighbour_pods = neighbours.pods();
    }

    /// Their own namespace.
    pub fn namespace(&self) -> &str {
        &self.session.namespace
    }

    /// Runs a command in their shell. The shell itself must survive it.
    pub async fn run(&self, command: &str, patience: Duration) -> Result<Said> {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        let mut shell = self.shell.lock().await;
        // in two pieces, so that the echo of the command itself is not taken for its end
        let line = format!(
            "\x15stty -echo; printf 'be''gin-{number}\\n'; {{ {command}\n}} 2>&1; printf 'e''nd-{number}:%s:\\n' $?\r"
        );
        shell.type_in(line.as_bytes()).await?;
        let deadline = Instant::now() + patience;
        let (begin, end) = (format!("begin-{number}\r\n"), format!("end-{number}:"));
        let mut seen = String::new();
        loop {
            let piece = match timeout_at(deadline, shell.read()).await {
                Ok(piece) => piece?,
                Err(_) => bail!("{command:?} did not end within {} s; it said {seen:?}", patience.as_secs()),
            };
            seen.push_str(&String::from_utf8_lossy(&piece));
            let Some((text, rest)) = seen.split_once(&end) else { continue };
            let Some((status, _)) = rest.split_once(':') else { continue };
            let text = text.split_once(&begin).map_or(text, |(_, text)| text);
            return Ok(Said { status: status.parse()?, text: text.trim().to_owned() });
        }
    }

    /// Types into a further terminal without waiting for anything; the terminal.
    pub async fn type_into(&self, terminal: &str, keys: &str) -> Result<Terminal> {
        let mut terminal = Terminal::attach(&self.learner, &self.session, terminal).await?;
        terminal.type_in(format!("\x03\x15{keys}\r").as_bytes()).await?;
        Ok(terminal)
    }

    /// Asks the API server; the status and what it says.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let body = body.map(serde_json::to_vec).transpose()?.unwrap_or_default();
        let kind = if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request =
            http::Request::builder().method(method).uri(path).header("content-type", kind).body(body)?;
        match self.api.request::<Value>(request).await {
            Ok(answer) => Ok((200, answer)),
            Err(kube::Error::Api(status)) => Ok((status.code, json!({ "message": status.message }))),
            Err(error) => Err(error).with_context(|| format!("{method} {path}")),
        }
    }

    /// Makes an object in their own namespace; the status and what the API server says.
    pub async fn create(&self, group: &str, kind: &str, object: &Value) -> Result<(u16, String)> {
        let path = format!("{group}/namespaces/{}/{kind}", self.namespace());
        let (status, answer) = self.ask("POST", &path, Some(object)).await?;
        Ok((status, answer["message"].as_str().unwrap_or_default().to_owned()))
    }

    /// Makes a pod of an image that is there, and waits until it runs.
    pub async fn run_pod(&self, name: &str, script: &str) -> Result<()> {
        let (status, message) = self.create("/api/v1", "pods", &pod(name, script)).await?;
        ensure!(status < 300, "the pod {name} is refused: {message}");
        let place = format!("pod/{name}");
        let wait = ["wait", "--for=jsonpath={.status.phase}=Running", &place, "--timeout=60s"];
        self.kubectl.run(&wait).await.map(drop)
    }

    /// Runs a command in one of their pods; how it ended.
    pub async fn exec(&self, pod: &str, script: &str, patience: Duration) -> Result<Said> {
        let (status, text) =
            tokio::time::timeout(patience, self.kubectl.status(&["exec", pod, "--", "bash", "-c", script]))
                .await
                .with_context(|| format!("{script:?} did not end within {} s", patience.as_secs()))??;
        Ok(Said { status, text })
    }

    /// Removes what an attack left in their namespace, as far as it must not disturb the next one, and sees to it
    /// that their shell answers.
    pub async fn recover(&self) -> Result<()> {
        let kinds =
            "deployments,statefulsets,daemonsets,jobs,cronjobs,replicasets,replicationcontrollers,pods";
        // what may not be listed any more is no hindrance to the next attack
        let _ = self
            .kubectl
            .run(&["delete", kinds, "--all", "--force", "--grace-period=0", "--wait=false"])
            .await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.open_shell().await {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => {
                    return Err(error.context("the attacker's own shell does not answer any more"));
                }
                Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            }
        }
    }

    async fn open_shell(&self) -> Result<()> {
        let mut fresh = Terminal::attach(&self.learner, &self.session, "1").await?;
        fresh.type_in(b"\x03\x15\r").await?;
        fresh.wait_for(PROMPT, Duration::from_secs(20)).await?;
        fresh.settle().await?;
        *self.shell.lock().await = fresh;
        Ok(())
    }
}

async fn client(kubeconfig: &PathBuf) -> Result<kube::Client> {
    let kubeconfig = kube::config::Kubeconfig::read_from(kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &Default::default()).await?;
    Ok(kube::Client::try_from(config)?)
}

/// A pod that runs a script in bash.
pub fn pod(name: &str, script: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": name, "labels": { "app": name } },
        "spec": {
            "terminationGracePeriodSeconds": 0,
            "containers": [{
                "name": "main",
                "image": "bash:5.1.0",
                "imagePullPolicy": "IfNotPresent",
                "command": ["bash", "-c", script],
            }],
        },
    })
}

/// How often each status came, for a sentence.
pub fn counted(statuses: impl IntoIterator<Item = u16>) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for status in statuses {
        *counts.entry(status).or_default() += 1;
    }
    counts
}

/// The counts in words.
pub fn in_words(counts: &BTreeMap<u16, usize>) -> String {
    let words: Vec<String> =
        counts.iter().map(|(status, count)| format!("{count} answered {status}")).collect();
    words.join(", ")
}
