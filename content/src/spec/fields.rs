//! Every field of the Workshop resource, and what Lectern does with it. The authors' guide and lint are generated from
//! this table; it is the one list of what is ignored.

/// What Lectern does with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Acts on it.
    Acted,
    /// Ignores it so far. Learners may miss something.
    NotYet,
    /// Ignores it, and nothing is lost: it describes the lab, or says where Educates finds the files.
    NotNeeded,
}

/// A field of the Workshop resource.
#[derive(Clone, Copy, Debug)]
pub struct SpecField {
    /// The keys below `spec` that lead to it, separated by dots. Lists have no key.
    pub path: &'static str,
    /// Its meaning, in a few words.
    pub holds: &'static str,
    pub effect: Effect,
    /// The value that is the same as leaving it out. `None` if there is none.
    pub default: Option<&'static str>,
}

impl SpecField {
    /// Returns whether a path leads to a mapping or list around this field.
    #[must_use]
    pub fn is_below(&self, path: &str) -> bool {
        path.is_empty() || self.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// Finds a field by its path.
#[must_use]
pub fn find_field(path: &str) -> Option<&'static SpecField> {
    FIELDS.iter().find(|field| field.path == path)
}

const fn field(path: &'static str, effect: Effect, holds: &'static str) -> SpecField {
    SpecField { path, holds, effect, default: None }
}

const fn flag(path: &'static str, default: &'static str, effect: Effect, holds: &'static str) -> SpecField {
    SpecField { path, holds, effect, default: Some(default) }
}

use Effect::{Acted, NotNeeded, NotYet};

/// The fields, in the order of the authors' guide.
pub const FIELDS: &[SpecField] = &[
    field("title", Acted, "the lab's title"),
    field("description", Acted, "a few sentences about it"),
    field("difficulty", Acted, "`beginner`, `intermediate`, `advanced` or `extreme`"),
    field("duration", Acted, "how long it takes: `45m`, `1h30m`"),
    field("tags", Acted, "words to find it by"),
    field("authors", Acted, "who wrote it"),
    field("vendor", NotNeeded, "who publishes it"),
    field("version", NotNeeded, "its version"),
    field("labels", NotNeeded, "names and values"),
    field("logo", NotNeeded, "an image"),
    field("url", NotNeeded, "where to read more"),
    field(
        "session.namespaces.role",
        Acted,
        "`admin` (default), `edit`, `view`, or `custom`: only your own objects give rights",
    ),
    field(
        "session.namespaces.budget",
        Acted,
        "`small`, `medium` (default), `large`, `x-large`, `xx-large`, `xxx-large`, or `custom`: CPU and memory are limited by your own objects only",
    ),
    field("session.namespaces.limits.min", Acted, "minimum `cpu` and `memory` of a container"),
    field("session.namespaces.limits.max", Acted, "maximum `cpu` and `memory` of a container"),
    field("session.namespaces.limits.defaultRequest", Acted, "request of a container that names none"),
    field("session.namespaces.limits.default", Acted, "limit of a container that names none"),
    field(
        "session.namespaces.security.policy",
        Acted,
        "`restricted`, `baseline` (default) or `privileged`; older `nonroot`, `anyuid`, `custom`",
    ),
    flag(
        "session.namespaces.security.token.enabled",
        "true",
        Acted,
        "whether the learner's tools get a token for the cluster",
    ),
    field(
        "session.namespaces.security.rules",
        Acted,
        "rights in addition to the role's, as a list of RBAC rules. Educates' mapping of `action` and `exclude` names rules of its policy engine, of which Lectern has none",
    ),
    field(
        "session.namespaces.secondary.name",
        Acted,
        "a further namespace; begins with `$(session_namespace)-`",
    ),
    field("session.namespaces.secondary.role", Acted, "as above; by default that of the first namespace"),
    field("session.namespaces.secondary.budget", Acted, "as above; by default that of the first namespace"),
    field("session.namespaces.secondary.limits", Acted, "as above; by default those of the first namespace"),
    field(
        "session.namespaces.secondary.security.policy",
        Acted,
        "as above; by default that of the first namespace",
    ),
    field(
        "session.egress",
        Acted,
        "Lectern's own: what a session may reach outside of itself, `none`, `dns` or `internet`; by default what the operator allows",
    ),
    field("session.resources.memory", Acted, "memory of the workbench"),
    field("session.resources.storage", Acted, "size of the home directory"),
    field("session.resources.volume", NotYet, "a volume claim of your own for the home directory"),
    field("session.env.name", Acted, "an environment variable"),
    field("session.env.value", Acted, "its value; `$(session_namespace)` and the like are filled in"),
    field(
        "session.env.valueFrom",
        Acted,
        "where its value stands: a key of a secret or config map of the session, or the field `metadata.name` or `metadata.namespace`; read when the session starts",
    ),
    field("session.envFrom", Acted, "secrets and config maps of the session with environment variables"),
    field(
        "session.objects",
        Acted,
        "manifests that are created for each session, in its namespaces only; `$(session_namespace)`, parameters and the like are filled in",
    ),
    field(
        "session.patches",
        NotYet,
        "changes to the workbench's pod, which Lectern keeps the same for all labs: it stands beside those of other learners",
    ),
    field(
        "session.volumes",
        NotYet,
        "volumes of the workbench's pod, which is in a namespace of the platform's, where a lab's secrets, config maps and claims cannot be mounted",
    ),
    field("session.volumeMounts", NotYet, "where they are mounted"),
    field(
        "session.initContainers",
        NotYet,
        "containers that run before the workbench; a script in `workshop/setup.d` does the same with the workbench's own programs",
    ),
    field("session.variables", NotYet, "values for the manifests"),
    field("session.dashboards.name", NotYet, "the name of a tab"),
    field("session.dashboards.url", NotYet, "what it shows: an address, or `terminal:NAME`"),
    field("session.ingresses", NotYet, "ports to reach from the browser: `name`, `host`, `protocol`, `port`"),
    flag("session.applications.terminal.enabled", "true", Acted, "whether there are terminals"),
    field(
        "session.applications.terminal.layout",
        Acted,
        "`default`, `split` (two), `split/2` (three), `lower` or `none`",
    ),
    flag("session.applications.workshop.enabled", "true", NotYet, "whether the pages are shown"),
    field(
        "session.applications.workshop.renderer",
        Acted,
        "`classic` or `hugo`, if the files do not show which",
    ),
    field("session.applications.workshop.layout", NotYet, "where the pages are shown"),
    field("session.applications.workshop.url", NotYet, "a site instead of the pages"),
    field("session.applications.workshop.path", NotYet, "static HTML instead of the pages"),
    field("session.applications.workshop.proxy", NotYet, "a site instead of the pages, by proxy"),
    flag("session.applications.examiner.enabled", "false", Acted, "checks; they run even without it"),
    flag("session.applications.editor.enabled", "false", NotYet, "an editor"),
    flag(
        "session.applications.console.enabled",
        "false",
        Acted,
        "the cluster view; labs whose learners get a token have it even without it",
    ),
    flag("session.applications.slides.enabled", "false", NotYet, "the lab's slides"),
    flag("session.applications.files.enabled", "false", NotYet, "downloading files"),
    flag("session.applications.uploads.enabled", "false", NotYet, "uploading files"),
    flag("session.applications.docker.enabled", "false", NotYet, "a container engine"),
    flag("session.applications.registry.enabled", "false", NotYet, "an image registry"),
    flag("session.applications.git.enabled", "false", NotYet, "a git server"),
    flag("session.applications.vcluster.enabled", "false", NotYet, "a virtual cluster"),
    flag("session.applications.sshd.enabled", "false", NotYet, "access by SSH"),
    flag("session.applications.webdav.enabled", "false", NotYet, "mounting the home directory"),
    field("request.parameters.name", Acted, "a parameter that can be set when a session is requested"),
    field(
        "request.parameters.value",
        Acted,
        "its default value; a chosen value has at most 4096 bytes of letters, digits, blanks and `- _ . , : / @ + = ? % ~`, on one line",
    ),
    field("request.parameters.aliases", Acted, "alternative names"),
    field("request.parameters.generate", NotYet, "generates a random value"),
    field("request.parameters.from", NotYet, "the pattern of that value"),
    field(
        "request.objects",
        Acted,
        "manifests; created for each session too, after its own, and before a learner gets it",
    ),
    field("environment.objects", Acted, "manifests; created for each session too, before its own"),
    field("environment.secrets", NotYet, "secrets that all sessions of the lab share"),
    field("environment.assets", NotYet, "files that all sessions of the lab share"),
    field("environment.images", NotYet, "a cache of images"),
    field("workshop.image", Acted, "an image for the workbench instead of Lectern's own"),
    field(
        "workshop.packages",
        Acted,
        "programs added to the workbench below `/opt/packages`: `name`, and `files` as in `workshop.files`",
    ),
    field(
        "workshop.files",
        Acted,
        "where the learner's files come from: `git`, `http`, `image`, `inline`, with `path`, `newRootPath`, `includePaths` and `excludePaths`; what names the lab itself is its own folder",
    ),
    field("content.image", NotYet, "an image for the workbench, in older labs"),
    field("content.files", Acted, "where the learner's files come from, in older labs"),
    field("content.downloads", NotNeeded, "where Educates finds the files, in older labs"),
    field("publish", NotNeeded, "where Educates' own tool publishes the files"),
    field("image", NotYet, "an image for the workbench, in v1alpha1"),
    field("session.role", Acted, "in v1alpha1: `session.namespaces.role`"),
    field("session.budget", Acted, "in v1alpha1: `session.namespaces.budget`"),
    field("session.limits", Acted, "in v1alpha1: `session.namespaces.limits`"),
    field("session.security.policy", Acted, "in v1alpha1: `session.namespaces.security.policy`"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_stands_twice_or_inside_another() {
        for (at, field) in FIELDS.iter().enumerate() {
            for other in &FIELDS[at + 1..] {
                assert_ne!(field.path, other.path);
                assert!(!other.is_below(field.path) && !field.is_below(other.path), "{}", other.path);
            }
        }
    }
}
