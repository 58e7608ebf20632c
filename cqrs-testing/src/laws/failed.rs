//! Why a role gave nothing to compare.

/// Why there are no documents, or no commands.
#[derive(Debug)]
pub(super) enum Failed {
    Panicked(String),
    Error(String),
}

/// Both results, unless one of them failed. Nothing if it panicked: that breaks another law.
pub(super) fn both<'a, T>(
    expected: &'a Result<T, Failed>,
    actual: &'a Result<T, Failed>,
) -> Result<Option<(&'a T, &'a T)>, String> {
    match (expected, actual) {
        (Ok(expected), Ok(actual)) => Ok(Some((expected, actual))),
        (Err(Failed::Panicked(_)), _) | (_, Err(Failed::Panicked(_))) => Ok(None),
        (Err(Failed::Error(error)), _) | (_, Err(Failed::Error(error))) => Err(error.clone()),
    }
}
