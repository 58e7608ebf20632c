//! The stock of one product. Its id is the sku.
//!
//! It remembers every order that it has handled, so that a repeated command changes nothing.

use std::collections::{HashMap, HashSet};

use cqrs_core::{Aggregate, Context, Decision, Event};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StockEvent {
    Received {
        delivery: String,
        quantity: u32,
    },
    /// Taken off the shelf for this order.
    Reserved {
        order: String,
        quantity: u32,
    },
    /// A business failure is an event: the order service reads it.
    Rejected {
        order: String,
        quantity: u32,
    },
    /// Back on the shelf.
    Released {
        order: String,
        quantity: u32,
    },
    /// The order was cancelled and held nothing.
    NothingToRelease {
        order: String,
    },
}

impl Event for StockEvent {
    const CATEGORY: &'static str = "stock";
}

#[derive(Debug, Clone, PartialEq)]
pub enum StockCommand {
    Receive { delivery: String, quantity: u32 },
    Reserve { order: String, quantity: u32 },
    Release { order: String },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum StockError {
    #[error("the delivery is empty")]
    NothingReceived,
    #[error("order {order} has a quantity of zero")]
    NothingToReserve { order: String },
}

#[derive(Debug, Default)]
pub struct Stock {
    on_hand: u32,
    deliveries: HashSet<String>,
    orders: HashMap<String, Outcome>,
}

/// What this stock has decided about an order.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    Reserved(u32),
    Rejected,
    Released,
}

impl Aggregate for Stock {
    type Command = StockCommand;
    type Event = StockEvent;
    type Error = StockError;

    fn handle(&self, command: StockCommand, _: &Context) -> Decision<Self> {
        match command {
            StockCommand::Receive { delivery, quantity } => self.receive(delivery, quantity),
            StockCommand::Reserve { order, quantity } => self.reserve(order, quantity),
            StockCommand::Release { order } => Ok(self.release(order)),
        }
    }

    fn apply(&mut self, event: StockEvent) {
        match event {
            StockEvent::Received { delivery, quantity } => {
                self.deliveries.insert(delivery);
                self.on_hand += quantity;
            }
            StockEvent::Reserved { order, quantity } => {
                self.orders.insert(order, Outcome::Reserved(quantity));
                self.on_hand = self.on_hand.saturating_sub(quantity);
            }
            StockEvent::Rejected { order, .. } => {
                self.orders.insert(order, Outcome::Rejected);
            }
            StockEvent::Released { order, quantity } => {
                self.orders.insert(order, Outcome::Released);
                self.on_hand += quantity;
            }
            StockEvent::NothingToRelease { order } => {
                self.orders.insert(order, Outcome::Released);
            }
        }
    }
}

impl Stock {
    fn receive(&self, delivery: String, quantity: u32) -> Decision<Self> {
        if quantity == 0 {
            return Err(StockError::NothingReceived);
        }
        if self.deliveries.contains(&delivery) {
            return Ok(vec![]);
        }
        Ok(vec![StockEvent::Received { delivery, quantity }])
    }

    fn reserve(&self, order: String, quantity: u32) -> Decision<Self> {
        if quantity == 0 {
            return Err(StockError::NothingToReserve { order });
        }
        if self.orders.contains_key(&order) {
            return Ok(vec![]);
        }
        Ok(vec![if quantity <= self.on_hand {
            StockEvent::Reserved { order, quantity }
        } else {
            StockEvent::Rejected { order, quantity }
        }])
    }

    fn release(&self, order: String) -> Vec<StockEvent> {
        match self.orders.get(&order) {
            Some(&Outcome::Reserved(quantity)) => vec![StockEvent::Released { order, quantity }],
            Some(Outcome::Rejected) | None => vec![StockEvent::NothingToRelease { order }],
            Some(Outcome::Released) => vec![],
        }
    }
}

#[cfg(test)]
mod tests;
