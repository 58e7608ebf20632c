//! The inventory service: reserves goods for every order, and puts them back for a cancelled one.

mod aggregate;
pub mod reserving;
mod views;

pub use self::{
    aggregate::{Stock, StockCommand, StockEvent},
    views::{StockLevel, StockLevels},
};
use crate::{error::ShopError, service::ShopService, setup::Setup};

/// Everything that runs in this service.
pub async fn open<U: Setup>(setup: &U) -> Result<ShopService<U>, ShopError> {
    let service = ShopService::open::<StockEvent>("inventory", setup).await?;
    service.reactor(reserving::Reserving)?.view(StockLevels)
}
