//! An order: one product line, from placed to final.
//!
//! It is confirmed when the payment is captured and the goods are reserved, in either order. One bad answer cancels it.
//! Then it is final only when both services have undone their part.

use cqrs_core::{Aggregate, Context, Decision, Event};
use serde::{Deserialize, Serialize};

/// The content of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub customer: String,
    pub sku: String,
    pub quantity: u32,
    /// The price of the whole quantity.
    pub cents: u64,
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    CardDeclined,
    OutOfStock,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum OrderEvent {
    /// Payment and inventory begin to work on it, each on its own.
    Placed(Line),
    Paid,
    Reserved,
    /// Paid and reserved: to be shipped.
    Confirmed(Line),
    /// Each service undoes what it has done for this order. No other event makes it do so.
    Cancelled {
        sku: String,
        reason: Reason,
    },
    /// Payment holds no money for it any more.
    PaymentUndone,
    /// Inventory holds no goods for it any more.
    ReservationUndone,
    /// Final: it is on its way.
    Completed {
        customer: String,
    },
    /// Final: it was cancelled, and everything is as it was before.
    Closed {
        customer: String,
        reason: Reason,
    },
}

impl Event for OrderEvent {
    const CATEGORY: &'static str = "order";
}

/// All but the first report what other services have decided. A repeated report changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum OrderCommand {
    Place(Line),
    MarkPaid,
    MarkReserved,
    Cancel(Reason),
    MarkPaymentUndone,
    MarkReservationUndone,
    Complete,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    #[error(
        "an order needs a quantity and a price, this one has {quantity} pieces for {cents} cents"
    )]
    Empty { quantity: u32, cents: u64 },
    #[error("the order was placed before, for {} x {} by {}", placed.quantity, placed.sku, placed.customer)]
    PlacedBefore { placed: Line },
    #[error("the order was never placed")]
    NotPlaced,
}

#[derive(Debug, Default)]
pub struct Order {
    line: Option<Line>,
    stage: Stage,
    paid: bool,
    reserved: bool,
    payment_undone: bool,
    reservation_undone: bool,
}

#[derive(Debug, Default, Clone, Copy)]
enum Stage {
    #[default]
    Open,
    Confirmed,
    Cancelled(Reason),
    Final,
}

impl Aggregate for Order {
    type Command = OrderCommand;
    type Event = OrderEvent;
    type Error = OrderError;

    fn handle(&self, command: OrderCommand, _: &Context) -> Decision<Self> {
        match (&self.line, command) {
            (None, OrderCommand::Place(line)) => place(line),
            (None, _) => Err(OrderError::NotPlaced),
            (Some(placed), OrderCommand::Place(line)) => place_again(placed, &line),
            (Some(placed), report) => Ok(self.record(placed, &report)),
        }
    }

    fn apply(&mut self, event: OrderEvent) {
        match event {
            OrderEvent::Placed(line) => self.line = Some(line),
            OrderEvent::Paid => self.paid = true,
            OrderEvent::Reserved => self.reserved = true,
            OrderEvent::Confirmed(_) => self.stage = Stage::Confirmed,
            OrderEvent::Cancelled { reason, .. } => self.stage = Stage::Cancelled(reason),
            OrderEvent::PaymentUndone => self.payment_undone = true,
            OrderEvent::ReservationUndone => self.reservation_undone = true,
            OrderEvent::Completed { .. } | OrderEvent::Closed { .. } => self.stage = Stage::Final,
        }
    }
}

fn place(line: Line) -> Decision<Order> {
    let Line {
        quantity, cents, ..
    } = line;
    if quantity == 0 || cents == 0 {
        return Err(OrderError::Empty { quantity, cents });
    }
    Ok(vec![OrderEvent::Placed(line)])
}

fn place_again(placed: &Line, line: &Line) -> Decision<Order> {
    if placed == line {
        return Ok(vec![]);
    }
    let placed = placed.clone();
    Err(OrderError::PlacedBefore { placed })
}

impl Order {
    fn record(&self, line: &Line, report: &OrderCommand) -> Vec<OrderEvent> {
        match (self.stage, report) {
            (Stage::Open, OrderCommand::MarkPaid) if !self.paid => {
                followed_by(OrderEvent::Paid, self.reserved.then(|| confirmed(line)))
            }
            (Stage::Open, OrderCommand::MarkReserved) if !self.reserved => {
                followed_by(OrderEvent::Reserved, self.paid.then(|| confirmed(line)))
            }
            (Stage::Open, OrderCommand::Cancel(reason)) => vec![cancelled(line, *reason)],
            (Stage::Cancelled(reason), OrderCommand::MarkPaymentUndone) if !self.payment_undone => {
                let last = self.reservation_undone.then(|| closed(line, reason));
                followed_by(OrderEvent::PaymentUndone, last)
            }
            (Stage::Cancelled(reason), OrderCommand::MarkReservationUndone)
                if !self.reservation_undone =>
            {
                let last = self.payment_undone.then(|| closed(line, reason));
                followed_by(OrderEvent::ReservationUndone, last)
            }
            (Stage::Confirmed, OrderCommand::Complete) => vec![completed(line)],
            // A repeat, or overtaken by a cancellation.
            _ => vec![],
        }
    }
}

fn followed_by(event: OrderEvent, next: Option<OrderEvent>) -> Vec<OrderEvent> {
    [event].into_iter().chain(next).collect()
}

fn confirmed(line: &Line) -> OrderEvent {
    OrderEvent::Confirmed(line.clone())
}

fn cancelled(line: &Line, reason: Reason) -> OrderEvent {
    let sku = line.sku.clone();
    OrderEvent::Cancelled { sku, reason }
}

fn completed(line: &Line) -> OrderEvent {
    let customer = line.customer.clone();
    OrderEvent::Completed { customer }
}

fn closed(line: &Line, reason: Reason) -> OrderEvent {
    let customer = line.customer.clone();
    OrderEvent::Closed { customer, reason }
}

#[cfg(test)]
mod tests;
