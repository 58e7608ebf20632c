//! A range of the keys of a view's documents.

/// A range of the keys of a view's documents, in the order of their bytes. So keys that are made of parts (`ann/2026-03`) can
/// be searched by their first part, and numbers and times if they are written with leading zeros.
///
/// ```
/// use cqrs_core::model::KeyRange;
///
/// let of_ann = KeyRange::prefix("ann/");
/// assert!(of_ann.contains("ann/2026-03") && !of_ann.contains("anna/2026-03"));
///
/// let spring = KeyRange::between("ann/2026-03", "ann/2026-06");
/// assert!(spring.contains("ann/2026-05-31") && !spring.contains("ann/2026-06"));
///
/// // The next page.
/// assert!(!of_ann.after("ann/2026-03").contains("ann/2026-03"));
/// ```
// **Invariant**: no bound contains a NUL character, which no key has and no database accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRange {
    start: String,
    includes_start: bool,
    end: Option<String>,
}

impl KeyRange {
    /// All keys.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            start: String::new(),
            includes_start: true,
            end: None,
        }
    }

    /// The keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: impl AsRef<str>) -> Self {
        let prefix = prefix.as_ref();
        match successor(prefix) {
            Some(before) => Self::between(prefix, before),
            None => Self::all().starting_at(prefix),
        }
    }

    /// The keys from `from` to before `before`; none if `from` is not below `before`.
    #[must_use]
    pub fn between(from: impl AsRef<str>, before: impl AsRef<str>) -> Self {
        let before = before.as_ref();
        // A key without NUL is below "a\0b" if it is below "a\u{1}".
        let before = match before.split_once('\0') {
            Some((start, _)) => format!("{start}\u{1}"),
            None => before.to_owned(),
        };
        Self {
            end: Some(before),
            ..Self::all().starting_at(from.as_ref())
        }
    }

    /// The keys of this range that are greater than `key`: what follows a page that ended with it.
    #[must_use]
    pub fn after(self, key: impl AsRef<str>) -> Self {
        // A key without NUL is above "a\0b" if it is above "a".
        let (key, _) = cut(key.as_ref());
        if key < self.start.as_str() {
            return self;
        }
        Self {
            start: key.to_owned(),
            includes_start: false,
            ..self
        }
    }

    /// Where the range starts. The empty text is below all others.
    #[must_use]
    pub fn start(&self) -> &str {
        &self.start
    }

    /// Whether [`start`](Self::start) itself is part of the range.
    #[must_use]
    pub const fn includes_start(&self) -> bool {
        self.includes_start
    }

    /// Where the range ends, itself not part of it; `None`: with the last key.
    #[must_use]
    pub fn end(&self) -> Option<&str> {
        self.end.as_deref()
    }

    /// Whether the range has this key.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        let starts = key > self.start() || self.includes_start && key == self.start;
        starts && self.end().is_none_or(|end| key < end)
    }

    fn starting_at(self, from: &str) -> Self {
        let (from, whole) = cut(from);
        Self {
            start: from.to_owned(),
            includes_start: whole,
            ..self
        }
    }
}

/// The text before its first NUL, and whether that is all.
fn cut(text: &str) -> (&str, bool) {
    match text.split_once('\0') {
        Some((start, _)) => (start, false),
        None => (text, true),
    }
}

/// The lowest text above all that begin with `prefix`. `None`: there is none.
fn successor(prefix: &str) -> Option<String> {
    let mut start = prefix.to_owned();
    while let Some(last) = start.pop() {
        // Skips surrogates. The order of characters is that of their bytes.
        if let Some(next) = (last..=char::MAX).nth(1) {
            start.push(next);
            return Some(start);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Texts whose characters lie at the edges of UTF-8, and NUL, which only bounds may have.
    fn text(characters: &'static str) -> impl Strategy<Value = String> {
        let character = prop::sample::select(Vec::from_iter(characters.chars()));
        prop::collection::vec(character, 0..4).prop_map(String::from_iter)
    }

    fn key() -> impl Strategy<Value = String> {
        text("\u{1}ab\u{7f}\u{80}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}")
    }

    fn bound() -> impl Strategy<Value = String> {
        text("\0\u{1}ab\u{7f}\u{80}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{10ffff}")
    }

    proptest! {
        #[test]
        fn a_range_has_the_keys_that_it_names(
            key in key(), from in bound(), before in bound(), last in bound(),
        ) {
            let prefix = KeyRange::prefix(&from);
            prop_assert_eq!(prefix.contains(&key), key.starts_with(&from));
            let between = KeyRange::between(&from, &before);
            let is_between = key >= from && key < before;
            prop_assert_eq!(between.contains(&key), is_between);
            for (range, is_in) in [(prefix, key.starts_with(&from)), (between, is_between)] {
                let after = range.after(&last);
                prop_assert_eq!(after.contains(&key), is_in && key > last);
            }
            prop_assert!(KeyRange::all().contains(&key));
        }

        #[test]
        fn no_bound_has_a_nul(from in bound(), before in bound(), last in bound()) {
            for range in [
                KeyRange::prefix(&from),
                KeyRange::between(&from, &before),
                KeyRange::all().after(&last),
            ] {
                let texts = [Some(&range.start), range.end.as_ref()];
                prop_assert!(texts.into_iter().flatten().all(|text| !text.contains('\0')));
            }
        }
    }
}
