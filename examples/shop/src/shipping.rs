//! The shipping service: dispatches confirmed orders.

mod aggregate;
pub mod dispatching;
mod views;

pub use self::{
    aggregate::ShipmentEvent,
    views::{Parcel, Shipments},
};
use crate::{error::ShopError, service::ShopService, setup::Setup};

/// Everything that runs in this service.
pub async fn open<U: Setup>(setup: &U) -> Result<ShopService<U>, ShopError> {
    let service = ShopService::open::<ShipmentEvent>("shipping", setup).await?;
    service.reactor(dispatching::Dispatching)?.view(Shipments)
}
