//! Environment variables whose values stand elsewhere: `env[].valueFrom` and `envFrom`.

use super::Reader;
use crate::spec::{EnvReference, EnvSource};
use crate::yaml::{Fields, Node};

impl Reader {
    /// Reads all references; `env` are the single variables. Those of `envFrom` come first: a variable that is named by
    /// itself overrides them.
    pub(super) fn env_references(&mut self, session: &Fields<'_>, env: &[Fields<'_>]) -> Vec<EnvReference> {
        let whole = session.children("envFrom", &mut self.findings);
        let mut found: Vec<_> = whole.iter().filter_map(|entry| self.whole_object(entry)).collect();
        found.extend(env.iter().filter_map(|entry| self.single_value(entry)));
        found
    }

    fn whole_object(&mut self, entry: &Fields<'_>) -> Option<EnvReference> {
        let prefix = self.text(entry, "prefix").unwrap_or_default();
        for (key, is_secret) in [("secretRef", true), ("configMapRef", false)] {
            if entry.node(key).is_some() {
                let object = entry.child(key, &mut self.findings);
                let name = self.text(&object, "name")?;
                let source =
                    if is_secret { EnvSource::Secret { name } } else { EnvSource::ConfigMap { name } };
                let is_optional = self.flag(&object, "optional").unwrap_or(false);
                return Some(EnvReference { name: prefix, source, is_optional });
            }
        }
        None
    }

    fn single_value(&mut self, entry: &Fields<'_>) -> Option<EnvReference> {
        let first = entry.node("valueFrom").map(Node::entries)?.first().map(|(key, _)| key.text.clone())?;
        if entry.node("value").is_some() {
            return None;
        }
        let name = self.text(entry, "name")?;
        let from = entry.child("valueFrom", &mut self.findings);
        let object = from.child(&first, &mut self.findings);
        let mut text = |key| self.text(&object, key);
        let source = match first.as_str() {
            "secretKeyRef" => EnvSource::SecretKey { name: text("name")?, key: text("key")? },
            "configMapKeyRef" => EnvSource::ConfigMapKey { name: text("name")?, key: text("key")? },
            "fieldRef" => EnvSource::Field { path: text("fieldPath")? },
            _ => EnvSource::Other { key: first },
        };
        let is_optional = self.flag(&object, "optional").unwrap_or(false);
        Some(EnvReference { name, source, is_optional })
    }
}
