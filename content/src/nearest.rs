//! Guessing which name an author meant.

/// Returns the name that was probably meant. Returns `None` if none is close enough.
pub(crate) fn nearest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    names
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, _)| *distance <= 1 + name.chars().count() / 5)
        .min()
        .map(|(_, known)| known)
}
