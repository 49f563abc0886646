//! From what an author wrote to what the cluster is asked for.

use lectern_api::ids::SessionId;
use lectern_content::Lab;
use lectern_content::spec::{
    Budget as LabBudget, NamespaceRole, SecurityPolicy as LabPolicy, TerminalLayout,
};

use crate::cluster::{Amounts, Budget, ContainerLimits, Role, SecurityPolicy, SessionNames, SessionSpec};
use crate::store::sessions::SessionRow;

/// How long a session of a lab lasts that does not say how long it takes.
const DEFAULT_SECS: u64 = 2 * 60 * 60;
/// The shortest session.
const LEAST_SECS: u64 = 60 * 60;
/// The longest session.
const MOST_SECS: u64 = 24 * 60 * 60;

/// How long a session of this lab may run: twice the time that its author thinks it takes, within bounds.
pub(super) fn duration_secs(lab: &Lab) -> i32 {
    let secs = lab
        .spec
        .duration_secs
        .map_or(DEFAULT_SECS, |secs| secs.saturating_mul(2).clamp(LEAST_SECS, MOST_SECS));
    i32::try_from(secs).unwrap_or(i32::MAX)
}

/// The dialect's word for a layout.
pub(super) fn layout_word(layout: TerminalLayout) -> &'static str {
    match layout {
        TerminalLayout::Default => "default",
        TerminalLayout::Split => "split",
        TerminalLayout::SplitTwo => "split/2",
        TerminalLayout::Lower => "lower",
        TerminalLayout::None => "none",
    }
}

/// The names of a session's objects as they were made when it was asked for.
pub(super) fn names(row: &SessionRow) -> SessionNames {
    SessionNames {
        session: SessionId(row.id),
        namespace: row.namespace.clone(),
        workbench: row.workbench.clone(),
    }
}

/// What the cluster shall make for this session.
pub(super) fn session_spec(row: &SessionRow, lab: &Lab) -> SessionSpec {
    let wish = &lab.spec.session;
    let mut spec = SessionSpec::new(SessionId(row.id), lab.slug.clone());
    spec.names = names(row);
    spec.role = match wish.namespaces.role {
        NamespaceRole::Admin => Role::Admin,
        NamespaceRole::Edit => Role::Edit,
        NamespaceRole::View => Role::View,
    };
    spec.budget = match wish.namespaces.budget {
        // an author who names none still gets a bounded namespace
        LabBudget::Default | LabBudget::Medium => Budget::Medium,
        LabBudget::Small => Budget::Small,
        LabBudget::Large => Budget::Large,
        LabBudget::XLarge => Budget::XLarge,
        LabBudget::XxLarge => Budget::XxLarge,
        LabBudget::XxxLarge => Budget::XxxLarge,
        LabBudget::Custom => Budget::Custom,
    };
    let limits = &wish.namespaces.limits;
    spec.limits = ContainerLimits {
        min: amounts(limits.min.as_ref()),
        max: amounts(limits.max.as_ref()),
        default_request: amounts(limits.default_request.as_ref()),
        default: amounts(limits.default.as_ref()),
    };
    spec.security = match wish.namespaces.policy {
        Some(LabPolicy::Restricted) => SecurityPolicy::Restricted,
        Some(LabPolicy::Privileged) => SecurityPolicy::Privileged,
        Some(LabPolicy::Baseline) | None => SecurityPolicy::Baseline,
    };
    if let Some(memory) = &wish.resources.memory {
        spec.workbench.memory.clone_from(memory);
    }
    if let Some(storage) = &wish.resources.storage {
        spec.workbench.storage.clone_from(storage);
    }
    spec
}

fn amounts(value: Option<&serde_json::Value>) -> Amounts {
    let quantity = |key: &str| match value?.get(key)? {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Amounts { cpu: quantity("cpu"), memory: quantity("memory") }
}
