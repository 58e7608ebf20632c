//! What a reader reads of an event, in the form in which files hold it.

use std::collections::BTreeMap;

use cqrs_shape::{Kind, Shape, Step};
use serde::{Deserialize, Serialize};

use super::{
    making::{Aliases, Place},
    optional::Findings,
};

/// What a reader reads at a place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reads {
    /// The content, or null.
    Option(Box<Self>),
    Seq(Box<Self>),
    Tuple(Vec<Self>),
    /// A map from texts, by its values.
    Map(Box<Self>),
    /// A map with other keys: keys and values.
    Entries(Box<(Self, Self)>),
    Struct(BTreeMap<String, Field>),
    Enum(Variants),
    /// A value without parts, by its kind: `u64`, `string` and so on. `any` reads everything.
    #[serde(untagged)]
    Leaf(String),
}

/// What a reader reads of a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Field {
    pub(super) reads: Reads,
    /// Reading fails without it.
    pub(super) required: bool,
    /// Its other names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) aliases: Vec<String>,
}

/// The variants that a reader knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Variants {
    pub(super) variants: BTreeMap<String, Reads>,
    /// It reads others, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) open: bool,
}

impl Reads {
    pub(super) const ANY: &str = "any";

    pub(super) fn describe(shape: &Shape, findings: &Findings, aliases: &Aliases) -> Self {
        let describe = |part: &Shape| Self::describe(part, findings, aliases);
        let part = |step| Box::new(shape.part(step).map_or_else(Self::any, describe));
        match shape.kind {
            Kind::Leaf(kind) => Self::Leaf(kind.to_owned()),
            Kind::Option => Self::Option(part(Step::Content)),
            Kind::Seq => Self::Seq(part(Step::Item)),
            // The shape of a long array has its first elements alone.
            Kind::Tuple(len) if len > shape.parts.len() => {
                let last = shape.parts.last();
                Self::Seq(Box::new(
                    last.map_or_else(Self::any, |(_, it)| describe(it)),
                ))
            }
            Kind::Tuple(_) => Self::Tuple(shape.parts.iter().map(|(_, it)| describe(it)).collect()),
            Kind::Map if shape.parts.iter().all(|(step, _)| !is_field(*step)) => {
                match *part(Step::Key) {
                    Self::Leaf(kind) if [Self::ANY, "string"].contains(&kind.as_str()) => {
                        Self::Map(part(Step::Value))
                    }
                    key => Self::Entries(Box::new((key, *part(Step::Value)))),
                }
            }
            Kind::Struct | Kind::Map => {
                let mut fields = BTreeMap::new();
                for (step, part) in &shape.parts {
                    let place = Place::from(part);
                    if let Step::Field(name) = *step
                        && !aliases.contains_key(&place)
                    {
                        let required = findings.required.get(&place).copied().unwrap_or_default();
                        let aliases = other_names(shape, name, aliases);
                        let reads = describe(part);
                        let field = Field {
                            reads,
                            required,
                            aliases,
                        };
                        fields.insert(name.to_owned(), field);
                    }
                }
                Self::Struct(fields)
            }
            Kind::Enum => {
                let variants = shape.parts.iter().filter_map(|(step, part)| match *step {
                    Step::Variant(name) => Some((name.to_owned(), describe(part))),
                    _ => None,
                });
                let variants = variants.collect();
                let open = findings.open.contains(&Place::from(shape));
                Self::Enum(Variants { variants, open })
            }
            _ => Self::any(),
        }
    }

    pub(super) fn any() -> Self {
        Self::Leaf(Self::ANY.to_owned())
    }
}

fn is_field(step: Step) -> bool {
    matches!(step, Step::Field(_))
}

fn other_names(shape: &Shape, field: &str, aliases: &Aliases) -> Vec<String> {
    let parts = shape.parts.iter();
    let others = parts.filter_map(|(step, part)| match *step {
        Step::Field(name)
            if aliases
                .get(&Place::from(part))
                .is_some_and(|of| *of == field) =>
        {
            Some(name.to_owned())
        }
        _ => None,
    });
    others.collect()
}
