//! The list of allowed imports.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// The allowed imports of each module or crate, by name.
pub(crate) type Allowed = BTreeMap<String, BTreeSet<String>>;

/// The content of `allowed.txt`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rules {
    /// The sections: `crates`, `tests`, one for each crate with layers, and `known`.
    sections: BTreeMap<String, Allowed>,
}

const CRATES: &str = "crates";
const TESTS: &str = "tests";
const KNOWN: &str = "known";

impl Rules {
    /// The rules in the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text)
    }

    /// The rules in `text`: sections at the margin, indented lines `name: name name` in them. Where the lines are layers, a
    /// line can name only those above it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Self::default();
        let mut current = None;
        let mut layers = false;
        for line in text.lines() {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            if !line.starts_with(' ') {
                let section = rules.sections.entry(line.trim().to_owned());
                current = Some(section.or_default());
                layers = !matches!(line.trim(), TESTS | KNOWN);
                continue;
            }
            let section = current
                .as_mut()
                .ok_or_else(|| format!("{line:?} is in no section"))?;
            let (name, imports) = line.split_once(": ").unwrap_or((line, ""));
            let imports: Vec<_> = imports.split_whitespace().map(str::to_owned).collect();
            if let Some(import) = imports
                .iter()
                .find(|name| layers && !section.contains_key(*name))
            {
                return Err(format!("{line:?}: no line above it lists {import}"));
            }
            section
                .entry(name.trim().to_owned())
                .or_default()
                .extend(imports);
        }
        Ok(rules)
    }

    /// The allowed dependencies of product code.
    pub(crate) fn between_crates(&self) -> Allowed {
        self.section(CRATES)
    }

    /// The allowed dependencies of tests: those of product code, and more.
    pub(crate) fn of_tests(&self) -> Allowed {
        let mut allowed = self.between_crates();
        for (name, more) in self.section(TESTS) {
            allowed.entry(name).or_default().extend(more);
        }
        allowed
    }

    /// The crates that have layers.
    pub(crate) fn layered(&self) -> impl Iterator<Item = &str> {
        let names = self.sections.keys().map(String::as_str);
        names.filter(|name| !matches!(*name, CRATES | TESTS | KNOWN))
    }

    /// The layers of a crate; empty when it has none.
    pub(crate) fn layers(&self, name: &str) -> Allowed {
        self.section(name)
    }

    /// Arrows that do not count in cycles: `crate::parent::from` to its sibling `to`.
    pub(crate) fn known(&self) -> Allowed {
        self.section(KNOWN)
    }

    fn section(&self, name: &str) -> Allowed {
        self.sections.get(name).cloned().unwrap_or_default()
    }
}
