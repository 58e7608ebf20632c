//! Commands to aggregates, checks of aggregates, and sets of both.

use std::{fmt, sync::Arc};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use crate::{
    codec::CodecError,
    model::{Event, StreamId},
    roles::aggregate::Aggregate,
};

/// One command to one aggregate.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Default, serde::Serialize, serde::Deserialize)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let deposits = [To::<Account>::new("ann", 200), To::new("bob", 300)];
/// store.execute_all(deposits).await?; // both or none
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
pub struct To<A: Aggregate> {
    /// The aggregate's id.
    pub id: String,
    /// The command.
    pub command: A::Command,
}

impl<A: Aggregate> To<A> {
    /// Sends `command` to the aggregate called `id`.
    #[must_use]
    pub fn new(id: impl Into<String>, command: A::Command) -> Self {
        Self {
            id: id.into(),
            command,
        }
    }
}

// Derives would require `A: Clone`, `A: Debug` and `A: PartialEq`.
impl<A: Aggregate> Clone for To<A> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            command: self.command.clone(),
        }
    }
}

impl<A: Aggregate<Command: fmt::Debug>> fmt::Debug for To<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("To")
            .field("id", &self.id)
            .field("command", &self.command)
            .finish()
    }
}

impl<A: Aggregate<Command: PartialEq>> PartialEq for To<A> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.command == other.command
    }
}

/// A condition on an aggregate that gets no command. The condition must hold, and the aggregate must not change until the
/// events of the other commands are stored.
///
/// ```
/// # use cqrs_core::{Aggregate, Check, Context, Decision, Event};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum CustomerEvent { Blocked }
/// # impl Event for CustomerEvent { const CATEGORY: &'static str = "customer"; }
/// # #[derive(Debug, thiserror::Error)] #[error("the customer is blocked")] struct Blocked;
/// # #[derive(Default)] struct Customer { blocked: bool }
/// # impl Aggregate for Customer {
/// #     type Command = (); type Event = CustomerEvent; type Error = Blocked;
/// #     fn handle(&self, (): (), _: &Context) -> Decision<Self> { Ok(vec![CustomerEvent::Blocked]) }
/// #     fn apply(&mut self, _: CustomerEvent) { self.blocked = true }
/// # }
/// let not_blocked = Check::<Customer>::new("ann", |customer| if customer.blocked { Err(Blocked) } else { Ok(()) });
/// # drop(not_blocked);
/// ```
pub struct Check<A: Aggregate> {
    /// The aggregate's id.
    pub id: String,
    condition: Arc<dyn Fn(&A) -> Result<(), A::Error> + Send + Sync>,
}

impl<A: Aggregate> Check<A> {
    /// Checks `condition` on the state of the aggregate called `id`.
    #[must_use]
    pub fn new(
        id: impl Into<String>,
        condition: impl Fn(&A) -> Result<(), A::Error> + Send + Sync + 'static,
    ) -> Self {
        Self {
            id: id.into(),
            condition: Arc::new(condition),
        }
    }

    /// Checks only that the aggregate does not change until the events of the other commands are stored.
    #[must_use]
    pub fn unchanged(id: impl Into<String>) -> Self {
        Self::new(id, |_| Ok(()))
    }

    /// Whether the condition holds for this state.
    ///
    /// # Errors
    /// The condition's error, when it does not hold.
    pub fn holds(&self, state: &A) -> Result<(), A::Error> {
        (self.condition)(state)
    }
}

impl<A: Aggregate> Clone for Check<A> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            condition: Arc::clone(&self.condition),
        }
    }
}

impl<A: Aggregate> fmt::Debug for Check<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A command that its aggregate rejected, or a check that did not hold.
///
/// The error is the aggregate's own: branch on it with [`downcast_ref`](Self::downcast_ref).
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Debug, thiserror::Error)] #[error("the account is closed")] struct Closed;
/// # let rejection = Rejection::new(StreamId::of::<AccountEvent>("ann")?, Closed);
/// if let Some(Closed) = rejection.downcast_ref() {
///     println!("no bonus for {}: {}", rejection.stream.id(), rejection.reason());
/// }
/// # assert_eq!(rejection.reason(), "the account is closed");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[error("{stream} rejected command {command}")]
#[non_exhaustive]
pub struct Rejection {
    /// The number of the command or check in its set, counted from 1.
    pub command: usize,
    /// The aggregate's stream.
    pub stream: StreamId,
    #[source]
    error: Arc<dyn std::error::Error + Send + Sync>,
}

impl Rejection {
    /// `stream` rejected the only command of a set with `error`.
    #[must_use]
    pub fn new(stream: StreamId, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            command: 1,
            stream,
            error: Arc::new(error),
        }
    }

    /// The same rejection, of the command with this number in its set, counted from 1.
    #[must_use]
    pub fn command(mut self, number: usize) -> Self {
        self.command = number;
        self
    }

    /// The aggregate's error, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&E> {
        self.error.downcast_ref()
    }

    /// The text of the aggregate's error, for people and logs. Do not branch on it.
    #[must_use]
    pub fn reason(&self) -> String {
        self.error.to_string()
    }
}

/// Visits the commands of a set one after the other, each with the type of its aggregate.
///
/// Implement it only to handle commands in your own way, for example in a store or a test tool.
pub trait CommandVisitor {
    /// The error that ends the visit; the rest of the set is not visited.
    type Error;

    /// Visits a command.
    ///
    /// # Errors
    /// Any error of the visitor.
    fn command<A: Aggregate>(&mut self, to: &To<A>) -> Result<(), Self::Error>;

    /// Visits a check.
    ///
    /// # Errors
    /// Any error of the visitor.
    fn check<A: Aggregate>(&mut self, check: &Check<A>) -> Result<(), Self::Error>;
}

/// A set of commands: [`To`] one aggregate, a [`Check`] of one, a union declared with [`commands!`](crate::commands), or an
/// array, a vector or a tuple of these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of commands to aggregates",
    note = "use `To<YourAggregate>`, `Check<YourAggregate>`, an array, a vector or a tuple of them, \
            or declare a union: commands! {{ enum {Self} {{ .. }} }}"
)]
pub trait Commands: Send + Sync + 'static {
    /// Passes every command to `visitor`, in order.
    ///
    /// # Errors
    /// The visitor's first error.
    fn visit<V: CommandVisitor>(&self, visitor: &mut V) -> Result<(), V::Error>;
}

impl<A: Aggregate> Commands for To<A> {
    fn visit<V: CommandVisitor>(&self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.command(self)
    }
}

impl<A: Aggregate> Commands for Check<A> {
    fn visit<V: CommandVisitor>(&self, visitor: &mut V) -> Result<(), V::Error> {
        visitor.check(self)
    }
}

impl<C: Commands> Commands for Vec<C> {
    fn visit<V: CommandVisitor>(&self, visitor: &mut V) -> Result<(), V::Error> {
        self.iter().try_for_each(|commands| commands.visit(visitor))
    }
}

impl<C: Commands, const N: usize> Commands for [C; N] {
    fn visit<V: CommandVisitor>(&self, visitor: &mut V) -> Result<(), V::Error> {
        self.iter().try_for_each(|commands| commands.visit(visitor))
    }
}

/// A set of exactly one command, as a reactor sends it: [`To`] one aggregate, or a union declared with
/// [`commands!`](crate::commands).
///
/// After a rejection a reactor goes on with its other commands, so a larger set would take effect in part. An
/// implementation of your own passes exactly one command in [`visit`](Commands::visit), and no check.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a single command",
    note = "a reactor sends `To<YourAggregate>` or a union declared with `commands!`, and may send several for one event: \
            each is accepted or rejected by itself. For all or none, let one aggregate decide, or call `execute_all` elsewhere"
)]
pub trait SingleCommand: Commands {}

impl<A: Aggregate> SingleCommand for To<A> {}

/// Commands that can be written as JSON, which an idempotency key requires. Implemented for every set whose commands are
/// `Serialize`.
#[diagnostic::on_unimplemented(
    message = "the commands of `{Self}` cannot be serialized",
    note = "an idempotency key needs the commands' JSON: derive `serde::Serialize` for them"
)]
pub trait SerializableCommands: Commands {
    /// Adds each command's target and its JSON.
    ///
    /// # Errors
    /// When a command cannot be written as JSON.
    fn write(&self, out: &mut CommandsJson) -> Result<(), CodecError>;
}

/// The JSON of a set of commands. The fingerprint under an idempotency key is computed from it.
#[derive(Debug, Default, Serialize)]
pub struct CommandsJson(Vec<Box<RawValue>>);

impl CommandsJson {
    fn add(&mut self, command: &impl Serialize) -> Result<(), CodecError> {
        self.0.push(to_raw_value(command)?);
        Ok(())
    }
}

impl<A: Aggregate<Command: Serialize>> SerializableCommands for To<A> {
    fn write(&self, out: &mut CommandsJson) -> Result<(), CodecError> {
        out.add(&(A::Event::CATEGORY, &self.id, &self.command))
    }
}

/// [`SerializableCommands`] with an unused lifetime: `for<'a>` in a bound delays the check until the bound is used.
pub trait Serializable<'a>: SerializableCommands {}

impl<C: SerializableCommands> Serializable<'_> for C {}

impl<A: Aggregate> SerializableCommands for Check<A> {
    fn write(&self, out: &mut CommandsJson) -> Result<(), CodecError> {
        out.add(&(A::Event::CATEGORY, &self.id))
    }
}

impl<C: SerializableCommands> SerializableCommands for Vec<C> {
    fn write(&self, out: &mut CommandsJson) -> Result<(), CodecError> {
        self.iter().try_for_each(|commands| commands.write(out))
    }
}

impl<C: SerializableCommands, const N: usize> SerializableCommands for [C; N] {
    fn write(&self, out: &mut CommandsJson) -> Result<(), CodecError> {
        self.iter().try_for_each(|commands| commands.write(out))
    }
}

macro_rules! tuples {
    ($($name:ident),+) => {
        #[expect(non_snake_case, reason = "a name serves as a type and as a variable")]
        impl<$($name: Commands),+> Commands for ($($name,)+) {
            fn visit<V: CommandVisitor>(&self, visitor: &mut V) -> Result<(), V::Error> {
                let ($($name,)+) = self;
                $($name.visit(visitor)?;)+
                Ok(())
            }
        }

        #[expect(non_snake_case, reason = "a name serves as a type and as a variable")]
        impl<$($name: SerializableCommands),+> SerializableCommands for ($($name,)+) {
            fn write(&self, out: &mut CommandsJson) -> Result<(), CodecError> {
                let ($($name,)+) = self;
                $($name.write(out)?;)+
                Ok(())
            }
        }
    };
}

tuples!(C1);
tuples!(C1, C2);
tuples!(C1, C2, C3);
tuples!(C1, C2, C3, C4);
tuples!(C1, C2, C3, C4, C5);
tuples!(C1, C2, C3, C4, C5, C6);
tuples!(C1, C2, C3, C4, C5, C6, C7);
tuples!(C1, C2, C3, C4, C5, C6, C7, C8);

/// Declares a union of commands, for a reactor or a request that sends commands to several types of aggregates.
///
/// Each variant names an *aggregate*; a `To<Account>` becomes a `Both` with `.into()`.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Added { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Default)] struct Account;
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Added { cents }]) }
/// #     fn apply(&mut self, _: AccountEvent) {}
/// # }
/// # #[derive(serde::Serialize, serde::Deserialize)] enum BonusEvent { Added { cents: u64 } }
/// # impl Event for BonusEvent { const CATEGORY: &'static str = "bonus"; }
/// # #[derive(Default)] struct Bonus;
/// # impl Aggregate for Bonus {
/// #     type Command = u64; type Event = BonusEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![BonusEvent::Added { cents }]) }
/// #     fn apply(&mut self, _: BonusEvent) {}
/// # }
/// commands! {
///     enum Both { Account(Account), Bonus(Bonus) }
/// }
/// let both: [Both; 2] = [To::<Account>::new("ann", 200).into(), To::<Bonus>::new("ann", 10).into()];
/// # drop(both);
/// ```
#[macro_export]
macro_rules! commands {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident($aggregate:ty)),+ $(,)? }) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$variant_meta])* $variant($crate::To<$aggregate>)),+ }

        impl $crate::roles::Commands for $name {
            fn visit<V: $crate::roles::CommandVisitor>(
                &self,
                visitor: &mut V,
            ) -> ::core::result::Result<(), V::Error> {
                match self { $(Self::$variant(to) => visitor.command(to)),+ }
            }
        }

        impl $crate::roles::SingleCommand for $name {}

        // Only unions whose commands can all be serialized implement this: `for<'a>` delays the check until it is used.
        impl $crate::roles::SerializableCommands for $name
        where
            $(for<'a> $crate::To<$aggregate>: $crate::__private::Serializable<'a>),+
        {
            fn write(
                &self,
                out: &mut $crate::roles::CommandsJson,
            ) -> ::core::result::Result<(), $crate::codec::CodecError> {
                match self { $(Self::$variant(to) => $crate::roles::SerializableCommands::write(to, out)),+ }
            }
        }

        $(
            impl ::core::convert::From<$crate::To<$aggregate>> for $name {
                fn from(to: $crate::To<$aggregate>) -> Self {
                    Self::$variant(to)
                }
            }
        )+
    };
}
