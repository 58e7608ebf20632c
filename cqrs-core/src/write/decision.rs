//! One decision: state + command -> events, encoded events and the next state.
//!
//! All code that decides uses this step: [`Repository::execute`](crate::Repository::execute) and `decide`, `execute_all`,
//! reactors, and [`Simulation`](crate::Simulation), which does not encode because it stores nothing.

use std::fmt;

use crate::{
    model::{Context, EventId, Metadata, NewEvent},
    ports::StoreError,
    roles::Aggregate,
};

/// The events that follow from a command.
pub struct Decided<A: Aggregate>(Vec<A::Event>);

/// Decided events, encoded for the store.
pub(crate) struct Encoded<A: Aggregate> {
    /// The events to append.
    pub(crate) new: Vec<NewEvent>,
    /// The same events, decoded again. A cached state applies these, because later readers get them.
    pub(crate) decoded: Vec<(EventId, A::Event)>,
}

// A derive would require `A: Debug`.
impl<A: Aggregate> fmt::Debug for Decided<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Decided").finish_non_exhaustive()
    }
}

impl<A: Aggregate> Decided<A> {
    /// The aggregate's decision.
    pub(crate) fn by(state: &A, command: A::Command, context: &Context) -> Result<Self, A::Error> {
        state.handle(command, context).map(Self)
    }

    /// The events of a decision made outside, with I/O.
    pub(crate) fn given(events: Vec<A::Event>) -> Self {
        Self(events)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Encodes each event and decodes it again, so that an event that cannot be read is never stored.
    pub(crate) fn encode(&self, metadata: &Metadata) -> Result<Encoded<A>, StoreError> {
        let mut encoded = Encoded {
            new: Vec::with_capacity(self.0.len()),
            decoded: Vec::with_capacity(self.0.len()),
        };
        for event in &self.0 {
            let (new, event) = NewEvent::encode_and_decode(event, metadata.clone())?;
            encoded.decoded.push((new.id, event));
            encoded.new.push(new);
        }
        Ok(encoded)
    }

    pub(crate) fn into_events(self) -> Vec<A::Event> {
        self.0
    }
}
