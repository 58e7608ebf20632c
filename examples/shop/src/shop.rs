//! The five services together: opened, started and stopped in order.

use std::collections::BTreeMap;

use crate::{
    error::ShopError,
    inventory, notification, order, payment,
    service::{Failures, Kind, Service},
    setup::Setup,
    shipping,
};

/// How many events there are of each category.
pub type Counts = BTreeMap<&'static str, u64>;

/// The services. They share nothing but the broker: each has a store of its own.
pub struct Shop<U: Setup> {
    pub order: Service<U>,
    pub payment: Service<U>,
    pub inventory: Service<U>,
    pub shipping: Service<U>,
    pub notification: Service<U>,
}

impl<U: Setup> Shop<U> {
    /// Opens every service's store and topics. Nothing runs yet.
    pub async fn open(setup: &U) -> Result<Self, ShopError> {
        let mut shop = Self {
            order: order::open(setup).await?,
            payment: payment::open(setup).await?,
            inventory: inventory::open(setup).await?,
            shipping: shipping::open(setup).await?,
            notification: notification::open(setup).await?,
        };
        for service in shop.services() {
            service.prepare().await?;
        }
        Ok(shop)
    }

    pub fn services(&mut self) -> [&mut Service<U>; 5] {
        [
            &mut self.order,
            &mut self.payment,
            &mut self.inventory,
            &mut self.shipping,
            &mut self.notification,
        ]
    }

    /// How many events there are of each category.
    pub async fn events(&mut self) -> Result<Counts, ShopError> {
        let mut counts = Counts::new();
        for service in self.services() {
            let (category, count) = service.events().await?;
            counts.insert(category, count);
        }
        Ok(counts)
    }

    /// Starts everything at once: all consumer groups join side by side.
    pub fn start(&mut self, failures: &Failures) {
        for service in self.services() {
            service.parts().for_each(|part| part.start(failures));
        }
    }

    /// Stops what reads, then what publishes. Each part finishes what it has in hand.
    pub async fn stop(&mut self) -> Result<(), ShopError> {
        let readers = self.stop_those(|kind| kind != Kind::Relay).await;
        let relays = self.stop_those(|kind| kind == Kind::Relay).await;
        readers.and(relays)
    }

    async fn stop_those(&mut self, these: impl Fn(Kind) -> bool) -> Result<(), ShopError> {
        let mut stopping = Vec::new();
        for service in self.services() {
            let parts = service.parts().filter(|part| these(part.kind()));
            stopping.extend(parts.map(|part| part.stop()));
        }
        let mut outcome = Ok(());
        for stopped in stopping {
            outcome = outcome.and(stopped.await);
        }
        outcome
    }
}
