//! Names of a session's objects, generated at random and never from text that a user typed.

use lectern_api::ids::{LabSlug, SessionId};
use serde::{Deserialize, Serialize};

/// Limit on the lab's part of a namespace's name.
const SLUG_PART_LEN: usize = 20;

/// The prefix of every session namespace's name; the admission guard relies on it.
pub const NAMESPACE_PREFIX: &str = "lab-";

/// The names of a session's objects. They are generated once and stored with the session, because they cannot be
/// derived.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionNames {
    pub session: SessionId,
    /// The learner's main namespace.
    pub namespace: String,
    /// The learner's further namespaces, if the lab has any.
    #[serde(default)]
    pub secondary: Vec<String>,
    /// The workbench pod, in the namespace of all workbenches.
    pub workbench: String,
}

impl SessionNames {
    /// Returns the learner's namespaces, the main one first.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.namespace).chain(&self.secondary).map(String::as_str)
    }

    /// Generates unguessable names for a session. The lab's slug is part of them only to help people recognise them.
    #[must_use]
    pub fn generate(session: SessionId, lab: &LabSlug) -> Self {
        let slug = lab.as_str();
        let slug = slug.get(..SLUG_PART_LEN).unwrap_or(slug).trim_end_matches('-');
        Self {
            session,
            namespace: format!("{NAMESPACE_PREFIX}{slug}-{}", random_base32(10)),
            secondary: Vec::new(),
            workbench: workbench_name(),
        }
    }

    /// Returns the names with a new one for the workbench. A replacement never reuses the old name, because the
    /// kubelet may still use it for the old pod.
    #[must_use]
    pub fn with_new_workbench(self) -> Self {
        Self { workbench: workbench_name(), ..self }
    }
}

fn workbench_name() -> String {
    format!("wb-{}", random_base32(16))
}

/// Returns `len` characters of `a-z2-7` from the thread's cryptographic generator, 5 bits each; `len` is at most 25.
pub(super) fn random_base32(len: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bits: u128 = rand::random();
    (0..len)
        .map(|_| {
            let index = (bits & 31) as usize;
            bits >>= 5;
            char::from(ALPHABET[index])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_never_the_same_twice() {
        let session = SessionId::new();
        let slug: LabSlug = "a-very-long-lab-name-that-goes-on-and-on".parse().unwrap();
        let one = SessionNames::generate(session, &slug);
        let two = SessionNames::generate(session, &slug);
        assert_ne!(one.namespace, two.namespace);
        assert_ne!(one.workbench, two.workbench);
        for name in [&one.namespace, &one.workbench] {
            assert!(name.len() <= 63, "{name}");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{name}"
            );
        }
        assert!(one.namespace.starts_with("lab-a-very-long-lab-name-"), "{}", one.namespace);
    }

    #[test]
    fn random_parts_use_the_whole_alphabet() {
        let seen: std::collections::BTreeSet<char> =
            (0..100).flat_map(|_| random_base32(25).chars().collect::<Vec<_>>()).collect();
        assert_eq!(seen.len(), 32);
    }
}
