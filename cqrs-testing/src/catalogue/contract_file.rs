//! The file of a consumer: what it reads of other services' events.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde::{Deserialize, Serialize};

use super::{file::is_mark, reads::Reads, settings::VARIABLE};

/// What a consumer reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Contract {
    pub(super) consumer: String,
    pub(super) reads: Vec<CategoryReads>,
}

/// What a consumer reads of a category.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CategoryReads {
    pub(super) category: String,
    /// It parks the streams with an event type that it does not know, and waits in front of a newer schema version.
    pub(super) every_type: bool,
    pub(super) types: BTreeMap<String, TypeReads>,
    /// Event types of which it reads older events through its own upcasters.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) upcasts: BTreeSet<String>,
    /// Event types that it does not need.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) ignores: BTreeSet<String>,
}

/// What a consumer reads of an event type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TypeReads {
    /// Older events go through the consumer's own upcasters first.
    pub(super) schema_version: u32,
    pub(super) payload: Reads,
}

impl Contract {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| {
            format!(
                "{} is no contract of a consumer: {error}.\n  Run the test of the consumer with `{VARIABLE}=accept`: it writes the file. \
                 Then copy it here.",
                path.display()
            )
        };
        let text = fs::read_to_string(path).map_err(|error| wrong(&error))?;
        if text.lines().any(is_mark) {
            return Err(format!(
                "{} has the marks of a merge conflict.\n  Run the test of the consumer with `{VARIABLE}=accept`: it writes the file.",
                path.display()
            ));
        }
        serde_json::from_str(&text).map_err(|error| wrong(&error))
    }

    pub(super) fn text(&self) -> String {
        let text = serde_json::to_string_pretty(self).expect("kinds and names are JSON");
        format!("{text}\n")
    }
}
