//! Finds the crates of the workspace in a manifest.

/// The dependencies that begin with `cqrs-`, including those of tests.
pub(crate) fn dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines() {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.contains("dependencies");
            continue;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        if inside && name.starts_with("cqrs-") {
            found.push(name.to_owned());
        }
    }
    found
}
