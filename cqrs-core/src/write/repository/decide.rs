//! The two ways to decide: the aggregate handles a command, or a function decides with I/O.

use std::fmt;

use crate::{
    model::Context,
    roles::{Aggregate, Decision},
    write::{decision::Decided, loaded::Loaded},
};

/// A way to decide. Every attempt at a request calls it.
pub trait Decide<A: Aggregate>: Send {
    /// Whether a cached state may be used. Otherwise every attempt reads the stream first.
    #[doc(hidden)]
    const MAY_USE_CACHE: bool;

    /// Decides on `current`, and returns it unless the decision consumed it.
    #[doc(hidden)]
    fn decide(
        &mut self,
        current: Loaded<A>,
        context: Context,
    ) -> impl Future<Output = (Option<Loaded<A>>, Result<Decided<A>, A::Error>)> + Send;
}

/// The aggregate handles a command.
pub struct ByCommand<A: Aggregate>(pub(super) A::Command);

impl<A: Aggregate<Command: fmt::Debug>> fmt::Debug for ByCommand<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ByCommand").field(&self.0).finish()
    }
}

impl<A: Aggregate> Decide<A> for ByCommand<A> {
    const MAY_USE_CACHE: bool = true;

    async fn decide(
        &mut self,
        current: Loaded<A>,
        context: Context,
    ) -> (Option<Loaded<A>>, Result<Decided<A>, A::Error>) {
        let decided = Decided::by(&current.state, self.0.clone(), &context);
        (Some(current), decided)
    }
}

/// An asynchronous function decides on state and context.
pub struct ByFunction<F>(pub(super) F);

impl<F> fmt::Debug for ByFunction<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ByFunction").finish_non_exhaustive()
    }
}

impl<A, F, D> Decide<A> for ByFunction<F>
where
    A: Aggregate,
    F: FnMut(A, Context) -> D + Send,
    D: Future<Output = Decision<A>> + Send,
{
    const MAY_USE_CACHE: bool = false;

    async fn decide(
        &mut self,
        current: Loaded<A>,
        context: Context,
    ) -> (Option<Loaded<A>>, Result<Decided<A>, A::Error>) {
        let decision = (self.0)(current.state, context).await;
        (None, decision.map(Decided::given))
    }
}
