//! The error of a request, to one aggregate or to several.

use crate::{
    model::{Conflict, KeyReused},
    ports::{AppendError, LookupError, StoreError},
    roles::Rejection,
};

/// A request that failed: it had no effect, unless the store's error is an
/// [`OutcomeUnknown`](crate::StoreErrorKind::OutcomeUnknown). Each variant calls for a different reaction of the caller.
///
/// `E` is the error of the aggregate. For [`execute_all`](crate::CommandStore::execute_all), whose aggregates have different
/// errors, it is a [`Rejection`], which names the command.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(Debug, thiserror::Error)] #[error("the balance is only {0}")] struct TooLow(u64);
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Default)] struct Account;
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = TooLow;
/// #     fn handle(&self, _: u64, _: &Context) -> Decision<Self> { Err(TooLow(0)) }
/// #     fn apply(&mut self, _: AccountEvent) {}
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let accounts = MemoryEventStore::default().repository::<Account>();
/// match accounts.execute("ann", 500).await {
///     Ok(done) => println!("done, now at version {}", done.version),
///     Err(ExecuteError::Rejected(TooLow(balance))) => println!("you have only {balance} cents"),
///     Err(ExecuteError::Conflict(_)) => println!("try again later"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError<E: std::error::Error + 'static> {
    /// The aggregate rejected the command: show the user why.
    #[error(transparent)]
    Rejected(E),
    /// Every attempt that the retry policy allows ran into a conflict: try again later.
    #[error(transparent)]
    Conflict(Conflict),
    /// The aggregate is not at the version that [`expecting`](crate::write::Execute::expecting) names: show the caller the
    /// current state.
    #[error(transparent)]
    Outdated(Conflict),
    /// The idempotency key belongs to another request: the caller has mixed up its keys.
    #[error(transparent)]
    KeyReused(KeyReused),
    /// The store failed; its [`kind`](StoreError::kind) determines what to do.
    #[error(transparent)]
    Store(StoreError),
}

impl ExecuteError<Rejection> {
    /// The error of the aggregate that rejected its command, if it is an `E`.
    ///
    /// ```
    /// # use cqrs_core::prelude::*;
    /// # #[derive(Debug, thiserror::Error)] #[error("the balance is only {0}")] struct TooLow(u64);
    /// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
    /// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
    /// # #[derive(Default)] struct Account;
    /// # impl Aggregate for Account {
    /// #     type Command = i64; type Event = AccountEvent; type Error = TooLow;
    /// #     fn handle(&self, _: i64, _: &Context) -> Decision<Self> { Err(TooLow(0)) }
    /// #     fn apply(&mut self, _: AccountEvent) {}
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = MemoryEventStore::default();
    /// let transfer = [To::<Account>::new("ann", -500), To::new("bob", 500)];
    /// match store.execute_all(transfer).await {
    ///     Err(error) => match error.rejected() {
    ///         Some(TooLow(balance)) => println!("you have only {balance} cents"),
    ///         None => return Err(error.into()),
    ///     },
    ///     Ok(_) => println!("done"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn rejected<E: std::error::Error + 'static>(&self) -> Option<&E> {
        match self {
            Self::Rejected(rejection) => rejection.downcast_ref(),
            _ => None,
        }
    }
}

impl<E: std::error::Error + 'static> From<StoreError> for ExecuteError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E: std::error::Error + 'static> From<AppendError> for ExecuteError<E> {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict(conflict) => Self::Conflict(conflict),
            AppendError::KeyReused(reused) => Self::KeyReused(reused),
            AppendError::Store(error) => Self::Store(error),
        }
    }
}

impl<E: std::error::Error + 'static> From<LookupError> for ExecuteError<E> {
    fn from(error: LookupError) -> Self {
        AppendError::from(error).into()
    }
}
