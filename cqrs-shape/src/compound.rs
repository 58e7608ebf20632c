//! How a probe acts as a struct, a tuple or a map, and what it records there.

use serde::de::Visitor;

use super::{
    access::Parts,
    kind::Kind,
    pass::Node,
    probe::{Place, Probe, ReadEnded},
    route::Step,
};

/// The maximum number of visited elements of a tuple or an array.
const MAX_ELEMENTS: usize = 64;

impl Probe<'_, '_> {
    pub(super) fn fields<'de, V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadEnded> {
        let node = || Node::new(Kind::Struct, fields.iter().copied().map(Step::Field));
        let (step, Self { pass, place }) = self.enter(node)?;
        let steps = step.map_or_else(|| node().parts, |step| vec![step]);
        let parts = steps.into_iter().map(|step| (step, place)).collect();
        visitor.visit_map(Parts::new(pass, parts))
    }

    /// Offers an element after samples of all elements before it: it cannot be offered alone.
    pub(super) fn elements<'de, V: Visitor<'de>>(
        self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, ReadEnded> {
        let steps = |len| (0..len).map(Step::Element);
        let visited = len.min(MAX_ELEMENTS);
        let (step, Self { pass, place }) =
            self.enter(|| Node::new(Kind::Tuple(len), steps(visited)))?;
        let parts = match step {
            Some(Step::Element(index)) => steps(index)
                .map(|step| (step, Place::BESIDE))
                .chain([(Step::Element(index), place)])
                .collect(),
            Some(_) => return Err(ReadEnded::default()),
            None => steps(visited).map(|step| (step, place)).collect(),
        };
        visitor.visit_seq(Parts::new(pass, parts))
    }

    /// Records a map, or a struct that reads as one, at the end of the route.
    pub(super) fn record_map<'de, V: Visitor<'de>>(self, visitor: V) -> ReadEnded {
        let fields = self.pass.missed.clone().into_iter().map(Step::Field);
        let samples = fields.clone().map(|step| (step, Place::BESIDE)).collect();
        let read = visitor.visit_map(Parts::new(&mut *self.pass, samples));
        let parts = [Step::Key, Step::Value].into_iter().chain(fields);
        self.pass.record(Node::new(Kind::Map, parts));
        if let Err(stop) = read {
            self.pass.incomplete(stop.missing);
        }
        ReadEnded::default()
    }
}
