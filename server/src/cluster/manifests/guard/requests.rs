//! What learners may write, of whatever kind.

use super::super::super::Egress;
use super::super::super::names::NAMESPACE_PREFIX;
use super::super::{labels, rbac};
use super::{GuardSettings, LARGEST_MAP, LARGEST_OBJECT, Rules, list, quoted, rule};

/// Kinds of the platform's own objects in learners' namespaces.
const BOUNDS: &[&str] = &["limitranges", "networkpolicies", "resourcequotas", "rolebindings", "roles"];

/// Groups of kinds that lead traffic into a cluster or past its network policies, other than Kubernetes' own.
const CLOSED_GROUPS: &[&str] = &[
    "cilium.io",
    "configuration.konghq.com",
    "crd.projectcalico.org",
    "getambassador.io",
    "helm.cattle.io",
    "k8s.nginx.org",
    "networking.istio.io",
    "projectcalico.org",
    "projectcontour.io",
    "route.openshift.io",
    "traefik.containo.us",
    "traefik.io",
];

/// Annotations of an `Ingress` that concern its own host names only. Others add configuration of the controller's, or
/// names that are not looked at here.
const INGRESS_ANNOTATIONS: &[&str] = &[
    "kubectl.kubernetes.io/last-applied-configuration",
    "kubernetes.io/ingress.class",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
    "nginx.ingress.kubernetes.io/backend-protocol",
    "nginx.ingress.kubernetes.io/force-ssl-redirect",
    "nginx.ingress.kubernetes.io/proxy-body-size",
    "nginx.ingress.kubernetes.io/rewrite-target",
    "nginx.ingress.kubernetes.io/ssl-redirect",
    "nginx.ingress.kubernetes.io/use-regex",
];

pub(super) fn policy(instance: &str, settings: &GuardSettings) -> Rules {
    let mut validations = vec![platforms_own(), size(), events()];
    validations.extend(network_policies());
    validations.extend(services(settings.ingress_suffix.is_some()));
    validations.extend(ways_in(settings.ingress_suffix.as_deref()));
    validations.push(disruption_budgets());
    Rules {
        resources: vec![
            rule("*", &["*"], &["CREATE", "UPDATE"]),
            rule("", &["pods/ephemeralcontainers"], &["UPDATE"]),
            rule("*", BOUNDS, &["DELETE"]),
        ],
        // learners themselves, and pods of theirs that use an account of their namespace
        conditions: vec![(
            "a-learner-asks",
            format!(
                "request.userInfo.username.startsWith('system:serviceaccount:{NAMESPACE_PREFIX}') || \
                 request.userInfo.username.startsWith('system:serviceaccount:{instance}:{}')",
                rbac::ACCOUNT_PREFIX
            ),
        )],
        variables: vec![
            ("kind", "request.resource.resource".to_owned()),
            ("session", format!("namespaceObject.metadata.labels[{}]", quoted(labels::SESSION))),
            // a session that is to resolve no names is not opened to DNS by a policy of its learner's
            (
                "resolves",
                format!(
                    "!({0} in namespaceObject.metadata.labels) || namespaceObject.metadata.labels[{0}] != '{1}'",
                    quoted(labels::EGRESS),
                    Egress::None.as_str()
                ),
            ),
            (
                "main",
                format!(
                    "{0} in namespaceObject.metadata.labels ? namespaceObject.metadata.labels[{0}] : request.namespace",
                    quoted(labels::MAIN_NAMESPACE)
                ),
            ),
        ],
        validations,
    }
}

/// Holds where an object of this kind is written, if the rest does.
fn for_kind(kind: &str, expression: &str) -> String {
    format!("object == null || variables.kind != '{kind}' || {expression}")
}

fn told(expression: String, message: &str) -> (String, String) {
    (expression, message.to_owned())
}

fn platforms_own() -> (String, String) {
    let (key, value) = labels::MANAGED_BY;
    told(
        format!(
            "oldObject == null || !(variables.kind in {}) || !has(oldObject.metadata.labels) || \
             !('{key}' in oldObject.metadata.labels) || oldObject.metadata.labels['{key}'] != '{value}'",
            list(BOUNDS.iter().copied())
        ),
        "this object keeps learners apart and at work, and belongs to the platform",
    )
}

/// What the cluster's database holds for each learner is bounded by this times the numbers of the quota. The object is
/// written out as text, which is about as long as what is stored.
fn size() -> (String, String) {
    (
        format!(
            "object == null || size(bytes('%s'.format([object]))) <= \
             (variables.kind in ['configmaps', 'secrets'] ? {LARGEST_MAP} : {LARGEST_OBJECT})"
        ),
        format!(
            "this object is larger than learners may store: {} KiB for a ConfigMap or a Secret, {} KiB for any other",
            LARGEST_MAP >> 10,
            LARGEST_OBJECT >> 10
        ),
    )
}

/// Quotas do not count events. The right to write them stays in the learners' roles, because many a lab grants it to
/// an operator that does without where it is refused.
fn events() -> (String, String) {
    told(
        "object == null || variables.kind != 'events'".to_owned(),
        "events are written by the cluster's own parts only",
    )
}

fn network_policies() -> [(String, String); 2] {
    // pods of the learner's own namespaces; what else a selector names makes it narrower
    let name = "'kubernetes.io/metadata.name'";
    let session = quoted(labels::SESSION);
    let selects = |selector: &str| {
        format!(
            "has({selector}.matchLabels) && \
             (({name} in {selector}.matchLabels && ({selector}.matchLabels[{name}] == variables.main || \
             {selector}.matchLabels[{name}].startsWith(variables.main + '-'))) || \
             ({session} in {selector}.matchLabels && {selector}.matchLabels[{session}] == variables.session))"
        )
    };
    let own = format!(
        "(!has(peer.ipBlock) && (!has(peer.namespaceSelector) || ({})))",
        selects("peer.namespaceSelector")
    );
    let dns = format!(
        "(variables.resolves && has(peer.namespaceSelector) && has(peer.namespaceSelector.matchLabels) && \
         {name} in peer.namespaceSelector.matchLabels && \
         peer.namespaceSelector.matchLabels[{name}] == 'kube-system' && \
         has(peer.podSelector) && has(peer.podSelector.matchLabels) && \
         'k8s-app' in peer.podSelector.matchLabels && \
         peer.podSelector.matchLabels['k8s-app'] == 'kube-dns' && \
         has(rule.ports) && size(rule.ports) > 0 && \
         rule.ports.all(port, has(port.port) && port.port == 53 && !has(port.endPort)))"
    );
    [
        told(
            for_kind(
                "networkpolicies",
                &format!(
                    "!has(object.spec.egress) || object.spec.egress.all(rule, has(rule.to) && size(rule.to) > 0 && \
                     rule.to.all(peer, {own} || {dns}))"
                ),
            ),
            "a policy of yours may let traffic out to pods of your own namespaces only; DNS is open as far as your lab \
             may use it, and everything else is decided by the platform",
        ),
        told(
            for_kind(
                "networkpolicies",
                &format!(
                    "!has(object.spec.ingress) || object.spec.ingress.all(rule, has(rule.from) && \
                     size(rule.from) > 0 && rule.from.all(peer, {own}))"
                ),
            ),
            "a policy of yours must say from which pods of your own namespaces it lets traffic in, such as \
             from: [{podSelector: {}}]; everything else is decided by the platform",
        ),
    ]
}

fn services(are_published: bool) -> Vec<(String, String)> {
    let mut rules = vec![
        told(
            for_kind("services", "!has(object.spec.externalIPs) || size(object.spec.externalIPs) == 0"),
            "services with externalIPs are not allowed here",
        ),
        told(
            for_kind(
                "services",
                "!has(object.spec.type) || !(object.spec.type in ['NodePort', 'LoadBalancer'])",
            ),
            "services of type NodePort and LoadBalancer are not allowed here; use ClusterIP, which your workbench reaches",
        ),
    ];
    if are_published {
        // whatever publishes the service would fetch it from there, with its own rights in the network
        rules.push(told(
            for_kind("services", "!has(object.spec.type) || object.spec.type != 'ExternalName'"),
            "services of type ExternalName are not allowed here",
        ));
    }
    rules
}

fn ways_in(suffix: Option<&str>) -> Vec<(String, String)> {
    let closed = told(
        format!("object == null || !(request.resource.group in {})", list(CLOSED_GROUPS.iter().copied())),
        "objects of this kind decide what reaches the cluster, and are not for learners",
    );
    let gateway = "request.resource.group != 'gateway.networking.k8s.io'";
    let Some(suffix) = suffix else {
        let message = "nothing of a learner's can be reached from outside this cluster; use a service and your workbench";
        return vec![
            closed,
            told("object == null || variables.kind != 'ingresses'".to_owned(), message),
            told(format!("object == null || {gateway}"), message),
        ];
    };
    // each namespace has its own name below the suffix, so that nobody takes another's
    let own = |host: &str| {
        let end = |before: &str| quoted(&format!("{before}{suffix}"));
        format!(
            "({host} == request.namespace + {0} || {host}.endsWith('.' + request.namespace + {0}) || \
             {host}.endsWith('-' + request.namespace + {0}))",
            end(".")
        )
    };
    let message = format!(
        "every host must be named after your namespace: NAMESPACE.{suffix}, SOMETHING-NAMESPACE.{suffix} or \
         SOMETHING.NAMESPACE.{suffix}, with no default backend"
    );
    vec![
        closed,
        (
            for_kind(
                "ingresses",
                &format!(
                    "(!has(object.spec.defaultBackend) && has(object.spec.rules) && \
                     object.spec.rules.all(rule, has(rule.host) && {}) && \
                     (!has(object.spec.tls) || object.spec.tls.all(tls, has(tls.hosts) && \
                     tls.hosts.all(host, {}))))",
                    own("rule.host"),
                    own("host")
                ),
            ),
            message.clone(),
        ),
        told(
            for_kind(
                "ingresses",
                &format!(
                    "!has(object.metadata.annotations) || object.metadata.annotations.all(key, \
                     !key.contains('/') || key in {})",
                    list(INGRESS_ANNOTATIONS.iter().copied())
                ),
            ),
            "this annotation of an Ingress is not allowed here, because it reaches beyond your own hosts",
        ),
        (
            format!(
                "object == null || {gateway} || (variables.kind in ['grpcroutes', 'httproutes', 'tlsroutes'] && \
                 has(object.spec.hostnames) && size(object.spec.hostnames) > 0 && \
                 object.spec.hostnames.all(host, {}))",
                own("host")
            ),
            message,
        ),
    ]
}

/// A budget that no pod of a healthy set may ever miss holds up every drain until its session ends.
fn disruption_budgets() -> (String, String) {
    told(
        for_kind(
            "poddisruptionbudgets",
            "((!has(object.spec.maxUnavailable) || !(string(object.spec.maxUnavailable) in ['0', '0%'])) && \
             (!has(object.spec.minAvailable) || string(object.spec.minAvailable) != '100%'))",
        ),
        "a disruption budget must leave at least one pod that may go",
    )
}
