//! The track of an order, from the topics of four services.
//!
//! **Invariant**: over topics a view must not depend on the order between streams. Here every field of a document is
//! written by the events of one stream only, and may be written before the order itself is known.

use cqrs_core::{DocumentKeys, Envelope, Event, View, events, model::Upcaster};
use serde::{Deserialize, Serialize};

use crate::payment::PaymentEvent;

#[derive(Debug, Serialize, Deserialize)]
pub enum OrderEvents {
    Placed { customer: String },
    Completed {},
    Closed {},
}

impl Event for OrderEvents {
    const CATEGORY: &'static str = "order";
    const PARTIAL: bool = true;
}

#[derive(Debug, Serialize, Deserialize)]
pub enum PaymentEvents {
    Captured {},
    Declined { limit_cents: u64 },
    Refunded {},
}

/// It reads a field that older events lack, so it takes over the owner's upcasters. Between repositories they would be a crate.
impl Event for PaymentEvents {
    const CATEGORY: &'static str = "payment";
    const PARTIAL: bool = true;
    const UPCASTERS: &'static [Upcaster] = PaymentEvent::UPCASTERS;
}

#[derive(Debug, Serialize, Deserialize)]
pub enum StockEvents {
    Reserved { order: String },
    Rejected { order: String },
    Released { order: String },
}

impl Event for StockEvents {
    const CATEGORY: &'static str = "stock";
    const PARTIAL: bool = true;
}

#[derive(Debug, Serialize, Deserialize)]
pub enum ShipmentEvents {
    Dispatched {},
}

impl Event for ShipmentEvents {
    const CATEGORY: &'static str = "shipment";
    const PARTIAL: bool = true;
}

events! {
    /// All events that change a track.
    pub enum TrackingEvents {
        Order(OrderEvents),
        Payment(PaymentEvents),
        Stock(StockEvents),
        Shipment(ShipmentEvents),
    }
}

/// Where the money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Money {
    Captured,
    Declined,
    Refunded,
}

/// Where the goods are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Goods {
    Reserved,
    OutOfStock,
    BackOnTheShelf,
}

/// How the order ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Completed,
    Closed,
}

/// The state of one order across the services.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    pub customer: Option<String>,
    pub money: Option<Money>,
    /// The limit that a declined payment exceeded.
    pub limit_cents: Option<u64>,
    pub goods: Option<Goods>,
    pub dispatched: bool,
    pub outcome: Option<Outcome>,
}

impl Track {
    /// Whether it has the final event of every topic, as the outcome requires.
    pub fn is_complete(&self) -> bool {
        let final_state = match self.outcome {
            Some(Outcome::Completed) => {
                (self.money, self.goods, self.dispatched)
                    == (Some(Money::Captured), Some(Goods::Reserved), true)
            }
            Some(Outcome::Closed) => {
                matches!(self.money, Some(Money::Declined | Money::Refunded))
                    && matches!(self.goods, Some(Goods::OutOfStock | Goods::BackOnTheShelf))
                    && !self.dispatched
            }
            None => false,
        };
        final_state && self.customer.is_some()
    }
}

/// Keeps a [`Track`] for each order.
#[derive(Debug, Clone, Copy)]
pub struct Tracking;

impl View for Tracking {
    const NAME: &'static str = "tracking";
    type Events = TrackingEvents;
    type Document = Track;

    fn keys(&self, event: &Envelope<TrackingEvents>) -> DocumentKeys {
        match &event.event {
            TrackingEvents::Stock(
                StockEvents::Reserved { order }
                | StockEvents::Rejected { order }
                | StockEvents::Released { order },
            ) => order.as_str().into(),
            TrackingEvents::Order(_) | TrackingEvents::Payment(_) | TrackingEvents::Shipment(_) => {
                event.id().into()
            }
        }
    }

    fn apply(
        &self,
        _: &str,
        track: Option<Track>,
        event: &Envelope<TrackingEvents>,
    ) -> Option<Track> {
        let mut track = track.unwrap_or_default();
        match &event.event {
            TrackingEvents::Order(OrderEvents::Placed { customer }) => {
                track.customer = Some(customer.clone());
            }
            TrackingEvents::Order(OrderEvents::Completed {}) => {
                track.outcome = Some(Outcome::Completed);
            }
            TrackingEvents::Order(OrderEvents::Closed {}) => track.outcome = Some(Outcome::Closed),
            TrackingEvents::Payment(payment) => {
                track.money = Some(money(payment));
                if let PaymentEvents::Declined { limit_cents } = payment {
                    track.limit_cents = Some(*limit_cents);
                }
            }
            TrackingEvents::Stock(stock) => track.goods = Some(goods(stock)),
            TrackingEvents::Shipment(ShipmentEvents::Dispatched {}) => track.dispatched = true,
        }
        Some(track)
    }
}

fn money(payment: &PaymentEvents) -> Money {
    match payment {
        PaymentEvents::Captured {} => Money::Captured,
        PaymentEvents::Declined { .. } => Money::Declined,
        PaymentEvents::Refunded {} => Money::Refunded,
    }
}

fn goods(stock: &StockEvents) -> Goods {
    match stock {
        StockEvents::Reserved { .. } => Goods::Reserved,
        StockEvents::Rejected { .. } => Goods::OutOfStock,
        StockEvents::Released { .. } => Goods::BackOnTheShelf,
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    fn placed() -> OrderEvents {
        OrderEvents::Placed {
            customer: "ada".into(),
        }
    }

    fn reserved() -> StockEvents {
        StockEvents::Reserved {
            order: "o-1".into(),
        }
    }

    #[test]
    fn the_order_between_streams_makes_no_difference() {
        let track = || Track {
            customer: Some("ada".into()),
            money: Some(Money::Captured),
            limit_cents: None,
            goods: Some(Goods::Reserved),
            dispatched: true,
            outcome: Some(Outcome::Completed),
        };
        Spec::view(Tracking)
            .given("o-1", [placed()])
            .given("o-1", [PaymentEvents::Captured {}])
            .given("tea", [reserved()])
            .given("o-1", [ShipmentEvents::Dispatched {}])
            .given("o-1", [OrderEvents::Completed {}])
            .then([("o-1", track())]);
        Spec::view(Tracking)
            .given("o-1", [ShipmentEvents::Dispatched {}])
            .given("tea", [reserved()])
            .given("o-1", [PaymentEvents::Captured {}])
            .given("o-1", [placed(), OrderEvents::Completed {}])
            .then([("o-1", track())]);
    }

    #[test]
    fn a_cancelled_order_shows_that_all_is_undone() {
        let released = StockEvents::Released {
            order: "o-1".into(),
        };
        let declined = PaymentEvents::Declined {
            limit_cents: 36_000,
        };
        let track = Track {
            money: Some(Money::Declined),
            limit_cents: Some(36_000),
            goods: Some(Goods::BackOnTheShelf),
            ..Track::default()
        };
        Spec::view(Tracking)
            .given("tea", [reserved(), released])
            .given("o-1", [declined])
            .then([("o-1", track)]);
    }
}
