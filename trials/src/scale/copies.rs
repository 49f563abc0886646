//! Copies of one real session: the same row and the same objects under other names. Pure.

use serde_json::{Value, json};
use uuid::Uuid;

/// The names by which a session's row and objects refer to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    pub id: String,
    pub user: String,
    pub namespace: String,
    pub workbench: String,
}

impl Names {
    /// Names of the original, from its row.
    pub fn of_row(row: &Value) -> Option<Self> {
        let field = |name: &str| row[name].as_str().map(str::to_owned);
        Some(Self {
            id: field("id")?,
            user: field("user_id")?,
            namespace: field("namespace")?,
            workbench: field("workbench")?,
        })
    }

    /// New names for a copy, of the same form.
    pub fn copy(&self, number: usize, user: Uuid) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            user: user.to_string(),
            namespace: format!("{}-{number}", self.namespace),
            workbench: format!("{}-{number}", self.workbench),
        }
    }

    /// The same value with the names of another session.
    pub fn rename(&self, value: &Value, to: &Self) -> Value {
        let renamed = |text: &str| {
            [
                (&self.id, &to.id),
                (&self.user, &to.user),
                (&self.namespace, &to.namespace),
                (&self.workbench, &to.workbench),
            ]
            .into_iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from.as_str(), to))
        };
        match value {
            Value::String(text) => Value::String(renamed(text)),
            Value::Array(items) => items.iter().map(|item| self.rename(item, to)).collect(),
            Value::Object(fields) => {
                fields.iter().map(|(name, value)| (renamed(name), self.rename(value, to))).collect()
            }
            other => other.clone(),
        }
    }
}

/// An object as it can be made anew: without what the API server adds.
pub fn made_anew(mut object: Value) -> Value {
    if let Some(meta) = object["metadata"].as_object_mut() {
        for field in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "managedFields",
            "generation",
            "ownerReferences",
            "selfLink",
        ] {
            meta.remove(field);
        }
    }
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    object
}

/// A pod on a simulated node.
pub fn on_node(mut pod: Value, node: &str) -> Value {
    pod["spec"]["nodeName"] = json!(node);
    pod
}

/// What a kubelet would report of a pod that runs.
pub fn running_status(pod: &Value, number: usize, now: &str) -> Value {
    let conditions: Vec<Value> =
        ["PodScheduled", "Initialized", "PodReadyToStartContainers", "ContainersReady", "Ready"]
            .iter()
            .map(|kind| json!({ "type": kind, "status": "True", "lastTransitionTime": now }))
            .collect();
    let statuses = |of: &str, state: Value| -> Vec<Value> {
        let containers = pod["spec"][of].as_array().cloned().unwrap_or_default();
        let status = |container: &Value| {
            json!({
                "name": container["name"], "image": container["image"], "imageID": container["image"],
                "containerID": format!("containerd://{number}"), "ready": true, "started": true,
                "restartCount": 0, "state": state,
            })
        };
        containers.iter().map(status).collect()
    };
    let address = format!("10.200.{}.{}", number / 250, number % 250 + 1);
    json!({ "status": {
        "phase": "Running", "startTime": now, "hostIP": "192.0.2.1", "podIP": address,
        "podIPs": [{ "ip": address }], "conditions": conditions,
        "containerStatuses": statuses("containers", json!({ "running": { "startedAt": now } })),
        "initContainerStatuses": statuses("initContainers", json!({ "terminated": {
            "exitCode": 0, "reason": "Completed", "startedAt": now, "finishedAt": now,
        } })),
    } })
}

/// A node that is there in name only.
pub fn node(name: &str, now: &str) -> (Value, Value) {
    let amounts = json!({ "cpu": "1000", "memory": "4Ti", "pods": "1000", "ephemeral-storage": "10Ti" });
    let object = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name, "lectern.dev/trial": "scale" } },
        // what is not meant for it stays on real nodes
        "spec": { "taints": [{ "key": "lectern.dev/simulated", "effect": "NoSchedule" }] },
    });
    let status = json!({ "status": {
        "capacity": amounts, "allocatable": amounts,
        "addresses": [{ "type": "InternalIP", "address": "192.0.2.1" }],
        "conditions": [{
            "type": "Ready", "status": "True", "reason": "Simulated", "message": "simulated",
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        }],
    } });
    (object, status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_its_own_names_everywhere() {
        let row = json!({ "id": "i-1", "user_id": "u-1", "namespace": "lab-a", "workbench": "wb-b" });
        let original = Names::of_row(&row).unwrap();
        let copy = original.copy(7, Uuid::nil());
        let object =
            json!({ "metadata": { "name": "wb-b", "labels": { "session": "i-1" } }, "env": ["lab-a", 3] });
        let renamed = original.rename(&object, &copy);
        assert_eq!(renamed["metadata"]["name"], "wb-b-7");
        assert_eq!(renamed["metadata"]["labels"]["session"], copy.id.as_str());
        assert_eq!(renamed["env"], json!(["lab-a-7", 3]));
    }

    #[test]
    fn what_the_api_server_added_is_left_out() {
        let object =
            json!({ "metadata": { "name": "x", "uid": "1", "managedFields": [] }, "status": {}, "spec": {} });
        assert_eq!(made_anew(object), json!({ "metadata": { "name": "x" }, "spec": {} }));
    }
}
