//! The notification service: tells customers how their orders ended, and where they are meanwhile.

mod aggregate;
pub mod telling;
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
    let service = service.reactor(telling::Telling)?.view(Messages)?;
    service.view_over_topics(Tracking)
}
