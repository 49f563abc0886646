//! What lists and drawers show of an object beside its state.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ContainerStatus, PersistentVolumeClaim, Pod, PodSpec, Service};
use k8s_openapi::api::networking::v1::Ingress;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use lectern_api::cluster_view::{Container, Ready};
use serde_json::Value;

use super::keys;

/// The keys that are named of a config map or secret.
const MAX_KEYS: usize = 40;

/// What was found in an object.
#[derive(Default)]
pub(super) struct Found {
    pub(super) version: String,
    pub(super) facts: Vec<(String, String)>,
    pub(super) containers: Vec<Container>,
    pub(super) ready: Option<Ready>,
    pub(super) is_system: bool,
}

impl Found {
    fn add(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if !value.is_empty() {
            self.facts.push((name.to_owned(), value));
        }
    }

    pub(super) fn add_template(&mut self, pod: Option<&PodSpec>) {
        let images = pod.into_iter().flat_map(|pod| &pod.containers).filter_map(|one| one.image.clone());
        self.add("Image", images.collect::<Vec<_>>().join(", "));
    }

    pub(super) fn add_pod(&mut self, pod: &Pod) {
        let spec = pod.spec.clone().unwrap_or_default();
        let status = pod.status.clone().unwrap_or_default();
        let of = |statuses: &Option<Vec<ContainerStatus>>, name: &str| {
            statuses.iter().flatten().find(|one| one.name == name).cloned()
        };
        for one in spec.init_containers.iter().flatten() {
            let known = of(&status.init_container_statuses, &one.name);
            self.containers.push(container(&one.name, one.image.as_deref(), known.as_ref(), true));
        }
        for one in &spec.containers {
            let known = of(&status.container_statuses, &one.name);
            self.containers.push(container(&one.name, one.image.as_deref(), known.as_ref(), false));
        }
        let main = || self.containers.iter().filter(|one| !one.init);
        let ready = main().filter(|one| one.ready).count();
        self.ready = Some(Ready { ready: count(ready), wanted: count(main().count()) });
        self.add("Address", status.pod_ip.unwrap_or_default());
        self.add("Node", spec.node_name.unwrap_or_default());
        self.add(
            "Service account",
            spec.service_account_name.filter(|name| name != "default").unwrap_or_default(),
        );
        self.add("Labels", labels(pod.metadata.labels.iter().flatten()));
    }

    pub(super) fn add_job(&mut self, job: &Job) {
        let spec = job.spec.clone().unwrap_or_default();
        let status = job.status.clone().unwrap_or_default();
        let wanted = spec.completions.or(spec.parallelism).unwrap_or(1);
        self.ready = Some(Ready { ready: status.succeeded.unwrap_or_default(), wanted });
        self.add_template(spec.template.spec.as_ref());
        if let Some(failed) = status.failed.filter(|failed| *failed > 0) {
            self.add("Failed tries", failed.to_string());
        }
    }

    pub(super) fn add_cron_job(&mut self, job: &CronJob) {
        let Some(spec) = &job.spec else { return };
        self.add("Schedule", spec.schedule.clone());
        let last = job.status.as_ref().and_then(|status| status.last_schedule_time.as_ref());
        self.add("Last run", last.map(|time| time.0.to_string()).unwrap_or_default());
        self.add_template(spec.job_template.spec.as_ref().and_then(|job| job.template.spec.as_ref()));
    }

    pub(super) fn add_service(&mut self, service: &Service) {
        let spec = service.spec.clone().unwrap_or_default();
        self.add("Type", spec.type_.unwrap_or_default());
        self.add("Address", spec.cluster_ip.filter(|ip| ip != "None").unwrap_or_default());
        self.add("Leads to", spec.external_name.unwrap_or_default());
        let ports = spec.ports.unwrap_or_default().into_iter().map(|port| {
            let protocol = port.protocol.unwrap_or_else(|| "TCP".to_owned());
            let target = match port.target_port {
                Some(IntOrString::Int(target)) if target != port.port => format!(" → {target}"),
                Some(IntOrString::String(target)) => format!(" → {target}"),
                _ => String::new(),
            };
            let node = port.node_port.map_or_else(String::new, |port| format!(" (node port {port})"));
            format!("{}/{protocol}{target}{node}", port.port)
        });
        self.add("Ports", ports.collect::<Vec<_>>().join(", "));
        self.add("Selects", labels(spec.selector.iter().flatten()));
    }

    pub(super) fn add_ingress(&mut self, ingress: &Ingress) {
        let spec = ingress.spec.clone().unwrap_or_default();
        self.add("Class", spec.ingress_class_name.unwrap_or_default());
        let rules = spec.rules.unwrap_or_default();
        let hosts = rules.iter().map(|rule| rule.host.as_deref().unwrap_or("any host"));
        self.add("Hosts", hosts.collect::<Vec<_>>().join(", "));
        let paths = rules.iter().filter_map(|rule| rule.http.as_ref()).flat_map(|http| &http.paths);
        let paths = paths.filter_map(|path| {
            let service = &path.backend.service.as_ref()?.name;
            Some(format!("{} → {service}", path.path.as_deref().unwrap_or("/")))
        });
        self.add("Paths", paths.collect::<Vec<_>>().join(", "));
    }

    pub(super) fn add_claim(&mut self, claim: &PersistentVolumeClaim) {
        let spec = claim.spec.clone().unwrap_or_default();
        let requested = spec.resources.and_then(|resources| resources.requests);
        self.add(
            "Size",
            requested.and_then(|mut all| all.remove("storage")).map(|size| size.0).unwrap_or_default(),
        );
        self.add("Storage class", spec.storage_class_name.unwrap_or_default());
        self.add("Access", spec.access_modes.unwrap_or_default().join(", "));
        self.add("Volume", spec.volume_name.unwrap_or_default());
    }

    /// Names the keys of a config map or secret, and keeps no value.
    pub(super) fn add_settings(&mut self, data: &Value) {
        if let Some(kind) = data.get("type").and_then(Value::as_str) {
            self.add("Type", kind);
            self.is_system = kind == "kubernetes.io/service-account-token";
        }
        let keys = keys(data, &["data", "binaryData"]);
        let rest = keys.len().saturating_sub(MAX_KEYS);
        let mut named = keys.into_iter().take(MAX_KEYS).collect::<Vec<_>>().join(", ");
        if rest > 0 {
            named.push_str(&format!(" and {rest} more"));
        }
        self.add("Keys", named);
    }
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn labels<'a>(all: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    all.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

fn container(name: &str, image: Option<&str>, known: Option<&ContainerStatus>, init: bool) -> Container {
    let state = known.and_then(|known| known.state.as_ref());
    let word = match state {
        Some(state) if state.running.is_some() => "Running".to_owned(),
        Some(state) => {
            let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.clone());
            let ended = state
                .terminated
                .as_ref()
                .map(|ended| ended.reason.clone().unwrap_or_else(|| "Ended".to_owned()));
            waiting.or(ended).unwrap_or_else(|| "Waiting".to_owned())
        }
        None => "Waiting".to_owned(),
    };
    Container {
        name: name.to_owned(),
        image: image.unwrap_or_default().to_owned(),
        init,
        state: word,
        ready: known.is_some_and(|known| known.ready),
        restarts: known.map_or(0, |known| known.restart_count),
    }
}
