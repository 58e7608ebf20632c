//! The notification service: notifies customers of the outcome of their orders, and tracks the orders until then.

mod aggregate;
pub mod notifying;
pub mod tracking;
mod views;

pub use self::{
    aggregate::MessageEvent,
    tracking::{Outcome, Track, Tracking},
    views::{Letter, Messages},
};
use crate::{error::ShopError, service::ShopService, setup::Setup};

/// Everything that runs in this service.
pub async fn open<U: Setup>(setup: &U) -> Result<ShopService<U>, ShopError> {
    let service = ShopService::open::<MessageEvent>("notification", setup).await?;
    let service = service.reactor(notifying::Notifying)?.view(Messages)?;
    service.view_over_topics(Tracking)
}
