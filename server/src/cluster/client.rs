//! Connecting to the cluster: the kubeconfig, the client's layers, and facts about the cluster that must be known
//! first.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::client::{Body, ClientBuilder, ConfigExt};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, Config};
use tower::buffer::BufferLayer;
use tower::retry::RetryLayer;
use tower::timeout::TimeoutLayer;
use tower::{BoxError, ServiceBuilder};
use tower_http::trace::TraceLayer;

use super::homes::Homes;
use super::retry::RetryPolicy;
use super::watches::Watches;
use super::{Cluster, ClusterConfig, ClusterError, Shared, apply, guard, ingress, objects, start, view};

/// Timeout for connecting to the API server's port.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for the certificate authority for pods to appear.
const CERTIFICATE_TIMEOUT: Duration = Duration::from_secs(15);
/// Capacity of the queue of requests that wait for the client.
const QUEUED_REQUESTS: usize = 1024;

impl Cluster {
    /// Connects to the cluster, creates the namespace of the workbenches and starts the shared watches.
    ///
    /// # Errors
    /// Returns an error if the kubeconfig cannot be used, the API server cannot be reached or refuses the
    /// credentials, or the namespace cannot be created.
    pub async fn connect(config: &ClusterConfig) -> Result<Self, ClusterError> {
        let found = load_config(config.kubeconfig.clone()).await?;
        let server = found.cluster_url.to_string().trim_end_matches('/').to_owned();
        let unreachable = |error: kube::Error| connect_error(error, &server, config.kubeconfig.as_ref());
        let patient = ClientBuilder::try_from(found.clone()).map_err(unreachable)?.build();
        let client = build_client(found, config.request_timeout).map_err(unreachable)?;

        let version = client.apiserver_version().await.map_err(unreachable)?.git_version;
        // the shared objects and the initial state of all watches, concurrently
        let shared_objects = async {
            let instance = &config.workbench_namespace;
            let owner = apply::shared_objects(&client, instance).await?;
            let (guard, (), ()) = tokio::try_join!(
                guard::install(&client, config, &owner),
                apply::learner_roles(&client, instance, &owner),
                async {
                    ingress::install_class(&client, config, &owner).await;
                    Ok(())
                }
            )?;
            Ok::<_, ClusterError>(guard)
        };
        let (shared_objects, has_priority_class, watches, homes, pod_ca) = tokio::join!(
            shared_objects,
            guard::workbench_class(&client),
            Watches::start(&client, &config.workbench_namespace, &server),
            Homes::find(&client, config.home_storage_class.as_deref()),
            pod_certificate_authority(&client),
        );
        let missing_guard = shared_objects?;
        let cluster = Self {
            client,
            shared: Arc::new(Shared {
                config: config.clone(),
                server,
                version,
                pod_ca: pod_ca?,
                missing_guard,
                has_priority_class: has_priority_class?,
                watches: watches?,
                homes: homes?,
                early_tries: tokio::sync::Semaphore::new(start::EARLY_TRIES),
                kinds: objects::Kinds::default(),
                applied_network: tokio::sync::Mutex::default(),
                compared_network: tokio::sync::Mutex::default(),
                agent_log: Arc::default(),
                patient,
                runtime: tokio::runtime::Handle::current(),
                views: view::Views::default(),
                node_usage: view::NodeUsage::default(),
            }),
        };
        // this policy contains the cluster's addresses, which the watches have found
        cluster.refresh_shared_policy().await?;
        Ok(cluster)
    }
}

async fn load_config(kubeconfig: Option<PathBuf>) -> Result<Config, ClusterError> {
    let mut config = match kubeconfig {
        None => {
            Config::infer().await.map_err(|source| ClusterError::NoCluster { source: Box::new(source) })?
        }
        Some(path) => {
            let read = async {
                let kubeconfig = Kubeconfig::read_from(&path)?;
                Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await
            };
            read.await.map_err(|source| ClusterError::Kubeconfig { path, source: Box::new(source) })?
        }
    };
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // an idle exec stream or watch is not a failure; requests have a timeout of their own, see below
    config.read_timeout = None;
    config.default_retry = false;
    Ok(config)
}

/// Builds the client from kube's own layers (base address, credentials, headers) and tower-http's trace, inside a
/// timeout for the beginning of an answer, inside retries. Neither applies to a stream that has begun.
///
/// The connector is our own, for `TCP_NODELAY`: a keystroke is a small message that must not wait for the answer to
/// the one before.
fn build_client(config: Config, request_timeout: Duration) -> Result<Client, kube::Error> {
    let layers = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryPolicy::default()))
        // the retry layer needs a service that can be cloned
        .layer(BufferLayer::new(QUEUED_REQUESTS))
        .layer(TimeoutLayer::new(request_timeout))
        .into_inner();
    if config.proxy_url.is_some() {
        return Ok(ClientBuilder::try_from(config)?.with_layer(&layers).build());
    }
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let http = HttpClient::builder(TokioExecutor::new()).build::<_, Body>(connector);
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &http::Request<Body>| {
            tracing::debug_span!("kubernetes", http.method = %request.method(), http.path = request.uri().path())
        })
        // failures are reported by the retry layer and the caller
        .on_failure(());
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer()?)
        .layer(config.extra_headers_layer()?)
        .layer(trace)
        .map_err(BoxError::from)
        .service(http);
    Ok(ClientBuilder::new(service, config.default_namespace).with_layer(&layers).build())
}

fn connect_error(error: kube::Error, server: &str, kubeconfig: Option<&PathBuf>) -> ClusterError {
    let (server, kubeconfig) = (server.to_owned(), kubeconfig.cloned());
    match error {
        kube::Error::Api(status) if status.code == 401 || status.code == 403 => {
            ClusterError::Unauthorized { server, kubeconfig }
        }
        source => ClusterError::Unreachable { server, kubeconfig, source: Box::new(source) },
    }
}

/// Reads the certificate authority that pods verify the API server with. Every namespace contains it; on a cluster
/// that has just started it may appear a moment later.
async fn pod_certificate_authority(client: &Client) -> Result<String, ClusterError> {
    const NAME: &str = "kube-root-ca.crt";
    let action = format!("read the config map kube-system/{NAME}");
    let lacking = || ClusterError::Incomplete { action: action.clone(), missing: "a certificate authority" };
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    let certificate = |map: &ConfigMap| map.data.as_ref().and_then(|data| data.get("ca.crt").cloned());
    if let Some(found) = maps.get_opt(NAME).await.map_err(|error| ClusterError::of(error, &action))? {
        return certificate(&found).ok_or_else(lacking);
    }
    let created = await_condition(maps, NAME, |map: Option<&ConfigMap>| map.is_some());
    match tokio::time::timeout(CERTIFICATE_TIMEOUT, created).await {
        Ok(Ok(Some(map))) => certificate(&map).ok_or_else(lacking),
        Ok(_) | Err(_) => Err(lacking()),
    }
}
