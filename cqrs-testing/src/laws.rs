//! Laws: properties that every aggregate, view and reactor has, tested on generated histories, in one line.
//!
//! ```
//! # mod domain {
//! # use cqrs_core::prelude::*;
//! # use serde::{Deserialize, Serialize};
//! # #[derive(Debug, PartialEq, Serialize, Deserialize)] pub enum PurseEvent { Added { cents: u64 } }
//! # impl Event for PurseEvent { const CATEGORY: &'static str = "purse"; }
//! # #[derive(Debug, Default, PartialEq, Serialize, Deserialize)] pub struct Purse { cents: u64 }
//! # impl Aggregate for Purse {
//! #     type Command = u64; type Event = PurseEvent; type Error = std::convert::Infallible;
//! #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![PurseEvent::Added { cents }]) }
//! #     fn apply(&mut self, PurseEvent::Added { cents }: PurseEvent) { self.cents += cents }
//! # }
//! # pub struct Totals;
//! # impl View for Totals {
//! #     const NAME: &'static str = "totals"; type Events = PurseEvent; type Document = u64;
//! #     fn keys(&self, event: &Envelope<PurseEvent>) -> DocumentKeys { event.id().into() }
//! #     fn apply(&self, _: &str, total: Option<u64>, event: &Envelope<PurseEvent>) -> Option<u64> {
//! #         let PurseEvent::Added { cents } = &event.event;
//! #         Some(total.unwrap_or_default() + cents)
//! #     }
//! # }
//! # }
//! #[cfg(test)]
//! mod tests {
//!     use cqrs_testing::{laws, laws::history_of, proptest::prelude::*};
//! #   use super::domain::*;
//!
//!     fn any_command() -> impl Strategy<Value = u64> {
//!         1..1_000_u64
//!     }
//!
//!     laws! { Purse: commands = any_command() }
//!     laws! { view Totals over topics [("a", history_of::<Purse>(any_command())), ("b", history_of::<Purse>(any_command()))] }
//! }
//! # use cqrs_testing::laws::{AggregateLaws, ViewLaws, history_of};
//! # use domain::*;
//! # let commands = || 1..1_000_u64;
//! # AggregateLaws::<Purse>::new(commands()).a_snapshot_at_any_cut_is_transparent();
//! # let streams = vec![("a", history_of::<Purse>(commands())).into(), ("b", history_of::<Purse>(commands())).into()];
//! # ViewLaws::new(|| Totals, streams).the_order_between_streams_makes_no_difference();
//! ```
//!
//! **Commands are generated, histories follow**: a law sees only states that can be reached. Each law is a test of its own, so a
//! failure names its law. It shows the simplest history that breaks the law, as a [`Spec`](crate::Spec) to paste.
//!
//! **A law that tested nothing fails**: when no command led to an event, when a stream stayed empty, when a view changed no
//! document or a reactor sent no command. The message says how to help the strategy.
//!
//! | Role | Laws |
//! | --- | --- |
//! | `Account: commands = any_command()` | `handle` and `apply` never panic; a decision is the same twice; a replay is deterministic; a snapshot at any cut is transparent; events survive encoding |
//! | `view Balances over [("a", any_event())]` | it never panics; batches make no difference; a rebuilt view is the same |
//! | `view Balances over topics [..]` | the same, and the order between streams makes no difference |
//! | `reactor Booking over [..]` | it never panics; the same event has the same commands; earlier events make no difference |
//!
//! | Option, after a comma | Effect |
//! | --- | --- |
//! | `without snapshots` (directly after the commands) | for a state that is never saved: it needs no serde |
//! | `repeats`, `repeats = \|command\| ..` | a repeated command adds nothing: all, or those that the function accepts |
//! | `old = [("Deposited", 1, any_old_payload())]` | older events stay readable, and `apply` takes them: type, schema version, a strategy of payloads |
//! | `catalogue = "events.lock"` | the same for every event in the file of a [`catalogue!`](crate::catalogue!); the path begins at the crate |
//! | `pauses = any_duration()` | so much time passes before each command; without it all have the same time |
//! | `duplicates` | of a view: events that come again make no difference |
//! | `longest = 50` | the maximum number of commands, or of events, in a history; 20 by default |
//! | `config = ..` | proptest's configuration |
//!
//! A stream is an id with a strategy of events, or with [`history_of`] an aggregate. A role that needs a value is written
//! `view Balances(3) over ..`. Two aggregates in one module have tests of the same names: write
//! `laws! { mod purse { Purse: commands = any_command() } }`.
//!
//! # Reproduce a failure
//!
//! proptest's configuration and its variables apply: `PROPTEST_CASES=10000` searches longer. A failure prints the
//! `PROPTEST_RNG_SEED` that repeats the run. As with `proptest!`, the seed of a failure is kept in `proptest-regressions/`
//! beside your sources and tried first from then on, so that the next run cannot pass by luck. Commit the file, or paste the
//! printed test and delete it. `PROPTEST_DISABLE_FAILURE_PERSISTENCE=1` keeps nothing.
//!
//! # Limits
//!
//! Laws say nothing about your rules: write specifications for these. A panic of the role itself breaks the first law only. A
//! printed test is made of `Debug` texts: an enum inside of a value lacks its name.
//!
//! Laws about clocks wait for the next second, and ask again. A clock that is read in whole minutes or days is not noticed.
//!
//! An older event is applied at places of generated histories at which the aggregate decides an event of the same type. It must
//! be applied at one of them: its payload need not fit all histories. If it is a type that is no longer decided, any place counts.

mod aggregate;
mod broken;
mod commands;
mod delivery;
mod failed;
mod histories;
mod later;
mod macros;
mod quiet;
mod reactor;
mod search;
mod shrink;
mod streams;
mod tested;
mod view;

pub use self::{
    aggregate::{AggregateLaws, OldEvents},
    reactor::ReactorLaws,
    streams::{HistoryOf, Stream, StreamSource, history_of},
    view::ViewLaws,
};

#[cfg(test)]
mod tests;
