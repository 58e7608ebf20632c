//! The texts of the folder `sql`, completed for the schema of a store.

pub(crate) mod statements;

/// A file of the folder.
#[derive(Debug)]
pub(crate) struct SqlFile {
    /// Below `sql/`.
    pub(crate) path: &'static str,
    pub(crate) text: &'static str,
}

/// The text of a file below `sql/`.
macro_rules! sql_text {
    ($path:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $path))
    };
}
pub(crate) use sql_text;

/// Files below `sql/`.
macro_rules! sql_files {
    ($($path:literal),+ $(,)?) => {
        &[$($crate::sql::SqlFile { path: $path, text: $crate::sql::sql_text!($path) }),+]
    };
}
pub(crate) use sql_files;

/// Texts that several others share: the file `name.sql` replaces `__name__` in another text.
const FRAGMENTS: &[SqlFile] = sql_files![
    "fragments/prologue.sql",
    "fragments/fence.sql",
    "fragments/event_arguments.sql",
    "fragments/event_columns.sql",
    "fragments/event_values.sql",
    "fragments/event_rows.sql",
    "fragments/try_guards.sql",
    "fragments/whole_event.sql",
    "fragments/replayed_event.sql",
];

impl SqlFile {
    /// The name of the file without its folder and ending.
    pub(crate) fn name(&self) -> &'static str {
        let file = self.path.rsplit('/').next().unwrap_or(self.path);
        file.strip_suffix(".sql").unwrap_or(file)
    }
}

/// The text with the fragments that it names, and with this schema in place of `__schema__` (quoted) and `__schema_name__`.
pub(crate) fn complete(text: &str, schema: &str) -> String {
    let whole = FRAGMENTS.iter().fold(text.to_owned(), |text, fragment| {
        insert(&text, &format!("__{}__", fragment.name()), fragment.text)
    });
    // Nothing is replaced within the schema's name.
    let quoted = format!("\"{schema}\"");
    let parts = whole.split("__schema_name__");
    let parts: Vec<_> = parts
        .map(|part| part.replace("__schema__", &quoted))
        .collect();
    parts.join(schema)
}

/// The text on one line and without comments, which a statement would send with every call.
///
/// For our own statements only: a comment begins its line there, and no line ends within a string.
pub(crate) fn on_one_line(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let lines: Vec<_> = lines
        .into_iter()
        .filter(|line| !line.is_empty() && !line.starts_with("--"))
        .collect();
    lines.join(" ")
}

/// Puts a fragment in place of its marker, without the comment at its head and indented like the line of the marker.
fn insert(text: &str, marker: &str, fragment: &str) -> String {
    if !text.contains(marker) {
        return text.to_owned();
    }
    let body = fragment.lines().skip_while(|line| line.starts_with("--"));
    let body: Vec<_> = body.collect();
    let line = |line: &str| {
        let indentation = line.len() - line.trim_start().len();
        let body = body.join(&format!("\n{}", &line[..indentation]));
        line.replace(marker, &body) + "\n"
    };
    text.lines().map(line).collect()
}

#[cfg(test)]
mod tests;
