//! Environment variables whose values stand in objects of the session: read once, when the session is made.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use lectern_api::sessions::{Notice, NoticeAbout};
use lectern_content::Lab;
use lectern_content::spec::{EnvReference, EnvSource};

use super::{ProvisionError, Provisioner};
use crate::cluster::Holder;
use crate::sessions::environment::{Values, definition_values, fill};
use crate::sessions::spec::names;
use crate::store;
use crate::store::sessions::SessionRow;

/// The most that all values together may hold, in bytes: what a process is given is limited too.
const MAX_BYTES: usize = 64 * 1024;

/// The contents of the objects that variables name, read so far. `None` for one that does not exist.
type Objects = BTreeMap<(Holder, String), Option<Values>>;

impl Provisioner {
    /// Reads what the lab's variables refer to, and stores it with the session. Returns the session with it.
    pub(super) async fn resolve_references(
        &self,
        row: &SessionRow,
        lab: &Lab,
    ) -> Result<SessionRow, ProvisionError> {
        let references = &lab.spec.session.env_references;
        let mut row = row.clone();
        if references.is_empty() {
            return Ok(row);
        }
        let known = definition_values(&row, lab, &self.labs.previews);
        let filled: Vec<EnvReference> = references.iter().map(|one| filled(one, &known)).collect();
        let mut objects = Objects::new();
        for (kind, name) in filled.iter().filter_map(|one| holder(&one.source)) {
            if let Entry::Vacant(unread) = objects.entry((kind, name.clone())) {
                unread.insert(self.cluster.find_values(&names(&row), kind, &name).await?);
            }
        }
        let (values, notices) = resolve(&filled, &objects, &row.namespace);
        self.record_notices(&row, NoticeAbout::Variable, notices).await?;
        let mut conn = self.pool.acquire().await.map_err(store::StoreError::from)?;
        store::sessions::notices::keep_referenced_env(&mut conn, row.id, &values).await?;
        row.referenced_env = values;
        Ok(row)
    }
}

fn filled(reference: &EnvReference, known: &Values) -> EnvReference {
    let mut filled = reference.clone();
    match &mut filled.source {
        EnvSource::SecretKey { name, .. }
        | EnvSource::ConfigMapKey { name, .. }
        | EnvSource::Secret { name }
        | EnvSource::ConfigMap { name } => *name = fill(name, known),
        EnvSource::Field { .. } | EnvSource::Other { .. } => {}
    }
    filled
}

fn holder(source: &EnvSource) -> Option<(Holder, String)> {
    match source {
        EnvSource::SecretKey { name, .. } | EnvSource::Secret { name } => {
            Some((Holder::Secret, name.clone()))
        }
        EnvSource::ConfigMapKey { name, .. } | EnvSource::ConfigMap { name } => {
            Some((Holder::ConfigMap, name.clone()))
        }
        EnvSource::Field { .. } | EnvSource::Other { .. } => None,
    }
}

/// Returns the values of the variables, and a notice for each that has none and must not lack it.
fn resolve(references: &[EnvReference], objects: &Objects, namespace: &str) -> (Values, Vec<Notice>) {
    let (mut values, mut notices, mut bytes) = (Values::new(), Vec::new(), 0);
    for one in references {
        let found = match found(one, objects, namespace) {
            Ok(found) => found,
            Err(_) if one.is_optional => continue,
            Err(reason) => {
                let subject = match &one.source {
                    EnvSource::Secret { .. } | EnvSource::ConfigMap { .. } => "Some variables".to_owned(),
                    _ => format!("The variable {}", one.name),
                };
                let has = if subject == "Some variables" { "have" } else { "has" };
                let message = format!("{subject} of the lab {has} no value: {reason}.");
                notices.push(Notice { about: NoticeAbout::Variable, message, output: None });
                continue;
            }
        };
        for (name, value) in found {
            bytes += name.len() + value.len();
            if bytes > MAX_BYTES {
                let message = format!(
                    "The variable {name} of the lab has no value: all values together are too large."
                );
                notices.push(Notice { about: NoticeAbout::Variable, message, output: None });
                return (values, notices);
            }
            values.insert(name, value);
        }
    }
    (values, notices)
}

fn found(one: &EnvReference, objects: &Objects, namespace: &str) -> Result<Values, String> {
    let single = |value: String| Values::from([(one.name.clone(), value)]);
    match &one.source {
        EnvSource::Field { path } if matches!(path.as_str(), "metadata.name" | "metadata.namespace") => {
            Ok(single(namespace.to_owned()))
        }
        EnvSource::Field { path } => Err(format!("a workbench does not tell its field {path}")),
        EnvSource::Other { key } => Err(format!("values of the kind {key} are not read")),
        EnvSource::Secret { .. } | EnvSource::ConfigMap { .. } => {
            let entries = object(&one.source, objects)?.iter();
            let named = entries.map(|(key, value)| (format!("{}{key}", one.name), value.clone()));
            Ok(named.filter(|(name, _)| is_variable(name)).collect())
        }
        EnvSource::SecretKey { key, .. } | EnvSource::ConfigMapKey { key, .. } => {
            let value = object(&one.source, objects)?.get(key).cloned();
            value.map(single).ok_or_else(|| format!("{} has no entry {key}", described(&one.source)))
        }
    }
}

fn object<'a>(source: &EnvSource, objects: &'a Objects) -> Result<&'a Values, String> {
    let found = holder(source).and_then(|holder| objects.get(&holder)).and_then(Option::as_ref);
    found.ok_or_else(|| format!("{} is not in this session", described(source)))
}

fn described(source: &EnvSource) -> String {
    match holder(source) {
        Some((Holder::Secret, name)) => format!("the secret {name}"),
        Some((Holder::ConfigMap, name)) => format!("the config map {name}"),
        None => "its source".to_owned(),
    }
}

/// Whether a shell can have a variable of this name.
fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(name: &str, source: EnvSource) -> EnvReference {
        EnvReference { name: name.to_owned(), source, is_optional: false }
    }

    fn secret_key(name: &str, key: &str) -> EnvSource {
        EnvSource::SecretKey { name: name.to_owned(), key: key.to_owned() }
    }

    fn objects() -> Objects {
        let entries =
            [("user", "ada"), ("pass.word", "x")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        Objects::from([
            ((Holder::Secret, "db".to_owned()), Some(entries.into())),
            ((Holder::Secret, "gone".to_owned()), None),
        ])
    }

    #[test]
    fn a_variable_has_the_value_of_the_entry_that_it_names() {
        let references = [
            reference("DB_", EnvSource::Secret { name: "db".to_owned() }),
            reference("LOGIN", secret_key("db", "user")),
            reference("WHERE", EnvSource::Field { path: "metadata.namespace".to_owned() }),
        ];
        let (values, notices) = resolve(&references, &objects(), "lab-x");
        let expected = [("DB_user", "ada"), ("LOGIN", "ada"), ("WHERE", "lab-x")];
        assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        assert!(notices.is_empty(), "{notices:?}");
    }

    #[test]
    fn a_variable_without_a_value_is_told_unless_it_may_be_missing() {
        let optional = EnvReference { is_optional: true, ..reference("X", secret_key("gone", "user")) };
        let references = [
            reference("A", secret_key("gone", "user")),
            reference("B", secret_key("db", "none")),
            reference("", EnvSource::ConfigMap { name: "all".to_owned() }),
            reference("C", EnvSource::Other { key: "resourceFieldRef".to_owned() }),
            optional,
        ];
        let (values, notices) = resolve(&references, &objects(), "lab-x");
        assert!(values.is_empty());
        let told: Vec<&str> = notices.iter().map(|notice| notice.message.as_str()).collect();
        assert_eq!(
            told,
            [
                "The variable A of the lab has no value: the secret gone is not in this session.",
                "The variable B of the lab has no value: the secret db has no entry none.",
                "Some variables of the lab have no value: the config map all is not in this session.",
                "The variable C of the lab has no value: values of the kind resourceFieldRef are not read.",
            ]
        );
    }

    #[test]
    fn values_that_are_too_large_are_not_taken() {
        let mut objects = objects();
        let large = Values::from([("big".to_owned(), "x".repeat(MAX_BYTES + 1))]);
        objects.insert((Holder::Secret, "large".to_owned()), Some(large));
        let (values, notices) = resolve(&[reference("L", secret_key("large", "big"))], &objects, "lab-x");
        assert!(values.is_empty() && notices.len() == 1);
    }
}
