//! The role that reacts to events with commands.

use crate::{
    model::Envelope,
    roles::{
        commands::{Rejection, SingleCommand},
        events::Events,
    },
};

/// The reaction of a runner when an aggregate rejects a reactor's command.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(Debug, thiserror::Error)] #[error("the account is closed")] struct Closed;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Default)] struct Account;
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = Closed;
/// #     fn handle(&self, _: u64, _: &Context) -> Decision<Self> { Err(Closed) }
/// #     fn apply(&mut self, _: AccountEvent) {}
/// # }
/// # #[derive(serde::Serialize, serde::Deserialize)] enum OrderEvent { Paid { by: String } }
/// # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
/// # struct Bonus;
/// # impl Reactor for Bonus {
/// #     const NAME: &'static str = "bonus"; type Events = OrderEvent; type Commands = To<Account>;
/// #     fn react(&self, event: &Envelope<OrderEvent>) -> Vec<To<Account>> {
/// #         let OrderEvent::Paid { by } = &event.event;
/// #         vec![To::new(by, 10)]
/// #     }
/// fn rejected(&self, _: &Envelope<OrderEvent>, rejection: &Rejection) -> OnRejected<To<Account>> {
///     match rejection.downcast_ref() {
///         Some(Closed) => OnRejected::Instead(vec![To::new("unclaimed", 10)]),
///         None => OnRejected::Fail,
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnRejected<C> {
    /// The event cannot be handled, for this reason: the runner does what [`Runner::on_failure`](crate::Runner::on_failure) says. By default
    /// it tries the event again and then parks its stream. No event is skipped.
    Fail,
    /// Continue: the rejection is expected. The event's other commands are sent.
    Ignore,
    /// Send these commands instead of the rejected one; they may be rejected in turn. The event's other commands are sent too.
    ///
    /// For one event a reactor may answer so 100 times for each command that [`react`](Reactor::react) returned. After
    /// that the event cannot be handled, as with [`Fail`](Self::Fail).
    Instead(Vec<C>),
}

/// Event -> commands, without a state of its own.
///
/// **Invariant**: the events of its commands and its checkpoint commit together, so no command is executed twice.
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
/// # #[derive(serde::Serialize, serde::Deserialize)] enum OrderEvent { Paid { by: String } }
/// # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
/// /// Every paid order adds a bonus to the account of its customer.
/// struct Bonus;
/// impl Reactor for Bonus {
///     const NAME: &'static str = "bonus";
///     type Events = OrderEvent;
///     type Commands = To<Account>;
///
///     fn react(&self, event: &Envelope<OrderEvent>) -> Vec<To<Account>> {
///         let OrderEvent::Paid { by } = &event.event;
///         vec![To::new(by, 10)]
///     }
/// }
/// ```
pub trait Reactor: Send + Sync + 'static {
    /// The name of the subscription. All views, reactors and projections of a store need different names:
    /// with one name, two roles share a checkpoint, and each misses what the other one handles.
    const NAME: &'static str;
    /// The events that it reads.
    type Events: Events;
    /// One command that it sends: [`To`](crate::To) one aggregate, or a union declared with [`commands!`](crate::commands).
    ///
    /// It is not a set that takes effect as a whole: each command is accepted or rejected by itself. So a tuple does not
    /// compile:
    ///
    /// ```compile_fail
    /// # use cqrs_core::prelude::*;
    /// # #[derive(serde::Serialize, serde::Deserialize)] enum PurseEvent { Changed { by: i64 } }
    /// # impl Event for PurseEvent { const CATEGORY: &'static str = "purse"; }
    /// # #[derive(Default)] struct Purse;
    /// # impl Aggregate for Purse {
    /// #     type Command = i64; type Event = PurseEvent; type Error = std::convert::Infallible;
    /// #     fn handle(&self, by: i64, _: &Context) -> Decision<Self> { Ok(vec![PurseEvent::Changed { by }]) }
    /// #     fn apply(&mut self, _: PurseEvent) {}
    /// # }
    /// # struct Transfer;
    /// impl Reactor for Transfer {
    ///     type Commands = (To<Purse>, To<Purse>); // the first could take effect without the second
    /// #     const NAME: &'static str = "transfer"; type Events = PurseEvent;
    /// #     fn react(&self, _: &Envelope<PurseEvent>) -> Vec<Self::Commands> { vec![] }
    /// }
    /// ```
    type Commands: SingleCommand;

    /// The commands that follow from the event.
    fn react(&self, event: &Envelope<Self::Events>) -> Vec<Self::Commands>;

    /// Chooses the reaction to a rejected command. The default is [`Stop`](OnRejected::Fail), so that an unforeseen rejection
    /// is never lost.
    fn rejected(
        &self,
        event: &Envelope<Self::Events>,
        rejection: &Rejection,
    ) -> OnRejected<Self::Commands> {
        let _ = (event, rejection);
        OnRejected::Fail
    }
}
