//! Makes values from the shape of a type: whole ones, together with every variant within.

use std::collections::{HashMap, HashSet};

use cqrs_shape::{Kind, Shape, Step};
use serde::de::DeserializeOwned;

use super::made::{Leaf, Made, Rejection, read};

/// A place in a shape that lives as long as the values are made.
pub(super) type Place = *const Shape;

/// Other names of fields: the place of the other name, with the name that serde uses.
pub(super) type Aliases = HashMap<Place, &'static str>;

/// Which values are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Series {
    First,
    /// Other values, for the fields that the type leaves out because they have their default.
    Other,
}

/// Values of one variant of `E`: every optional field present, and together every variant of every enum within. No two leaves of
/// one sort are equal in all of them.
pub(super) fn values<E: DeserializeOwned>(
    variant: &'static str,
    content: &Shape,
    series: Series,
) -> Result<(Vec<E>, Aliases), String> {
    let mut maker = Maker {
        other: series == Series::Other,
        ..Maker::default()
    };
    let mut values = Vec::new();
    loop {
        let made = maker.whole(variant, content);
        let made = made.ok_or("it contains itself without end")?;
        match read::<E>(&made) {
            Ok(value) => values.push(value),
            Err(Rejection::Duplicate(field)) if maker.learn::<E>(variant, content, field) => {
                continue;
            }
            Err(rejection) => return Err(rejection.to_string()),
        }
        maker.round += 1;
        let before = maker.covered.len();
        maker.covered.extend(maker.chosen.drain(..));
        let same = maker.covered.len() == before;
        let every_variant = same || !maker.finds_more(content);
        if every_variant && maker.truths <= 1 << maker.round.min(31) {
            return Ok((values, maker.aliases));
        }
    }
}

#[derive(Debug, Default)]
struct Maker {
    /// The variants that a value has.
    covered: HashSet<Place>,
    /// The variants of the value that is being made.
    chosen: Vec<Place>,
    aliases: Aliases,
    /// A struct that gets these fields alone.
    only: Option<(Place, Vec<&'static str>)>,
    /// The number of the value that is being made.
    round: usize,
    other: bool,
    /// The leaves of the value that is being made, by their sorts.
    leaves: usize,
    texts: usize,
    numbers: usize,
    truths: usize,
}

impl Maker {
    fn whole(&mut self, variant: &'static str, content: &Shape) -> Option<Made> {
        // The second series has other values at each place.
        let first = if self.other { 50 } else { 0 };
        (self.leaves, self.texts, self.numbers) = (0, first, first);
        self.truths = usize::from(self.other);
        self.chosen.clear();
        let made = self.make(content)?;
        Some(Made::Variant(variant, Box::new(made)))
    }

    fn make(&mut self, shape: &Shape) -> Option<Made> {
        match shape.kind {
            Kind::Leaf(kind) => Some(Made::Leaf(self.leaf(kind))),
            Kind::Option => {
                let content = self.part(shape, Step::Content);
                Some(content.map_or(Made::None, |made| Made::Some(Box::new(made))))
            }
            Kind::Seq => {
                let item = self.part(shape, Step::Item);
                Some(Made::Seq(item.into_iter().collect()))
            }
            Kind::Tuple(len) => self.elements(shape, len),
            Kind::Struct => self.fields(shape).map(Made::Map),
            Kind::Map => self.entries(shape),
            Kind::Enum => self.variant(shape),
            _ => None,
        }
    }

    fn leaf(&mut self, kind: &'static str) -> Leaf {
        let sort = match kind {
            "string" => &mut self.texts,
            "bool" => &mut self.truths,
            _ => &mut self.numbers,
        };
        let (nth, id) = (*sort, self.leaves);
        *sort += 1;
        self.leaves += 1;
        Leaf {
            kind,
            id,
            nth,
            round: self.round,
        }
    }

    fn part(&mut self, shape: &Shape, step: Step) -> Option<Made> {
        self.make(shape.part(step)?)
    }

    /// An array longer than its shape repeats the last element.
    fn elements(&mut self, shape: &Shape, len: usize) -> Option<Made> {
        let last = shape.parts.last();
        let parts = (0..len).map(|index| shape.parts.get(index).or(last));
        let made = parts.map(|part| self.make(&part?.1));
        made.collect::<Option<_>>().map(Made::Seq)
    }

    fn fields(&mut self, shape: &Shape) -> Option<Vec<(Made, Made)>> {
        let mut fields = Vec::new();
        for (step, part) in &shape.parts {
            let Step::Field(name) = *step else { continue };
            let only = match &self.only {
                Some((place, names)) if *place == Place::from(shape) => names.contains(&name),
                _ => !self.aliases.contains_key(&Place::from(part)),
            };
            if only {
                fields.push((Made::Name(name), self.make(part)?));
            }
        }
        Some(fields)
    }

    /// A struct with a flattened field lists its required fields; a map has one entry.
    fn entries(&mut self, shape: &Shape) -> Option<Made> {
        let mut entries = self.fields(shape)?;
        if entries.is_empty()
            && let Some(key) = self.part(shape, Step::Key)
            && let Some(value) = self.part(shape, Step::Value)
        {
            entries.push((key, value));
        }
        Some(Made::Map(entries))
    }

    /// The first variant that no value has yet, or that leads to one; otherwise the first.
    fn variant(&mut self, shape: &Shape) -> Option<Made> {
        let (new, old): (Vec<_>, Vec<_>) = shape.parts.iter().partition(|(_, content)| {
            !self.covered.contains(&Place::from(content)) || self.finds_more(content)
        });
        new.into_iter().chain(old).find_map(|(step, content)| {
            let Step::Variant(name) = *step else {
                return None;
            };
            let chosen = self.chosen.len();
            let Some(made) = self.make(content) else {
                self.chosen.truncate(chosen);
                return None;
            };
            self.chosen.push(content);
            Some(Made::Variant(name, Box::new(made)))
        })
    }

    /// Whether there is a variant within that no value has yet, and that can be made.
    fn finds_more(&self, shape: &Shape) -> bool {
        let is_new = |part: &Shape| {
            shape.kind == Kind::Enum && !self.covered.contains(&Place::from(part)) && ends(part)
        };
        shape
            .parts
            .iter()
            .any(|(_, part)| is_new(part) || self.finds_more(part))
    }

    /// Finds the other names of a field: the type has said that it has the field already. `false` if there are none.
    fn learn<E: DeserializeOwned>(
        &mut self,
        variant: &'static str,
        content: &Shape,
        field: &'static str,
    ) -> bool {
        let before = self.aliases.len();
        for place in structs_with(content, field) {
            if self.repeats::<E>(variant, content, (place, vec![field]), field) {
                continue;
            }
            for (step, part) in &place.parts {
                let Step::Field(other) = *step else { continue };
                let both = (place, vec![field, other]);
                if other != field && self.repeats::<E>(variant, content, both, field) {
                    self.aliases.insert(part, field);
                }
            }
        }
        self.aliases.len() > before
    }

    fn repeats<E: DeserializeOwned>(
        &mut self,
        variant: &'static str,
        content: &Shape,
        (place, fields): (&Shape, Vec<&'static str>),
        field: &str,
    ) -> bool {
        self.only = Some((place, fields));
        let made = self.whole(variant, content);
        self.only = None;
        made.is_some_and(
            |made| matches!(read::<E>(&made), Err(Rejection::Duplicate(found)) if found == field),
        )
    }
}

/// Whether a value of this shape ends.
fn ends(shape: &Shape) -> bool {
    match shape.kind {
        Kind::Up(_) | Kind::Unseen => false,
        Kind::Option | Kind::Seq | Kind::Map => true,
        Kind::Enum => shape.parts.iter().any(|(_, part)| ends(part)),
        _ => shape.parts.iter().all(|(_, part)| ends(part)),
    }
}

fn structs_with<'s>(shape: &'s Shape, field: &'static str) -> Vec<&'s Shape> {
    let own = shape.part(Step::Field(field)).map(|_| shape);
    let parts = shape.parts.iter();
    own.into_iter()
        .chain(parts.flat_map(|(_, part)| structs_with(part, field)))
        .collect()
}
