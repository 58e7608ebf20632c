//! Given-when-then specifications, without async and without a store.

pub(crate) mod aggregate;
pub(crate) mod calls;
pub(crate) mod documents;
#[cfg(test)]
pub(crate) mod fails;
pub(crate) mod failure;
#[cfg(test)]
mod pasted;
pub(crate) mod reactor;
mod received;
pub(crate) mod recorded;
pub(crate) mod source;
pub(crate) mod view;

use cqrs_core::{Reactor, View};

pub use self::{
    aggregate::{Outcome, Spec},
    reactor::{ReactorSpec, RejectionOutcome, Sent},
    recorded::event_id,
    view::ViewSpec,
};

impl Spec {
    /// Specifies a view: given events, then documents.
    #[must_use]
    pub fn view<V: View>(view: V) -> ViewSpec<V> {
        ViewSpec::new(view)
    }

    /// Specifies a reactor: when an event, then commands.
    #[must_use]
    pub fn reactor<R: Reactor>(reactor: R) -> ReactorSpec<R> {
        ReactorSpec::new(reactor)
    }
}
