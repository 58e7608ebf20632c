//! The payment service: charges a card for every order, and gives the money back for a cancelled one.

mod aggregate;
pub mod charging;
#[cfg(test)]
mod older;
mod views;

#[cfg(test)]
pub use self::aggregate::LIMIT_CENTS;
pub use self::{
    aggregate::PaymentEvent,
    views::{PaymentAccount, PaymentAccounts},
};
use crate::{error::ShopError, service::ShopService, setup::Setup};

/// Everything that runs in this service.
pub async fn open<U: Setup>(setup: &U) -> Result<ShopService<U>, ShopError> {
    let service = ShopService::open::<PaymentEvent>("payment", setup).await?;
    service.reactor(charging::Charging)?.view(PaymentAccounts)
}
