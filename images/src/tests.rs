//! What a build leaves behind, on recipes small enough to need no Debian.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tempfile::TempDir;

use super::*;

struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { folder: TempDir::new().unwrap() };
        bench.write("agent", "first");
        bench.write("kubectl", "unused");
        bench.write_recipe("desk", "lab/desk", "1");
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.path(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn write_recipe(&self, name: &str, repository: &str, tag: &str) {
        let text = format!(
            "repository = \"{repository}\"\ntags = [\"{tag}\"]\n\
             [[inputs]]\nname = \"agent\"\npath = \"/opt/agent\"\n\
             [config]\nuser = \"1001:1001\"\nentrypoint = [\"/opt/agent\"]\n"
        );
        self.write(&format!("recipes/{name}/image.toml"), &text);
        self.write(&format!("recipes/{name}/files/etc/motd"), "welcome\n");
    }

    fn build(&self) -> Result<Built> {
        self.build_with_progress(&|_| {})
    }

    fn build_with_progress(&self, progress: &dyn Fn(&str)) -> Result<Built> {
        let programs = ["agent", "kubectl"].map(|name| (name.to_owned(), self.path(name)));
        let inputs = Inputs { recipes: self.path("recipes"), programs: BTreeMap::from(programs) };
        build(&inputs, &self.path("out"), progress)
    }

    fn repository(&self, name: &str) -> PathBuf {
        self.path("out/registry/docker/registry/v2/repositories").join(name)
    }

    fn blob(&self, digest: &str) -> PathBuf {
        let digits = digest.trim_start_matches("sha256:");
        self.path("out/registry/docker/registry/v2/blobs/sha256").join(&digits[..2]).join(digits).join("data")
    }

    fn json(&self, digest: &str) -> Value {
        serde_json::from_slice(&fs::read(self.blob(digest)).unwrap()).unwrap()
    }
}

#[test]
fn a_tag_leads_to_a_manifest_whose_blobs_all_lie_there() {
    let bench = Bench::new();
    let built = bench.build().unwrap();
    let link = bench.repository("lab/desk").join("_manifests/tags/1/current/link");
    let digest = fs::read_to_string(link).unwrap();
    assert_eq!(digest, built.images[0].digest);

    let manifest = bench.json(&digest);
    let layers = manifest["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 2);
    for part in layers.iter().chain([&manifest["config"]]) {
        let name = part["digest"].as_str().unwrap();
        let held = fs::metadata(bench.blob(name)).unwrap().len();
        assert_eq!(part["size"].as_u64(), Some(held), "{name}");
        let digits = name.trim_start_matches("sha256:");
        let linked = bench.repository("lab/desk").join("_layers/sha256");
        assert_eq!(fs::read_to_string(linked.join(digits).join("link")).unwrap(), name);
    }
}

#[test]
fn the_config_says_who_runs_what() {
    let bench = Bench::new();
    let built = bench.build().unwrap();
    let manifest = bench.json(&built.images[0].digest);
    let config = bench.json(manifest["config"]["digest"].as_str().unwrap());
    assert_eq!(config["config"]["User"], "1001:1001");
    assert_eq!(config["config"]["Entrypoint"][0], "/opt/agent");
    assert!(config["config"].get("Cmd").is_none());
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 2);
}

#[test]
fn a_second_build_makes_nothing_and_says_nothing() {
    let bench = Bench::new();
    let first = bench.build().unwrap();
    let lines = RefCell::new(Vec::new());
    let second = bench.build_with_progress(&|line| lines.borrow_mut().push(line.to_owned())).unwrap();
    assert_eq!(first.images[0].layers_made, 2);
    assert_eq!(second.images[0].layers_made, 0);
    assert_eq!(first.images[0].digest, second.images[0].digest);
    assert!(lines.borrow().is_empty(), "{:?}", lines.borrow());
}

#[test]
fn a_new_agent_makes_its_own_layer_only_and_the_old_one_goes() {
    let bench = Bench::new();
    let old = bench.build().unwrap();
    let old_manifest = bench.json(&old.images[0].digest);
    bench.write("agent", "second");
    let new = bench.build().unwrap();
    assert_eq!(new.images[0].layers_made, 1);
    let new_manifest = bench.json(&new.images[0].digest);
    assert_eq!(old_manifest["layers"][0], new_manifest["layers"][0]);
    let old_agent = old_manifest["layers"][1]["digest"].as_str().unwrap();
    assert!(!bench.blob(old_agent).exists());
    assert!(!bench.blob(&old.images[0].digest).exists());
}

#[test]
fn making_a_file_executable_makes_its_layer_again() {
    let bench = Bench::new();
    bench.build().unwrap();
    let file = bench.path("recipes/desk/files/etc/motd");
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(bench.build().unwrap().images[0].layers_made, 1);
}

#[test]
fn two_machines_make_the_same_image() {
    let (one, other) = (Bench::new(), Bench::new());
    let file = other.path("recipes/desk/files/etc/motd");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(one.build().unwrap().images[0].digest, other.build().unwrap().images[0].digest);
}

#[test]
fn a_removed_recipe_leaves_the_registry() {
    let bench = Bench::new();
    bench.write_recipe("extra", "lab/extra", "1");
    bench.build().unwrap();
    assert!(bench.repository("lab/extra").exists());
    fs::remove_dir_all(bench.path("recipes/extra")).unwrap();
    bench.build().unwrap();
    assert!(!bench.repository("lab/extra").exists());
    assert!(bench.repository("lab/desk").exists());
}

#[test]
fn a_removed_tag_leaves_the_registry() {
    let bench = Bench::new();
    bench.build().unwrap();
    bench.write_recipe("desk", "lab/desk", "2");
    bench.build().unwrap();
    let tags = bench.repository("lab/desk").join("_manifests/tags");
    assert!(!tags.join("1").exists());
    assert!(tags.join("2").exists());
}

#[test]
fn a_lost_blob_is_made_again() {
    let bench = Bench::new();
    let built = bench.build().unwrap();
    let manifest = bench.json(&built.images[0].digest);
    let lost = bench.blob(manifest["layers"][0]["digest"].as_str().unwrap());
    fs::remove_file(&lost).unwrap();
    assert_eq!(bench.build().unwrap().images[0].layers_made, 1);
    assert!(lost.exists());
}

#[test]
fn a_failing_build_script_is_named_with_what_it_said() {
    let bench = Bench::new();
    bench.write("recipes/desk/build.sh", "echo no compiler here >&2; exit 3\n");
    let problem = format!("{:#}", bench.build().unwrap_err());
    assert!(problem.contains("desk"), "{problem}");
    assert!(problem.contains("no compiler here"), "{problem}");
}

#[test]
fn a_failed_build_keeps_the_images_of_the_one_before() {
    let bench = Bench::new();
    let built = bench.build().unwrap();
    bench.write("recipes/desk/build.sh", "exit 1\n");
    bench.build().unwrap_err();
    assert!(bench.blob(&built.images[0].digest).exists());
}
