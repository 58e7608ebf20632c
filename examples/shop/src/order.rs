//! The order service: takes orders, and collects the answers of the other services.

mod aggregate;
pub mod answers;
mod views;

pub use self::{
    aggregate::{Line, Order, OrderCommand, OrderError, OrderEvent, Reason},
    views::{OrderSummaries, OrderSummary, OrderTotals, State, Totals},
};
use crate::{error::ShopError, service::ShopService, setup::Setup};

/// Everything that runs in this service.
pub async fn open<U: Setup>(setup: &U) -> Result<ShopService<U>, ShopError> {
    let service = ShopService::open::<OrderEvent>("order", setup).await?;
    service
        .reactor(answers::Answers)?
        .view(OrderSummaries)?
        .view(OrderTotals)
}
