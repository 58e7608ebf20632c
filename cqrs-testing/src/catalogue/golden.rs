//! The stored events of a file, for other tests than the catalogue's own.

use std::path::Path;

use super::{
    file::File,
    line::{Lines, Payload},
};

/// An event as it was stored.
#[derive(Debug)]
pub(crate) struct Golden {
    pub(crate) event_type: String,
    pub(crate) schema_version: u32,
    pub(crate) payload: String,
}

/// All events of a category, each once.
///
/// # Errors
/// When the file has none, or cannot be read.
pub(crate) fn golden(path: &Path, category: &str) -> Result<Vec<Golden>, String> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let file = File::read(folder, &name)?;
    let lines = Lines::of(category, &file.lines);
    let mut events: Vec<_> = lines
        .events()
        .map(|(line, payload, _)| (&line.key, payload))
        .collect();
    // Several lines may say what one event was read as.
    events.dedup();
    if events.is_empty() {
        return Err(format!(
            "{} has no events of the category `{category}`.\n  Correct the path, which begins at the crate, or list the enum in the test \
             with `catalogue!` first: it writes the file.",
            path.display()
        ));
    }
    let golden = |(key, Payload { text, .. }): (&super::key::Key, &Payload)| Golden {
        event_type: key.event_type.clone(),
        schema_version: key.schema_version,
        payload: text.clone(),
    };
    Ok(events.into_iter().map(golden).collect())
}
