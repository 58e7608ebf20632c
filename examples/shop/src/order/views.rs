//! The order service's read models: one document for each order, and one that counts all orders.

use cqrs_core::{DocumentKeys, Envelope, View};
use serde::{Deserialize, Serialize};

use super::{Line, OrderEvent, Reason};
use crate::clock::millis;

/// The state of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Open,
    Confirmed,
    Cancelled(Reason),
    Completed,
    Closed(Reason),
}

/// An order as its customer sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderSummary {
    pub line: Line,
    pub state: State,
    /// Milliseconds since 1970.
    pub placed_at: u64,
    /// When it became final.
    pub settled_at: Option<u64>,
}

/// Keeps an [`OrderSummary`] for each order.
#[derive(Debug, Clone, Copy)]
pub struct OrderSummaries;

impl View for OrderSummaries {
    const NAME: &'static str = "order_summaries";
    type Events = OrderEvent;
    type Document = OrderSummary;

    fn keys(&self, event: &Envelope<OrderEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        summary: Option<OrderSummary>,
        event: &Envelope<OrderEvent>,
    ) -> Option<OrderSummary> {
        let at = millis(event.recorded.recorded_at);
        if let OrderEvent::Placed(line) = &event.event {
            return Some(OrderSummary {
                line: line.clone(),
                state: State::Open,
                placed_at: at,
                settled_at: None,
            });
        }
        let mut summary = summary?;
        match &event.event {
            OrderEvent::Confirmed(_) => summary.state = State::Confirmed,
            OrderEvent::Cancelled { reason, .. } => summary.state = State::Cancelled(*reason),
            OrderEvent::Completed { .. } => summary.settle(State::Completed, at),
            OrderEvent::Closed { reason, .. } => summary.settle(State::Closed(*reason), at),
            OrderEvent::Placed(_)
            | OrderEvent::Paid
            | OrderEvent::Reserved
            | OrderEvent::PaymentUndone
            | OrderEvent::ReservationUndone => {}
        }
        Some(summary)
    }
}

impl OrderSummary {
    fn settle(&mut self, state: State, at: u64) {
        self.state = state;
        self.settled_at = Some(at);
    }
}

/// How many orders there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    pub placed: u64,
    pub completed: u64,
    pub closed: u64,
}

impl Totals {
    /// Those that are final.
    pub const fn settled(self) -> u64 {
        self.completed + self.closed
    }
}

/// Counts all orders in one document. Cheap, because a batch of events writes it once.
#[derive(Debug, Clone, Copy)]
pub struct OrderTotals;

impl OrderTotals {
    /// The only document's key.
    pub const KEY: &'static str = "all";
}

impl View for OrderTotals {
    const NAME: &'static str = "order_totals";
    type Events = OrderEvent;
    type Document = Totals;

    fn keys(&self, _: &Envelope<OrderEvent>) -> DocumentKeys {
        Self::KEY.into()
    }

    fn apply(
        &self,
        _: &str,
        totals: Option<Totals>,
        event: &Envelope<OrderEvent>,
    ) -> Option<Totals> {
        let mut totals = totals.unwrap_or_default();
        match event.event {
            OrderEvent::Placed(_) => totals.placed += 1,
            OrderEvent::Completed { .. } => totals.completed += 1,
            OrderEvent::Closed { .. } => totals.closed += 1,
            _ => {}
        }
        Some(totals)
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    fn line() -> Line {
        Line {
            customer: "ada".into(),
            sku: "tea".into(),
            quantity: 2,
            cents: 900,
        }
    }

    fn summary(state: State, settled_at: Option<u64>) -> OrderSummary {
        OrderSummary {
            line: line(),
            state,
            placed_at: 0,
            settled_at,
        }
    }

    fn completed() -> OrderEvent {
        OrderEvent::Completed {
            customer: "ada".into(),
        }
    }

    #[test]
    fn a_summary_shows_the_state_of_its_order() {
        let placed = || OrderEvent::Placed(line());
        Spec::view(OrderSummaries)
            .given("o-1", [placed(), OrderEvent::Paid])
            .given("o-2", [placed(), OrderEvent::Confirmed(line())])
            .given(
                "o-3",
                [placed(), OrderEvent::Confirmed(line()), completed()],
            )
            .then([
                ("o-1", summary(State::Open, None)),
                ("o-2", summary(State::Confirmed, None)),
                ("o-3", summary(State::Completed, Some(0))),
            ]);
    }

    #[test]
    fn a_closed_order_keeps_its_reason() {
        let reason = Reason::CardDeclined;
        let cancelled = OrderEvent::Cancelled {
            sku: "tea".into(),
            reason,
        };
        let closed = OrderEvent::Closed {
            customer: "ada".into(),
            reason,
        };
        Spec::view(OrderSummaries)
            .given("o-1", [OrderEvent::Placed(line()), cancelled, closed])
            .then([("o-1", summary(State::Closed(reason), Some(0)))]);
    }

    #[test]
    fn totals_count_all_orders() {
        let totals = Totals {
            placed: 2,
            completed: 1,
            closed: 0,
        };
        Spec::view(OrderTotals)
            .given("o-1", [OrderEvent::Placed(line()), completed()])
            .given("o-2", [OrderEvent::Placed(line())])
            .then([(OrderTotals::KEY, totals)]);
        assert_eq!(totals.settled(), 1);
    }
}
