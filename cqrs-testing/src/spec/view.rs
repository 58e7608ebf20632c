//! Specifications of views: given events, when an event, then documents.

use std::{collections::BTreeMap, fmt::Debug};

use cqrs_core::{Event, RecordedEvent, View};

use super::{
    documents::Documents,
    failure::{differ, pretty},
    received::{Received, recording_options},
    source::{source, specifies},
};

/// A view under test, with its documents.
///
/// Each call of `given` or `when` is a batch of a runner: between two of them the documents are JSON, as in a store.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # use cqrs_testing::Spec;
/// # #[derive(Debug, serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # struct Balances;
/// # impl View for Balances {
/// #     const NAME: &'static str = "balances"; type Events = AccountEvent; type Document = u64;
/// #     fn keys(&self, event: &Envelope<AccountEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, balance: Option<u64>, event: &Envelope<AccountEvent>) -> Option<u64> {
/// #         let AccountEvent::Deposited { cents } = &event.event;
/// #         Some(balance.unwrap_or_default() + cents)
/// #     }
/// # }
/// let deposits = [AccountEvent::Deposited { cents: 500 }, AccountEvent::Deposited { cents: 200 }];
/// Spec::view(Balances).given("ann", deposits).then([("ann", 700)]);
/// ```
#[derive(Debug)]
pub struct ViewSpec<V: View> {
    view: V,
    documents: Documents<V>,
    received: Received,
}

impl<V: View> ViewSpec<V> {
    pub(super) fn new(view: V) -> Self {
        Self {
            view,
            documents: Documents::default(),
            received: Received::default(),
        }
    }

    recording_options!();

    /// Passes events of the aggregate called `id` to the view, in one batch.
    #[must_use]
    #[track_caller]
    pub fn given<E: Event + Debug>(
        mut self,
        id: &str,
        events: impl IntoIterator<Item = E>,
    ) -> Self {
        let events = Vec::from_iter(events);
        let batch = self.received.given::<V::Events, E>(id, &events);
        self.handle(&batch);
        self
    }

    /// Passes an event to the view as it is stored, of an older shape for example: its type, its schema version, and its
    /// payload as JSON. `E` is the enum with its category.
    #[must_use]
    #[track_caller]
    pub fn given_stored<E: Event>(
        mut self,
        id: &str,
        event_type: &str,
        schema_version: u32,
        payload: &str,
    ) -> Self {
        let stored = (event_type, schema_version, payload);
        let recorded = self
            .received
            .stored::<V::Events, E>("given_stored", id, stored);
        self.handle(&[recorded]);
        self
    }

    /// Passes all events so far to the view again, with the ids, versions and positions that they had. No runner does that: an
    /// event takes effect once. A consumer of your own may get events twice.
    #[must_use]
    #[track_caller]
    pub fn again(mut self) -> Self {
        let batch = self.received.again("again");
        self.handle(&batch);
        self
    }

    /// Passes the last `count` events to the view again, as [`again`](Self::again) does all: a consumer that stopped before it
    /// committed gets the last ones twice.
    #[must_use]
    #[track_caller]
    pub fn again_last(mut self, count: usize) -> Self {
        let batch = self.received.again_last(count);
        self.handle(&batch);
        self
    }

    /// Removes the documents, and passes all events so far to the view in one batch, as a rebuild does.
    #[must_use]
    #[track_caller]
    pub fn rebuild(mut self) -> Self {
        self.documents = Documents::default();
        let batch = self.received.again("rebuild");
        self.handle(&batch);
        self
    }

    /// Passes one more event of the aggregate called `id` to the view.
    #[must_use]
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "takes a value, like `given`")]
    pub fn when<E: Event + Debug>(mut self, id: &str, event: E) -> Self {
        let recorded = self.received.when::<V::Events, E>(id, &event);
        self.handle(&[recorded]);
        self
    }

    #[track_caller]
    fn handle(&mut self, batch: &[RecordedEvent]) {
        if let Err(error) = self.documents.handle(&self.view, batch) {
            panic!("{error}");
        }
    }

    /// Expects exactly these documents.
    #[track_caller]
    pub fn then<'a>(mut self, documents: impl IntoIterator<Item = (&'a str, V::Document)>)
    where
        V::Document: Debug + PartialEq,
    {
        let owned = |(key, document): (&str, _)| (key.to_owned(), document);
        let expected: BTreeMap<_, _> = documents.into_iter().map(owned).collect();
        let actual = self.documents.read_all();
        let actual = actual.unwrap_or_else(|error| panic!("{error}"));
        if expected != actual {
            let constructor = specifies::<V>("view", &mut self.received.calls);
            let passing = self.received.calls.test(&constructor, &then(&actual));
            differ("documents", &pretty(&expected), &pretty(&actual), &passing);
        }
    }

    /// Expects no documents.
    #[track_caller]
    pub fn then_nothing(self)
    where
        V::Document: Debug + PartialEq,
    {
        self.then([]);
    }
}

/// The expectation of these documents as source.
pub(crate) fn then<D: Debug>(documents: &BTreeMap<String, D>) -> String {
    if documents.is_empty() {
        return "then_nothing()".to_owned();
    }
    let document = |(key, document): (_, &D)| format!("({key:?}, {})", source(document));
    let documents: Vec<_> = documents.iter().map(document).collect();
    format!("then([{}])", documents.join(", "))
}

#[cfg(test)]
mod tests;
