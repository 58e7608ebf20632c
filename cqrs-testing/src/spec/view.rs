//! Specifications of views: given events, then documents.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Debug,
};

use cqrs_core::View;

use super::{
    failure::{differ, enum_name, source},
    recorded::envelope,
};

/// A view under test, with its documents.
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
    documents: BTreeMap<String, V::Document>,
    versions: HashMap<String, u64>,
    number: u64,
    given: Vec<String>,
}

impl<V: View> ViewSpec<V> {
    pub(super) fn new(view: V) -> Self {
        Self {
            view,
            documents: BTreeMap::new(),
            versions: HashMap::new(),
            number: 0,
            given: Vec::new(),
        }
    }

    /// Applies events of the aggregate called `id`.
    #[must_use]
    #[track_caller]
    pub fn given<E: Into<V::Events> + Debug>(
        mut self,
        id: &str,
        events: impl IntoIterator<Item = E>,
    ) -> Self {
        let mut sources = Vec::new();
        for event in events {
            sources.push(source(&event));
            self.apply(id, event.into());
        }
        self.given
            .push(format!("\n    .given({id:?}, [{}])", sources.join(", ")));
        self
    }

    #[track_caller]
    fn apply(&mut self, id: &str, event: V::Events) {
        self.number += 1;
        let version = self.versions.entry(id.to_owned()).or_default();
        *version += 1;
        let event = envelope(id, *version, self.number, event);
        for key in self.view.keys(&event).iter() {
            let document = self.documents.remove(key);
            if let Some(document) = self.view.apply(key, document, &event) {
                self.documents.insert(key.clone(), document);
            }
        }
    }

    /// Expects exactly these documents.
    #[track_caller]
    pub fn then<'a>(self, documents: impl IntoIterator<Item = (&'a str, V::Document)>)
    where
        V::Document: Debug + PartialEq,
    {
        let expected: BTreeMap<_, _> = documents
            .into_iter()
            .map(|(key, doc)| (key.to_owned(), doc))
            .collect();
        if expected != self.documents {
            let expected = format!("{expected:#?}");
            let actual = format!("{:#?}", self.documents);
            differ("documents", &expected, &actual, &self.passing());
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

    fn passing(&self) -> String
    where
        V::Document: Debug,
    {
        let view = enum_name::<V>().unwrap_or("view");
        let documents = self.documents.iter().map(|(key, document)| {
            let text = source(document);
            // `source` adds an enum's name; the Debug text of a struct has its name already.
            format!("({key:?}, {text})")
        });
        let documents = documents.collect::<Vec<_>>().join(", ");
        format!(
            "Spec::view({view}){}\n    .then([{documents}]);",
            self.given.concat()
        )
    }
}

#[cfg(test)]
mod tests;
