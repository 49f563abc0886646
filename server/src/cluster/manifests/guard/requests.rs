//! Rules for what learners may write.

use super::super::super::Egress;
use super::super::super::ingress::INGRESS_CLASS;
use super::super::super::names::NAMESPACE_PREFIX;
use super::super::{labels, rbac};
use super::{GuardSettings, LARGEST_MAP, LARGEST_OBJECT, Rules, list, quoted, rule};

/// Kinds of the platform's own objects in learners' namespaces.
const BOUNDS: &[&str] = &["limitranges", "networkpolicies", "resourcequotas", "rolebindings", "roles"];

/// API groups, other than Kubernetes' own, that lead traffic into a cluster or bypass its network policies.
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

/// Annotations of an `Ingress` that affect only its own host names. Others configure the controller, or add host
/// names that these rules do not check.
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
    validations.extend(ways_in(settings));
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
            // a learner's policy must not open DNS for a session that may not use it
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

/// Limits an expression to objects of one kind.
fn for_kind(kind: &str, expression: &str) -> String {
    format!("object == null || variables.kind != '{kind}' || {expression}")
}

fn validation(expression: String, message: &str) -> (String, String) {
    (expression, message.to_owned())
}

fn platforms_own() -> (String, String) {
    let (key, value) = labels::MANAGED_BY;
    validation(
        format!(
            "oldObject == null || !(variables.kind in {}) || !has(oldObject.metadata.labels) || \
             !('{key}' in oldObject.metadata.labels) || oldObject.metadata.labels['{key}'] != '{value}'",
            list(BOUNDS.iter().copied())
        ),
        "this object keeps learners apart and at work, and belongs to the platform",
    )
}

/// Limits the size of single objects; with the quota's numbers this limits each learner's share of the cluster's
/// database. The expression measures the object as text, which is about as long as its stored form.
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

/// Forbids events, which quotas do not count. The right to write them stays in the learners' roles, because many labs
/// grant it to an operator, which works without it.
fn events() -> (String, String) {
    validation(
        "object == null || variables.kind != 'events'".to_owned(),
        "events are written by the cluster's own parts only",
    )
}

fn network_policies() -> [(String, String); 2] {
    // selects pods in the learner's own namespaces; further conditions of a selector only make it narrower
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
        validation(
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
        validation(
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
        validation(
            for_kind("services", "!has(object.spec.externalIPs) || size(object.spec.externalIPs) == 0"),
            "services with externalIPs are not allowed here",
        ),
        validation(
            for_kind(
                "services",
                "!has(object.spec.type) || !(object.spec.type in ['NodePort', 'LoadBalancer'])",
            ),
            "services of type NodePort and LoadBalancer are not allowed here; use ClusterIP, which your workbench reaches",
        ),
    ];
    if are_published {
        // the ingress controller would fetch such a service from anywhere that it may reach itself
        rules.push(validation(
            for_kind("services", "!has(object.spec.type) || object.spec.type != 'ExternalName'"),
            "services of type ExternalName are not allowed here",
        ));
    }
    rules
}

fn ways_in(settings: &GuardSettings) -> Vec<(String, String)> {
    let closed = validation(
        format!("object == null || !(request.resource.group in {})", list(CLOSED_GROUPS.iter().copied())),
        "objects of this kind decide what reaches the cluster, and are not for learners",
    );
    let gateway = "request.resource.group != 'gateway.networking.k8s.io'";
    let (suffix, previews) = (settings.ingress_suffix.as_deref(), settings.preview_domain.as_deref());
    let nothing =
        "nothing of a learner's can be reached from outside this cluster; use a service and your workbench";
    let Some(shown) = suffix.or(previews) else {
        return vec![
            closed,
            validation("object == null || variables.kind != 'ingresses'".to_owned(), nothing),
            validation(format!("object == null || {gateway}"), nothing),
        ];
    };
    let any_own = |host: &str| {
        let domains = suffix.into_iter().chain(previews);
        format!("({})", domains.map(|domain| own(host, domain)).collect::<Vec<_>>().join(" || "))
    };
    // this server serves nothing of a session under another's hosts, whatever its objects say
    let is_ours = match previews {
        Some(_) => format!(
            "(has(object.spec.ingressClassName) && object.spec.ingressClassName == '{INGRESS_CLASS}')"
        ),
        None => "false".to_owned(),
    };
    let message = format!(
        "every host must be named after your namespace: NAMESPACE.{shown}, SOMETHING-NAMESPACE.{shown} or \
         SOMETHING.NAMESPACE.{shown}, with no default backend"
    );
    let mut rules = vec![
        closed,
        (
            for_kind(
                "ingresses",
                &format!(
                    "(({is_ours} || (!has(object.spec.defaultBackend) && has(object.spec.rules))) && \
                     (!has(object.spec.rules) || object.spec.rules.all(rule, has(rule.host) ? {} : {is_ours})) && \
                     (!has(object.spec.tls) || object.spec.tls.all(tls, has(tls.hosts) ? \
                     tls.hosts.all(host, {}) : {is_ours})))",
                    any_own("rule.host"),
                    any_own("host")
                ),
            ),
            message.clone(),
        ),
        validation(
            for_kind(
                "ingresses",
                &format!(
                    "{is_ours} || !has(object.metadata.annotations) || object.metadata.annotations.all(key, \
                     !key.contains('/') || key in {})",
                    list(INGRESS_ANNOTATIONS.iter().copied())
                ),
            ),
            "this annotation of an Ingress is not allowed here, because it reaches beyond your own hosts",
        ),
    ];
    rules.push(match suffix {
        Some(suffix) => (
            format!(
                "object == null || {gateway} || (variables.kind in ['grpcroutes', 'httproutes', 'tlsroutes'] && \
                 has(object.spec.hostnames) && size(object.spec.hostnames) > 0 && \
                 object.spec.hostnames.all(host, {}))",
                own("host", suffix)
            ),
            message,
        ),
        None => validation(format!("object == null || {gateway}"), "routes of a gateway lead nowhere here; use an Ingress"),
    });
    rules
}

/// Compares a host with those of the namespace: it has its own name below the domain, so that nobody takes another's.
fn own(host: &str, domain: &str) -> String {
    let end = |before: &str| quoted(&format!("{before}{domain}"));
    format!(
        "({host} == request.namespace + {0} || {host}.endsWith('.' + request.namespace + {0}) || \
         {host}.endsWith('-' + request.namespace + {0}) || \
         ({host}.startsWith(request.namespace + '-') && {host}.endsWith({0})))",
        end(".")
    )
}

/// Forbids budgets that allow no disruption at all, which would block every drain until their session ends.
fn disruption_budgets() -> (String, String) {
    validation(
        for_kind(
            "poddisruptionbudgets",
            "((!has(object.spec.maxUnavailable) || !(string(object.spec.maxUnavailable) in ['0', '0%'])) && \
             (!has(object.spec.minAvailable) || string(object.spec.minAvailable) != '100%'))",
        ),
        "a disruption budget must allow at least one pod to be disrupted",
    )
}
