//! The track of an order, from the topics of four services.
//!
//! **Invariant**: over topics a view must not depend on the order between streams. Here every field of a document is
//! written by the events of one stream only, and may be written before the order itself is known.

use cqrs_core::{Envelope, Event, Keys, View, events};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub enum OrderNews {
    Placed { customer: String },
    Completed {},
    Closed {},
}

impl Event for OrderNews {
    const CATEGORY: &'static str = "order";
    const PARTIAL: bool = true;
}

#[derive(Debug, Serialize, Deserialize)]
pub enum PaymentNews {
    Captured {},
    Declined {},
    Refunded {},
}

impl Event for PaymentNews {
    const CATEGORY: &'static str = "payment";
    const PARTIAL: bool = true;
}

#[derive(Debug, Serialize, Deserialize)]
pub enum StockNews {
    Reserved { order: String },
    Rejected { order: String },
    Released { order: String },
}

impl Event for StockNews {
    const CATEGORY: &'static str = "stock";
    const PARTIAL: bool = true;
}

#[derive(Debug, Serialize, Deserialize)]
pub enum ShipmentNews {
    Dispatched {},
}

impl Event for ShipmentNews {
    const CATEGORY: &'static str = "shipment";
    const PARTIAL: bool = true;
}

events! {
    /// All events that change a track.
    pub enum News {
        Order(OrderNews),
        Payment(PaymentNews),
        Stock(StockNews),
        Shipment(ShipmentNews),
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
    type Events = News;
    type Document = Track;

    fn keys(&self, news: &Envelope<News>) -> Keys {
        match &news.event {
            News::Stock(
                StockNews::Reserved { order }
                | StockNews::Rejected { order }
                | StockNews::Released { order },
            ) => order.as_str().into(),
            News::Order(_) | News::Payment(_) | News::Shipment(_) => news.id().into(),
        }
    }

    fn apply(&self, _: &str, track: Option<Track>, news: &Envelope<News>) -> Option<Track> {
        let mut track = track.unwrap_or_default();
        match &news.event {
            News::Order(OrderNews::Placed { customer }) => track.customer = Some(customer.clone()),
            News::Order(OrderNews::Completed {}) => track.outcome = Some(Outcome::Completed),
            News::Order(OrderNews::Closed {}) => track.outcome = Some(Outcome::Closed),
            News::Payment(payment) => track.money = Some(money(payment)),
            News::Stock(stock) => track.goods = Some(goods(stock)),
            News::Shipment(ShipmentNews::Dispatched {}) => track.dispatched = true,
        }
        Some(track)
    }
}

fn money(payment: &PaymentNews) -> Money {
    match payment {
        PaymentNews::Captured {} => Money::Captured,
        PaymentNews::Declined {} => Money::Declined,
        PaymentNews::Refunded {} => Money::Refunded,
    }
}

fn goods(stock: &StockNews) -> Goods {
    match stock {
        StockNews::Reserved { .. } => Goods::Reserved,
        StockNews::Rejected { .. } => Goods::OutOfStock,
        StockNews::Released { .. } => Goods::BackOnTheShelf,
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    fn placed() -> OrderNews {
        OrderNews::Placed {
            customer: "ada".into(),
        }
    }

    fn reserved() -> StockNews {
        StockNews::Reserved {
            order: "o-1".into(),
        }
    }

    #[test]
    fn the_order_between_streams_makes_no_difference() {
        let track = || Track {
            customer: Some("ada".into()),
            money: Some(Money::Captured),
            goods: Some(Goods::Reserved),
            dispatched: true,
            outcome: Some(Outcome::Completed),
        };
        Spec::view(Tracking)
            .given("o-1", [placed()])
            .given("o-1", [PaymentNews::Captured {}])
            .given("tea", [reserved()])
            .given("o-1", [ShipmentNews::Dispatched {}])
            .given("o-1", [OrderNews::Completed {}])
            .then([("o-1", track())]);
        Spec::view(Tracking)
            .given("o-1", [ShipmentNews::Dispatched {}])
            .given("tea", [reserved()])
            .given("o-1", [PaymentNews::Captured {}])
            .given("o-1", [placed(), OrderNews::Completed {}])
            .then([("o-1", track())]);
    }

    #[test]
    fn a_cancelled_order_shows_that_all_is_undone() {
        let released = StockNews::Released {
            order: "o-1".into(),
        };
        let track = Track {
            money: Some(Money::Declined),
            goods: Some(Goods::BackOnTheShelf),
            ..Track::default()
        };
        Spec::view(Tracking)
            .given("tea", [reserved(), released])
            .given("o-1", [PaymentNews::Declined {}])
            .then([("o-1", track)]);
    }
}
