//! One decision: a state and a command become events, the form to store them in, and the next state.
//!
//! Every way to decide takes this step: [`Repository::execute`](crate::Repository::execute) and `decide`, `execute_all`,
//! reactors, and [`Simulation`](crate::Simulation), which stores nothing and leaves the encoding out.

use std::fmt;

use crate::{
    model::{Context, EventId, Metadata, NewEvent},
    ports::StoreError,
    roles::Aggregate,
};

/// The events that follow from a command.
pub struct Decided<A: Aggregate>(Vec<A::Event>);

/// Decided events in the form to store them in.
pub(crate) struct Encoded<A: Aggregate> {
    /// The events, as the store takes them.
    pub(crate) new: Vec<NewEvent>,
    /// The events as every reader decodes them: only these may change a state that goes on.
    pub(crate) decoded: Vec<(EventId, A::Event)>,
}

// Derives would ask the same of `A`, which needs none of it.
impl<A: Aggregate> fmt::Debug for Decided<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Decided").finish_non_exhaustive()
    }
}

impl<A: Aggregate> Decided<A> {
    /// Lets the aggregate decide.
    pub(crate) fn by(state: &A, command: A::Command, context: &Context) -> Result<Self, A::Error> {
        state.handle(command, context).map(Self)
    }

    /// Events that a decision with I/O has made.
    pub(crate) fn given(events: Vec<A::Event>) -> Self {
        Self(events)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Encodes each event, and decodes it again: what no reader could read is not stored.
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

    /// Applies the events to the state that they were decided on. Returns how many there were.
    pub(crate) fn apply_to(self, state: &mut A) -> u64 {
        let count = self.0.len() as u64;
        self.0.into_iter().for_each(|event| state.apply(event));
        count
    }

    pub(crate) fn into_events(self) -> Vec<A::Event> {
        self.0
    }
}
