//! The inventory service: reserves goods for every order, and puts them back for a cancelled one.

mod aggregate;
pub mod reserving;
mod views;

pub use self::{
    aggregate::{Stock, StockCommand, StockEvent},
    views::{StockLevel, StockLevels},
};
use crate::{error::ShopError, service::Service, setup::Setup};

/// Everything that runs in this service.
pub async fn open<U: Setup>(setup: &U) -> Result<Service<U>, ShopError> {
    let service = Service::open::<StockEvent>("inventory", setup).await?;
    Ok(service.reactor(reserving::Reserving)?.view(StockLevels))
}
