//! The shipping service: sends what was confirmed on its way.

mod aggregate;
pub mod dispatching;
mod views;

pub use self::{
    aggregate::ShipmentEvent,
    views::{Parcel, Shipments},
};
use crate::{error::ShopError, service::Service, setup::Setup};

/// Everything that runs in this service.
pub async fn open<U: Setup>(setup: &U) -> Result<Service<U>, ShopError> {
    let service = Service::open::<ShipmentEvent>("shipping", setup).await?;
    Ok(service.reactor(dispatching::Dispatching)?.view(Shipments))
}
