//! The port of dead letters: records that a subscription could not handle, for others to read.

use std::{fmt, pin::Pin};

use super::{error::BoxError, parking::DeadLetter};

/// What [`DeadLetters::publish`] returns.
pub type Published<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;

/// Publishes dead letters, for [`Runner::dead_letters`](crate::Runner::dead_letters).
///
/// ```
/// use cqrs_core::ports::{DeadLetter, DeadLetters, Published};
///
/// #[derive(Debug)]
/// struct Printed;
///
/// impl DeadLetters for Printed {
///     fn publish<'a>(&'a self, letter: &'a DeadLetter) -> Published<'a> {
///         Box::pin(async move {
///             println!("{letter}: {}", letter.parked.reason);
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait DeadLetters: fmt::Debug + Send + Sync + 'static {
    /// Publishes a dead letter. It returns `Ok` only once the letter cannot be lost any more. A letter may come again: after an error, and
    /// after a process that ended before it had noted the success.
    fn publish<'a>(&'a self, letter: &'a DeadLetter) -> Published<'a>;
}
