//! The five services together, and the one process that runs them.

use std::collections::BTreeMap;

use cqrs_core::Service;

use crate::{
    error::ShopError, inventory, notification, order, payment, service::ShopService, setup::Setup,
    shipping,
};

/// How many events there are of each category.
pub type Counts = BTreeMap<&'static str, u64>;

/// The services. They share nothing but the broker: each has a store of its own.
pub struct Shop<U: Setup> {
    pub order: ShopService<U>,
    pub payment: ShopService<U>,
    pub inventory: ShopService<U>,
    pub shipping: ShopService<U>,
    pub notification: ShopService<U>,
}

impl<U: Setup> Shop<U> {
    /// Opens every service's store and topics. Also returns the service of cqrs-core that runs all of them.
    pub async fn open(setup: &U) -> Result<(Self, Service), ShopError> {
        let mut shop = Self {
            order: order::open(setup).await?,
            payment: payment::open(setup).await?,
            inventory: inventory::open(setup).await?,
            shipping: shipping::open(setup).await?,
            notification: notification::open(setup).await?,
        };
        // All in one process, so that all consumer groups join side by side.
        let parts = [
            shop.order.parts(),
            shop.payment.parts(),
            shop.inventory.parts(),
            shop.shipping.parts(),
            shop.notification.parts(),
        ];
        let process = parts
            .into_iter()
            .flatten()
            .fold(Service::new(), Service::with);
        Ok((shop, process))
    }

    pub fn services(&self) -> [&ShopService<U>; 5] {
        [
            &self.order,
            &self.payment,
            &self.inventory,
            &self.shipping,
            &self.notification,
        ]
    }

    /// How many events there are of each category.
    pub async fn events(&self) -> Result<Counts, ShopError> {
        let mut counts = Counts::new();
        for service in self.services() {
            let (category, count) = service.events().await?;
            counts.insert(category, count);
        }
        Ok(counts)
    }
}
