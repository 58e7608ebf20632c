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
    /// The sections: `crates`, one for each crate, and `known`.
    sections: BTreeMap<String, Allowed>,
}

impl Rules {
    /// The rules in the file at `path`.
    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text =
            fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text)
    }

    /// The rules in `text`: sections at the margin, indented lines `name: name name` in them.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Self::default();
        let mut current = None;
        for line in text.lines() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if !line.starts_with(' ') {
                let section = rules.sections.entry(line.trim().to_owned());
                current = Some(section.or_default());
                continue;
            }
            let section = current
                .as_mut()
                .ok_or_else(|| format!("{line:?} is in no section"))?;
            let (name, imports) = line.split_once(": ").unwrap_or((line, ""));
            let imports = imports.split_whitespace().map(str::to_owned);
            section
                .entry(name.trim().to_owned())
                .or_default()
                .extend(imports);
        }
        Ok(rules)
    }

    /// The crates to check.
    pub(crate) fn crates(&self) -> Vec<String> {
        self.between_crates().keys().cloned().collect()
    }

    /// The allowed dependencies between crates.
    pub(crate) fn between_crates(&self) -> Allowed {
        self.section("crates")
    }

    /// The layers of a crate; empty when it has none.
    pub(crate) fn layers(&self, name: &str) -> Allowed {
        self.section(name)
    }

    /// Arrows that do not count in cycles: `crate::parent::from` to its sibling `to`.
    pub(crate) fn known(&self) -> Allowed {
        self.section("known")
    }

    fn section(&self, name: &str) -> Allowed {
        self.sections.get(name).cloned().unwrap_or_default()
    }
}
