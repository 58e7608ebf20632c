//! Whether samples have every part that the code knows. What no sample shows could change unnoticed.

use std::collections::HashSet;

use cqrs_shape::{Shape, Step};
use serde_json::{Map, Value, json};

use super::{
    making::{Aliases, Place},
    walk::{Segment, get, replace, spots},
};

/// What a payload is read as and written again, or why it is not read.
pub(super) type Read<'a> = dyn Fn(&Value) -> Result<Value, String> + 'a;

/// Finds the parts of a shape that no sample has, and the other names of fields.
pub(super) fn missing(shape: &Shape, samples: &[Value], read: &Read<'_>) -> (Vec<String>, Aliases) {
    let places = samples.iter().flat_map(|sample| spots(shape, sample));
    let mut found = Missing {
        samples,
        read,
        root: shape,
        seen: places.map(|spot| Place::from(spot.shape)).collect(),
        aliases: Aliases::default(),
        missing: Vec::new(),
    };
    found.inside(shape, "");
    (found.missing, found.aliases)
}

struct Missing<'a> {
    samples: &'a [Value],
    read: &'a Read<'a>,
    root: &'a Shape,
    seen: HashSet<Place>,
    aliases: Aliases,
    missing: Vec<String>,
}

impl Missing<'_> {
    /// Visits the parts of a place that a sample has.
    fn inside(&mut self, shape: &Shape, path: &str) {
        for (step, part) in &shape.parts {
            let path = match step {
                Step::Field(name) if path.is_empty() => (*name).to_owned(),
                Step::Field(name) => format!("{path}.{name}"),
                Step::Variant(name) => format!("{path}::{name}"),
                Step::Element(index) => format!("{path}.{index}"),
                Step::Item => format!("{path}[]"),
                Step::Value => format!("{path}{{}}"),
                _ => path.to_owned(),
            };
            if self.is_seen(shape, *step, part) {
                self.inside(part, &path);
                continue;
            }
            let is_missing = match step {
                Step::Field(name) => {
                    !self.is_alias(shape, part, name) && self.is_written(shape, name)
                }
                Step::Variant(name) => self.is_variant(shape, name),
                Step::Content | Step::Item => true,
                // A map that is a struct with a flattened field has fields instead.
                Step::Value => shape.parts.len() == 2,
                _ => false,
            };
            if is_missing {
                self.missing.push(if matches!(step, Step::Content) {
                    format!("a value of `{path}`")
                } else {
                    format!("`{path}`")
                });
            }
        }
    }

    /// A variant without content is a text, which has no part.
    fn is_seen(&self, shape: &Shape, step: Step, part: &Shape) -> bool {
        let Step::Variant(name) = step else {
            return self.seen.contains(&Place::from(part));
        };
        self.seen.contains(&Place::from(part))
            || self
                .at(shape)
                .any(|(_, _, value)| value.as_str() == Some(name))
    }

    /// Where samples have this place: the sample, the path, and the value.
    fn at<'s>(
        &'s self,
        shape: &'s Shape,
    ) -> impl Iterator<Item = (&'s Value, Vec<Segment>, &'s Value)> {
        self.samples.iter().flat_map(move |sample| {
            let own = spots(self.root, sample).into_iter();
            let own = own.filter(move |spot| std::ptr::eq(spot.shape, shape));
            own.filter_map(move |spot| {
                let value = get(sample, &spot.path)?;
                Some((sample, spot.path, value))
            })
        })
    }

    /// Whether the type says that it has the field already, by another name.
    fn is_alias(&mut self, shape: &Shape, part: &Shape, name: &str) -> bool {
        let mut found = None;
        for (sample, path, value) in self.at(shape) {
            let Value::Object(fields) = value else {
                continue;
            };
            for (other, content) in fields {
                let mut both = fields.clone();
                both.insert(name.to_owned(), content.clone());
                let mut changed = sample.clone();
                replace(&mut changed, &path, Value::Object(both));
                let duplicate = format!("duplicate field `{other}`");
                if (self.read)(&changed).is_err_and(|error| error.contains(&duplicate)) {
                    found = shape.parts.iter().find_map(|(step, _)| match step {
                        Step::Field(own) if own == other => Some(*own),
                        _ => None,
                    });
                }
            }
        }
        found.is_some_and(|other| self.aliases.insert(part, other).is_none())
    }

    /// Whether the type writes the field, as far as it can be seen. Nobody can give a sample of a field that is only read.
    fn is_written(&self, shape: &Shape, name: &str) -> bool {
        let likely = [
            json!(1),
            json!("a"),
            json!(true),
            json!(-0.5),
            json!([1]),
            json!(["a"]),
        ];
        let mut only_read = false;
        for (sample, path, value) in self.at(shape) {
            let Value::Object(fields) = value else {
                continue;
            };
            for value in &likely {
                let mut more = fields.clone();
                more.insert(name.to_owned(), value.clone());
                let mut changed = sample.clone();
                replace(&mut changed, &path, Value::Object(more));
                if let Ok(written) = (self.read)(&changed) {
                    let fields = get(&written, &path).and_then(Value::as_object);
                    if fields.is_some_and(|fields| fields.contains_key(name)) {
                        return true;
                    }
                    only_read = true;
                }
            }
        }
        !only_read
    }

    /// Whether it is a variant of its own, and not another name of one.
    fn is_variant(&self, shape: &Shape, name: &str) -> bool {
        let mut is_alias = false;
        for (sample, path, value) in self.at(shape) {
            let renamed = match value {
                Value::Object(content) => {
                    let content = content.values().next().cloned().unwrap_or_default();
                    Value::Object(Map::from_iter([(name.to_owned(), content)]))
                }
                _ => name.into(),
            };
            let mut changed = sample.clone();
            replace(&mut changed, &path, renamed.clone());
            is_alias |= (self.read)(&changed).is_ok_and(|written| {
                get(&written, &path).is_some_and(|now| *now != renamed && now == value)
            });
        }
        !is_alias
    }
}
