//! What became of the fields of an event that was read before: kept, lost, changed or gained.

use cqrs_shape::{Kind, Shape, Step};
use serde_json::{Map, Value};

use super::walk::{Segment, named, replace};

/// What became of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It would be lost.
    Lost { field: String, path: Vec<Segment> },
    /// It would have another value.
    Changed {
        field: String,
        path: Vec<Segment>,
        from: String,
        to: String,
        /// It is a variant.
        variant: bool,
    },
    /// It is new, or has another name.
    Gained { field: String, path: Vec<Segment> },
}

impl Change {
    /// The field, and what became of it, in a word.
    pub(super) fn topic(&self) -> String {
        match self {
            Self::Lost { field, .. } => format!("{field} lost"),
            Self::Changed { field, .. } => format!("{field} changed"),
            Self::Gained { field, .. } => format!("{field} gained"),
        }
    }
}

/// What a payload of the newest shape is read as, or why it is not read.
pub(super) type Read<'a> = dyn Fn(&Value) -> Result<Value, String> + 'a;

/// Compares what an event was read as with what it is read as now. `shape` is that of the code, which `read` asks for aliases.
pub(super) fn changes(
    shape: Option<&Shape>,
    before: &Value,
    now: &Value,
    read: &Read<'_>,
) -> Vec<Change> {
    let mut comparison = Comparison {
        now,
        read,
        path: Vec::new(),
        changes: Vec::new(),
    };
    comparison.compare(shape, before, now);
    comparison.changes
}

struct Comparison<'a> {
    /// The whole.
    now: &'a Value,
    read: &'a Read<'a>,
    path: Vec<Segment>,
    changes: Vec<Change>,
}

impl Comparison<'_> {
    fn compare(&mut self, shape: Option<&Shape>, before: &Value, now: &Value) {
        let shape = shape.map(content);
        match (before, now) {
            (Value::Object(before), Value::Object(now)) => self.fields(shape, before, now),
            (Value::Array(before), Value::Array(now)) if before.len() == now.len() => {
                for (index, (old, new)) in before.iter().zip(now).enumerate() {
                    let item = shape.and_then(|shape| element(shape, index));
                    self.inside(Segment::Index(index), item, old, new);
                }
            }
            // An event without fields has got some, or says in the other way that it has none.
            (Value::Null, Value::Object(now)) if self.path.is_empty() => {
                now.keys().for_each(|name| self.gained(name));
            }
            (Value::Object(before), Value::Null) if self.path.is_empty() && before.is_empty() => {}
            (before, now) if before == now => {}
            (Value::String(_), Value::String(_)) if self.is_other_name(shape, before) => {}
            (before, now) => {
                self.changes.push(Change::Changed {
                    field: self.field(None),
                    path: self.path.clone(),
                    from: before.to_string(),
                    to: now.to_string(),
                    variant: is_enum(shape),
                });
            }
        }
    }

    fn fields(
        &mut self,
        shape: Option<&Shape>,
        before: &Map<String, Value>,
        now: &Map<String, Value>,
    ) {
        for (name, old) in before {
            let own = now.get_key_value(name);
            match own.or_else(|| self.by_another_name(shape, name, before, now)) {
                Some((name, new)) => {
                    let part = shape.and_then(|shape| shape.part(named(shape, name)?));
                    self.inside(Segment::Name(name.clone()), part, old, new);
                }
                None => {
                    let (field, path) = (self.field(Some(name)), self.to(name));
                    self.changes.push(Change::Lost { field, path });
                }
            }
        }
        let new = now.keys().filter(|name| !before.contains_key(*name));
        new.for_each(|name| self.gained(name));
    }

    fn inside(&mut self, segment: Segment, shape: Option<&Shape>, before: &Value, now: &Value) {
        self.path.push(segment);
        self.compare(shape, before, now);
        self.path.pop();
    }

    /// The field or variant of which this name is an alias.
    fn by_another_name<'v>(
        &self,
        shape: Option<&Shape>,
        name: &str,
        before: &Map<String, Value>,
        now: &'v Map<String, Value>,
    ) -> Option<(&'v String, &'v Value)> {
        let is_enum = is_enum(shape);
        let new = now.iter().filter(|(name, _)| !before.contains_key(*name));
        new.into_iter().find(|(other, value)| {
            let value = (*value).clone();
            if is_enum {
                if !has_variant(shape, name) {
                    return false;
                }
                let renamed = Map::from_iter([(name.to_owned(), value)]);
                return self.reads_as_now(Value::Object(renamed));
            }
            // The field cannot come twice: this is how the type says that both names are one field.
            let mut both = now.clone();
            both.insert(name.to_owned(), value);
            let duplicate = format!("duplicate field `{other}`");
            let read = (self.read)(&self.with(Value::Object(both)));
            read.is_err_and(|reason| reason.contains(&duplicate))
        })
    }

    fn is_other_name(&self, shape: Option<&Shape>, name: &Value) -> bool {
        let known = name.as_str().is_some_and(|name| has_variant(shape, name));
        known && self.reads_as_now(name.clone())
    }

    /// Whether the type reads this part as the one that is there, and that one as itself.
    fn reads_as_now(&self, part: Value) -> bool {
        [&self.with(part), self.now]
            .iter()
            .all(|whole| (self.read)(whole).is_ok_and(|read| read == *self.now))
    }

    /// The whole with another part at this place.
    fn with(&self, part: Value) -> Value {
        let mut whole = self.now.clone();
        replace(&mut whole, &self.path, part);
        whole
    }

    fn gained(&mut self, name: &str) {
        let (field, path) = (self.field(Some(name)), self.to(name));
        self.changes.push(Change::Gained { field, path });
    }

    fn to(&self, name: &str) -> Vec<Segment> {
        let last = Segment::Name(name.to_owned());
        self.path.iter().cloned().chain([last]).collect()
    }

    fn field(&self, name: Option<&str>) -> String {
        name.map_or_else(|| joined(&self.path), |name| joined(&self.to(name)))
    }
}

/// `lines.0.sku`.
pub(super) fn joined(path: &[Segment]) -> String {
    let segments = path.iter().map(|segment| match segment {
        Segment::Name(name) => name.clone(),
        Segment::Index(index) => index.to_string(),
    });
    segments.collect::<Vec<_>>().join(".")
}

fn content(shape: &Shape) -> &Shape {
    match (shape.kind, shape.part(Step::Content)) {
        (Kind::Option, Some(inner)) => content(inner),
        _ => shape,
    }
}

fn is_enum(shape: Option<&Shape>) -> bool {
    shape.is_some_and(|shape| shape.kind == Kind::Enum)
}

/// Whether the enum has a variant of this name, or with this alias. `#[serde(other)]` reads names that it does not have.
fn has_variant(shape: Option<&Shape>, name: &str) -> bool {
    let variants = shape
        .filter(|shape| shape.kind == Kind::Enum)
        .map(|it| &it.parts);
    let mut steps = variants.into_iter().flatten().map(|(step, _)| step);
    steps.any(|step| matches!(step, Step::Variant(own) if *own == name))
}

fn element(shape: &Shape, index: usize) -> Option<&Shape> {
    shape
        .part(Step::Item)
        .or_else(|| shape.part(Step::Element(index)))
}
