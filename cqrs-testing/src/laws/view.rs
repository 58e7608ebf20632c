//! The laws of views.

use std::fmt::{self, Debug};

use cqrs_core::{Envelope, RecordedEvent, View};

use super::{
    broken::Broken,
    delivery::{self, in_order, merged},
    failed::{Failed, both},
    later::Later,
    quiet::quietly,
    search::{Search, search_options},
    streams::{Received, Stream, Streams},
    tested,
};
use crate::spec::{
    calls::Calls,
    documents::Documents,
    failure::pretty,
    recorded::envelopes,
    source::{role, written_test},
    view::then,
};

/// The laws of a view, for generated events on these streams. [`laws!`](macro@crate::laws) declares a test for each.
///
/// Each law panics with the simplest history that breaks it, as a specification to paste. It also panics if a stream had no event,
/// or none that the view handles: then it tested nothing.
pub struct ViewLaws<F> {
    view: F,
    streams: Streams,
    search: Search,
    /// The role as it is written in the source.
    written: Option<&'static str>,
}

impl<F> Debug for ViewLaws<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewLaws")
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

impl<V: View<Document: Debug>, F: Fn() -> V> ViewLaws<F> {
    /// For the view that `view` makes.
    pub fn new(view: F, streams: Vec<Stream>) -> Self {
        Self {
            view,
            streams: Streams(streams),
            search: Search::default(),
            written: None,
        }
    }

    /// For printed tests: the view as it is written in the source. [`laws!`](macro@crate::laws) calls it.
    #[doc(hidden)]
    #[must_use]
    pub fn written(mut self, written: &'static str) -> Self {
        self.written = Some(written);
        self
    }

    search_options!("events, or of commands that lead to them,");

    /// No event makes `keys` or `apply` panic.
    #[track_caller]
    pub fn a_view_never_panics(&self) {
        self.check("a view never panics", |events| {
            let Err(Failed::Panicked(panic)) = self.documents(&[all(events)]) else {
                return Ok(());
            };
            let calls = delivery::calls(events);
            Err(Broken::new(
                format!("it panicked: {panic}"),
                self.test(&calls, "then_nothing()"),
            ))
        });
    }

    /// The documents are the same however the events are cut into batches: between two batches they are JSON.
    #[track_caller]
    pub fn batches_make_no_difference_to_a_view(&self) {
        self.check("batches make no difference to a view", |events| {
            let mut one_by_one = events.to_vec();
            one_by_one
                .iter_mut()
                .for_each(|event| event.ends_batch = true);
            for cut in [events, &one_by_one] {
                let whole = self.documents(&[all(events)]);
                let in_batches = self.documents(&delivery::batches(cut));
                let what = "the documents after one batch and after several differ";
                self.compare(what, &whole, &in_batches, &delivery::calls_of_batches(cut))?;
            }
            Ok(())
        });
    }

    /// The documents are the same after a rebuild.
    #[track_caller]
    pub fn a_rebuilt_view_is_the_same(&self) {
        let law = "a rebuilt view is the same";
        let (search, later) = (self.search.of_chance().seeded(), Later::default());
        let compare = |events: &[Received], first: &_, rebuilt: &_| {
            let mut calls = delivery::calls(events);
            calls.add("rebuild", "");
            let what = "the documents before and after a rebuild differ";
            self.compare(what, first, rebuilt, &calls)
        };
        self.check_with(&search, law, |events| {
            let view = (self.view)();
            let first = documents(&view, &[all(events)]);
            compare(events, &first, &documents(&view, &[all(events)]))?;
            later.keep((events.to_vec(), self.documents(&[all(events)])));
            Ok(())
        });
        let broken =
            later.ask(|(events, first)| compare(events, first, &self.documents(&[all(events)])));
        if let Err(broken) = broken {
            search.found(law, &broken);
        }
    }

    /// The documents are the same in whatever order events of several streams come; those of one stream come in their order. For
    /// views over topics.
    #[track_caller]
    pub fn the_order_between_streams_makes_no_difference(&self) {
        let law = "the order between streams makes no difference";
        if self.streams.0.len() < 2 {
            let why = "there is one stream, so there is no other order.\n\nName a second one of the same kind: \
                       `over topics [(\"a\", ..), (\"b\", ..)]`.";
            tested::fail(law, why);
        }
        self.check(law, |events| {
            let first = || self.documents(&[all(events)]);
            let count = self.streams.0.len();
            let orders = [
                in_order(events, 0..count),
                in_order(events, (0..count).rev()),
            ];
            for other in orders
                .into_iter()
                .chain((0..4).map(|seed| merged(events, count, seed)))
            {
                let what = "the documents after another order of the streams differ";
                let calls = delivery::calls(&other);
                self.compare(what, &first(), &self.documents(&[all(&other)]), &calls)?;
            }
            Ok(())
        });
    }

    /// The documents are the same when events come again: all of them, the last ones, or each twice in a row. For views that say
    /// so.
    #[track_caller]
    pub fn duplicates_make_no_difference(&self) {
        self.check("duplicates make no difference", |events| {
            let differ = |what, deliveries: &[Vec<RecordedEvent>], calls: &Calls| {
                let once = self.documents(&[all(events)]);
                self.compare(what, &once, &self.documents(deliveries), calls)
            };
            let mut calls = delivery::calls(events);
            calls.add("again", "");
            let what = "the documents after all events came again differ";
            differ(what, &[all(events), all(events)], &calls)?;
            for count in 1..events.len() {
                let last = &events[events.len() - count..];
                let mut calls = delivery::calls(events);
                calls.add("again_last", &count.to_string());
                let what = "the documents after the last events came again differ";
                differ(what, &[all(events), all(last)], &calls)?;
            }
            let (twice, calls) = delivery::each_twice(events);
            let what = "the documents after each event came twice in a row differ";
            differ(what, &twice, &calls)
        });
    }

    #[track_caller]
    fn check(&self, law: &str, holds: impl Fn(&[Received]) -> Result<(), Broken>) {
        self.check_with(&self.search, law, holds);
    }

    #[track_caller]
    fn check_with(
        &self,
        search: &Search,
        law: &str,
        holds: impl Fn(&[Received]) -> Result<(), Broken>,
    ) {
        let tested = self.streams.tested();
        search.run(law, &self.streams.steps(), |steps| {
            let events = self.streams.receive(steps);
            let changes = events.iter().filter(|event| self.changes_a_document(event));
            tested.count(events.iter().map(|event| event.stream), changes.count());
            holds(&events)
        });
        let effect = format!("the view {} changed no document", role::<V>());
        if let Err(why) = tested.check::<V::Events>(&effect) {
            tested::fail(law, &why);
        }
    }

    /// Whether the event is for a document. Also if that panics: a law will say so.
    fn changes_a_document(&self, event: &Received) -> bool {
        let view = (self.view)();
        let for_a_document = |read: &Envelope<V::Events>| view.keys(read).iter().next().is_some();
        let read = envelopes::<V::Events>(&event.recorded);
        quietly(|| read.is_ok_and(|read| read.iter().any(for_a_document))).unwrap_or(true)
    }

    fn documents(&self, batches: &[Vec<RecordedEvent>]) -> Result<Documents<V>, Failed> {
        documents(&(self.view)(), batches)
    }

    /// Compares documents. A panic breaks another law.
    fn compare(
        &self,
        what: &str,
        expected: &Result<Documents<V>, Failed>,
        actual: &Result<Documents<V>, Failed>,
        calls: &Calls,
    ) -> Result<(), Broken> {
        let error = |error: String| Broken::new(error, self.test(calls, "then_nothing()"));
        let Some((expected, actual)) = both(expected, actual).map_err(error)? else {
            return Ok(());
        };
        if expected.is_same(actual) {
            return Ok(());
        }
        let expected = expected.read_all().map_err(error)?;
        let actual = actual.read_all().map_err(error)?;
        let documents = [&*pretty(&expected), &*pretty(&actual)];
        let test = self.test(calls, &then(&expected));
        Err(Broken::differ(what, documents, test))
    }

    fn test(&self, calls: &Calls, expectation: &str) -> String {
        written_test::<V>("view", self.written, calls, expectation)
    }
}

/// The documents of the view after these batches.
fn documents<V: View>(view: &V, batches: &[Vec<RecordedEvent>]) -> Result<Documents<V>, Failed> {
    let mut documents = Documents::default();
    for batch in batches {
        match quietly(|| documents.handle(view, batch)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(Failed::Error(error)),
            Err(panic) => return Err(Failed::Panicked(panic)),
        }
    }
    Ok(documents)
}

fn all(events: &[Received]) -> Vec<RecordedEvent> {
    events.iter().map(|event| event.recorded.clone()).collect()
}
