//! The runtime specification of every container: containerd's default without the capability for raw sockets.
//!
//! With raw sockets, root in a pod could send from other pods' addresses on the shared bridge. Pod Security's level
//! `baseline` does not let a pod request the capability back; only privileged pods have it. `ping` works without it.

use std::path::PathBuf;

use serde_json::Value;

use super::context::Context;
use crate::error::Error;
use crate::files;
use crate::process::command::Helper;

const DROPPED: &str = "CAP_NET_RAW";

pub(super) fn path(context: &Context) -> PathBuf {
    context.layout.config("runtime-spec.json")
}

/// Asks the installed containerd for its default and writes the restricted specification.
pub(super) async fn settle(context: &Context) -> Result<(), Error> {
    let path = path(context);
    let spec = Helper::new("ctr").args(["oci", "spec"]).run().await?;
    let mut spec: Value =
        serde_json::from_str(&spec).map_err(|source| Error::Damaged { path: path.clone(), source })?;
    restrict(&mut spec).map_err(|message| Error::Command {
        command: "ctr oci spec".to_owned(),
        status: "0".to_owned(),
        message,
    })?;
    files::settle(&path, &spec.to_string())
}

fn restrict(spec: &mut Value) -> Result<(), String> {
    let process = spec["process"].as_object_mut().ok_or("its answer has no process")?;
    // as without a specification of our own: kubelet's settings and the parts' own limits apply
    process.remove("rlimits");
    let sets = process.get_mut("capabilities").and_then(Value::as_object_mut);
    let sets = sets.ok_or("its answer has no capabilities")?;
    for set in sets.values_mut() {
        let set = set.as_array_mut().ok_or("its answer has a set of capabilities that is no list")?;
        set.retain(|capability| capability != DROPPED);
    }
    if sets.get("bounding").is_none() {
        return Err("its answer bounds no capabilities".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_the_right_to_raw_packets_and_the_limits_of_files_go() {
        let mut spec = json!({"process": {
            "capabilities": {"bounding": ["CAP_KILL", "CAP_NET_RAW"], "permitted": ["CAP_NET_RAW", "CAP_CHOWN"]},
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1024, "hard": 1024}], "cwd": "/",
        }});
        restrict(&mut spec).expect("a specification");
        let left = json!({"process": {
            "capabilities": {"bounding": ["CAP_KILL"], "permitted": ["CAP_CHOWN"]}, "cwd": "/",
        }});
        assert_eq!(spec, left);
    }

    #[test]
    fn an_answer_without_capabilities_is_not_taken_for_a_safe_one() {
        for spec in [json!({}), json!({"process": {}}), json!({"process": {"capabilities": {}}})] {
            assert!(restrict(&mut spec.clone()).is_err(), "{spec}");
        }
    }
}
