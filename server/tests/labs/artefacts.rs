//! Labs in OCI artefacts, in a real registry.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use oci_client::Reference;
use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
use oci_client::manifest::{OciDescriptor, OciImageManifest};
use oci_client::secrets::RegistryAuth;

use lectern_content::Lab;
use lectern_server::catalog::Viewer;

use crate::support::{Folder, Shop};

pub const GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const PLAIN: &str = "application/vnd.oci.image.layer.v1.tar";
const DOCKER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/// Debian's registry, on a port that it chose.
pub struct Registry {
    child: Child,
    pub host: String,
    storage: Folder,
    client: Client,
}

impl Registry {
    pub fn start() -> Self {
        let storage = Folder::new();
        let root = storage.path().join("storage");
        storage.write(
            "registry.yml",
            &format!(
                "version: 0.1\nlog:\n  level: info\n  formatter: text\nstorage:\n  filesystem:\n    \
                 rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:0\n",
                root.display()
            ),
        );
        let mut child = Command::new("docker-registry")
            .arg("serve")
            .arg(storage.path().join("registry.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .env("OTEL_TRACES_EXPORTER", "none")
            .spawn()
            .expect("these tests need docker-registry (Debian's package docker-registry)");
        let mut lines = BufReader::new(child.stderr.take().expect("its log")).lines();
        let host = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, address) = line.split_once("listening on ")?;
                Some(address.split(['"', ',', ' ']).next()?.to_owned())
            })
            .expect("the registry says where it listens");
        // it would stop at a full pipe
        std::thread::spawn(move || lines.for_each(drop));
        let config = ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() };
        let client = Client::try_from(config).expect("a client");
        Self { child, host, storage, client }
    }

    fn source(&self, name: &str) -> String {
        format!("oci+http://{}/{name}", self.host)
    }

    /// Pushes layers as one artefact, and returns its digest.
    pub async fn push(&self, name: &str, layers: Vec<(&str, Vec<u8>)>) -> String {
        let reference: Reference = format!("{}/{name}", self.host).parse().expect("a name");
        let layers: Vec<ImageLayer> =
            layers.into_iter().map(|(kind, bytes)| ImageLayer::new(bytes, kind.to_owned(), None)).collect();
        let config = Config::new(b"{}".to_vec(), "application/vnd.oci.empty.v1+json".to_owned(), None);
        self.client
            .push(&reference, &layers, config, &RegistryAuth::Anonymous, None)
            .await
            .expect("the registry takes it");
        self.client.fetch_manifest_digest(&reference, &RegistryAuth::Anonymous).await.expect("it is there")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // it may have ended by itself
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn layer(folder: &Folder, name: &str) -> Vec<u8> {
    let place = Folder::new();
    let path = place.path().join(name);
    folder.pack(&path);
    std::fs::read(path).expect("an archive")
}

/// Chooses TLS for the test's own client, as opening any catalogue does.
pub fn ready() {
    drop(Shop::open("/tmp"));
}

#[tokio::test]
async fn an_artefact_is_pulled_and_again_when_its_tag_moves() {
    ready();
    let registry = Registry::start();
    let labs = Folder::new();
    labs.write_lab("one", "The first");
    registry.push("acme/labs:v1", vec![(GZIP, layer(&labs, "x.tar.gz"))]).await;
    let shop = Shop::open(&registry.source("acme/labs:v1"));
    let listed = shop.expect(&["The first"]).await;
    assert_eq!(listed[0].source, Some(registry.source("acme/labs:v1")));
    shop.expect(&["The first"]).await;
    assert_eq!(shop.versions(), 1);
    labs.write_lab("one", "The first, mended");
    labs.write_lab("two", "The second");
    registry.push("acme/labs:v1", vec![(PLAIN, layer(&labs, "x.tar"))]).await;
    shop.expect(&["The first, mended", "The second"]).await;
}

#[tokio::test]
async fn layers_lie_on_each_other_and_a_digest_and_a_folder_can_be_named() {
    ready();
    let registry = Registry::start();
    let (below, above) = (Folder::new(), Folder::new());
    below.write_lab("labs/one", "Below");
    below.write_lab("labs/two", "The second");
    above.write_lab("labs/one", "Above");
    let readme = ("text/markdown", b"# Read me\n".to_vec());
    let layers = vec![(DOCKER, layer(&below, "x.tar.gz")), readme, (GZIP, layer(&above, "x.tar.gz"))];
    let digest = registry.push("labs:latest", layers).await;
    registry.push("labs:latest", vec![(GZIP, layer(&Folder::new(), "x.tar.gz"))]).await;
    Shop::open(&registry.source(&format!("labs@{digest}#labs"))).expect(&["Above", "The second"]).await;
    Shop::open(&registry.source(&format!("labs@{digest}#labs/two"))).expect(&["The second"]).await;
    let message = Shop::open(&registry.source(&format!("labs@{digest}#absent"))).problem().await;
    assert!(message.contains("no folder absent") && message.contains("it holds labs"), "{message}");
}

#[tokio::test]
async fn what_is_wrong_with_an_artefact_is_told_and_the_last_good_version_stays() {
    ready();
    let registry = Registry::start();
    let labs = Folder::new();
    labs.write_lab("one", "The first");
    registry.push("labs:v1", vec![(GZIP, layer(&labs, "x.tar.gz"))]).await;
    let shop = Shop::open(&registry.source("labs:v1"));
    shop.expect(&["The first"]).await;
    registry.push("labs:v1", vec![("text/plain", b"x".to_vec())]).await;
    let message = shop.problem().await;
    assert!(message.contains("has no layer that is a tar archive, only text/plain"), "{message}");
    registry.push("labs:v1", vec![(GZIP, b"x".repeat(600))]).await;
    let message = shop.problem().await;
    assert!(message.contains("is no tar archive"), "{message}");
    labs.write("one/large.bin", &"x".repeat(5 << 20));
    registry.push("labs:v1", vec![(GZIP, layer(&labs, "x.tar.gz"))]).await;
    let message = shop.problem().await;
    assert!(message.contains("larger than 4 MiB"), "{message}");
    let message = Shop::open(&registry.source("labs:absent")).problem().await;
    assert!(message.contains("cannot pull") && message.contains("labs:absent"), "{message}");
    assert_eq!(shop.catalog.list_labs(Viewer::Learner)[0].title, "The first");
}

#[tokio::test]
async fn a_layer_that_is_not_what_its_digest_says_is_refused() {
    ready();
    let registry = Registry::start();
    let labs = Folder::new();
    labs.write_lab("one", "The first");
    let bytes = layer(&labs, "x.tar.gz");
    registry.push("labs:v1", vec![(GZIP, bytes.clone())]).await;
    let reference: Reference = format!("{}/labs:v1", registry.host).parse().unwrap();
    let auth = RegistryAuth::Anonymous;
    let (manifest, _): (OciImageManifest, _) =
        registry.client.pull_image_manifest(&reference, &auth).await.unwrap();
    let OciDescriptor { digest, .. } = &manifest.layers[0];
    let hex = digest.strip_prefix("sha256:").unwrap();
    let blob = registry
        .storage
        .path()
        .join(format!("storage/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]));
    labs.write_lab("one", "Somebody else's");
    std::fs::write(&blob, layer(&labs, "x.tar.gz")).unwrap();
    let message = Shop::open(&registry.source("labs:v1")).problem().await;
    assert!(message.contains("cannot pull"), "{message}");
}

#[tokio::test]
async fn an_image_that_no_registry_has_is_found_when_lint_asks() {
    ready();
    let registry = Registry::start();
    registry.push("tools:3", vec![(PLAIN, layer(&Folder::new(), "x.tar"))]).await;
    let lab = Folder::new();
    lab.write("workshop/content/page.md", "Words.\n");
    let pod = |image: &str| format!("kind: Pod\nspec:\n  containers:\n  - image: {image}\n");
    lab.write("there.yaml", &pod(&format!("{}/tools:3", registry.host)));
    lab.write("absent.yaml", &pod(&format!("{}/tools:4", registry.host)));
    // nobody listens there
    lab.write("silent.yaml", &pod("127.0.0.1:1/tools:3"));
    let lab = Lab::load(lab.path()).expect("a lab");
    let asked = lectern_server::catalog::images::ask_for_images(&lab).await;
    let found: Vec<_> = asked.findings.iter().map(|one| (one.file.as_str(), one.code(), one.line)).collect();
    assert_eq!(found, [("absent.yaml", "unpullable-image", 4)]);
    assert!(asked.findings[0].message.ends_with("its registry does not have it"), "{:?}", asked.findings);
    assert_eq!(asked.unanswered, ["127.0.0.1:1/tools:3"]);
}
