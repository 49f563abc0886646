//! OCI artefacts, as `imgpkg push` and `oras push` create them from a folder: their layers are tar archives.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use oci_client::Client;
use oci_client::client::{ClientConfig, ClientProtocol, current_platform_resolver};
use oci_client::errors::OciDistributionError;
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;

use super::unpack::{self, Budget};
use super::{FetchError, Fetched, Version, blocking, files_in};
use crate::catalog::source::OciSource;

pub(super) async fn fetch(
    source: &OciSource,
    proxy: Option<&str>,
    present: Option<&Version>,
    draft: &Path,
    budget: Budget,
) -> Result<Option<Fetched>, FetchError> {
    let artefact = source.reference.whole();
    let refused = |error: OciDistributionError| FetchError::Registry {
        artefact: artefact.clone(),
        source: Box::new(error),
    };
    let client = client(source, proxy).map_err(refused)?;
    let auth = match &source.login {
        Some(login) => RegistryAuth::Basic(login.user.clone(), login.password.clone()),
        None => RegistryAuth::Anonymous,
    };
    let revision = client.fetch_manifest_digest(&source.reference, &auth).await.map_err(refused)?;
    if present.is_some_and(|present| present.revision == revision) {
        return Ok(None);
    }
    // by digest, so that the unpacked version is the one that was looked up
    let exact = source.reference.clone_with_digest(revision.clone());
    let (manifest, _) = client.pull_image_manifest(&exact, &auth).await.map_err(refused)?;
    let layers: Vec<&OciDescriptor> =
        manifest.layers.iter().filter(|layer| is_tar(&layer.media_type)).collect();
    if layers.is_empty() {
        let types = super::listed(manifest.layers.iter().map(|layer| layer.media_type.clone()));
        return Err(FetchError::NoLayer { artefact, types });
    }
    let (mut budget, mut left_out) = (budget, vec![]);
    for (number, layer) in layers.into_iter().enumerate() {
        let archive = draft.join(format!("layer-{number}"));
        pull(&client, source, layer, &archive, budget).await?;
        let (files, subject) = (files_in(draft), artefact.clone());
        let (problems, rest) = blocking(move || {
            let file = File::open(&archive).map_err(FetchError::cache("read", &archive))?;
            let problems = unpack::unpack(file, &files, &mut budget).map_err(FetchError::unpack(&subject))?;
            let _ = std::fs::remove_file(&archive);
            Ok((problems, budget))
        })
        .await?;
        left_out.extend(problems);
        budget = rest;
    }
    super::check_folder(&files_in(draft), &source.folder, &artefact)?;
    Ok(Some(Fetched { revision, tag: None, left_out }))
}

fn client(source: &OciSource, proxy: Option<&str>) -> Result<Client, OciDistributionError> {
    Client::try_from(ClientConfig {
        protocol: if source.plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
        // labs have no platform, so the first one is as good as any
        platform_resolver: Some(Box::new(|entries| {
            current_platform_resolver(entries).or_else(|| entries.first().map(|entry| entry.digest.clone()))
        })),
        connect_timeout: Some(Duration::from_secs(20)),
        read_timeout: Some(Duration::from_secs(60)),
        user_agent: concat!("lectern/", env!("CARGO_PKG_VERSION")),
        http_proxy: proxy.map(str::to_owned),
        https_proxy: proxy.map(str::to_owned),
        ..ClientConfig::default()
    })
}

fn is_tar(media_type: &str) -> bool {
    ["tar", "tar+gzip", "tar.gzip", "tar.gz", "tgz"].iter().any(|end| media_type.ends_with(end))
}

/// Downloads one layer. The client checks its digest.
async fn pull(
    client: &Client,
    source: &OciSource,
    layer: &OciDescriptor,
    archive: &Path,
    budget: Budget,
) -> Result<(), FetchError> {
    let artefact = source.reference.whole();
    let refused = |error| FetchError::Registry { artefact: artefact.clone(), source: Box::new(error) };
    // only from the registry that the operator named, whatever other addresses the manifest has
    let layer = OciDescriptor { urls: None, ..layer.clone() };
    let mut pieces = client.pull_blob_stream(&source.reference, &layer).await.map_err(refused)?.stream;
    let mut file = File::create(archive).map_err(FetchError::cache("write", archive))?;
    let mut length = 0_u64;
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|error| refused(error.into()))?;
        length += piece.len() as u64;
        if length > budget.bytes() {
            return Err(FetchError::TooLarge { subject: artefact, max_mib: budget.max_mib() });
        }
        file.write_all(&piece).map_err(FetchError::cache("write", archive))?;
    }
    Ok(())
}
