//! OCI artefacts, as `imgpkg push` and `oras push` create them from a folder: their layers are tar archives.

use std::fs::File;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use oci_client::client::{ClientConfig, ClientProtocol, current_platform_resolver};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::manifest::OciDescriptor;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

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
    let refused = |error| refusal(&artefact, &error);
    let client = client(source.plain_http, proxy).map_err(refused)?;
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

/// What a registry says when it is asked for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::catalog) enum Answer {
    /// The image can be pulled.
    There,
    /// There is no such image.
    Absent,
    /// Not without signing in.
    Denied,
    /// It is not the name of an image.
    NoName,
    /// Nothing: it cannot be reached, or does not behave as a registry.
    None,
}

/// Asks a registry for an image, without signing in. One on this machine is asked without TLS, as container engines do.
pub(in crate::catalog) async fn ask(image: &Reference) -> Answer {
    let host = image.registry().split(':').next().unwrap_or_default();
    let is_here = host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    let Ok(client) = client(is_here, None) else { return Answer::None };
    match client.fetch_manifest_digest(image, &RegistryAuth::Anonymous).await {
        Ok(_) => Answer::There,
        Err(error) => answer(&error),
    }
}

fn answer(error: &OciDistributionError) -> Answer {
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => Answer::Absent,
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            Answer::Denied
        }
        OciDistributionError::ServerError { code: 404, .. } => Answer::Absent,
        OciDistributionError::ServerError { code: 401 | 403, .. } => Answer::Denied,
        OciDistributionError::RequestError(error) => match error.status().map(|status| status.as_u16()) {
            Some(404) => Answer::Absent,
            Some(401 | 403) => Answer::Denied,
            _ => Answer::None,
        },
        OciDistributionError::RegistryError { envelope, .. } => {
            let is = |wanted: &[OciErrorCode]| envelope.errors.iter().any(|one| wanted.contains(&one.code));
            if is(&[OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound]) {
                Answer::Absent
            } else if is(&[OciErrorCode::Denied, OciErrorCode::Unauthorized]) {
                Answer::Denied
            } else {
                Answer::None
            }
        }
        _ => Answer::None,
    }
}

/// Returns the error for a registry that does not give an artefact.
fn refusal(artefact: &str, error: &OciDistributionError) -> FetchError {
    tracing::debug!(labs.artefact = artefact, error = %error, "a registry did not give an artefact");
    let why = match answer(error) {
        Answer::Absent => "the registry does not have it; check its name and its tag",
        Answer::Denied => {
            "the registry does not give it to this server; name a user and a password that may read it"
        }
        _ => "the registry cannot be reached, or does not answer as registries do; check its address",
    };
    FetchError::Registry { artefact: artefact.to_owned(), why }
}

fn client(plain_http: bool, proxy: Option<&str>) -> Result<Client, OciDistributionError> {
    Client::try_from(ClientConfig {
        protocol: if plain_http { ClientProtocol::Http } else { ClientProtocol::Https },
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
    let refused = |error: OciDistributionError| refusal(&artefact, &error);
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
