//! The contents of all read models, the only input of the audit.

use std::collections::BTreeMap;

use cqrs_core::{ReadModel, View, ports::Documents};

use crate::{
    error::{At, ShopError},
    inventory::{StockLevel, StockLevels},
    notification::{Letter, Messages, Track, Tracking},
    order::{OrderSummaries, OrderSummary, OrderTotals, Totals},
    payment::{PaymentAccount, PaymentAccounts},
    setup::Setup,
    shipping::{Parcel, Shipments},
    shop::Shop,
};

/// How many documents are read at a time.
const PAGE: usize = 1_000;

/// The documents of a view by key.
pub type Pages<D> = BTreeMap<String, D>;

/// The books of all services.
#[derive(Debug, Clone, Default)]
pub struct Books {
    pub orders: Pages<OrderSummary>,
    pub totals: Totals,
    pub payments: Pages<PaymentAccount>,
    pub stock: Pages<StockLevel>,
    pub shipments: Pages<Parcel>,
    pub messages: Pages<Letter>,
    pub tracks: Pages<Track>,
}

impl Books {
    /// Reads them from the stores.
    pub async fn read<U: Setup>(shop: &Shop<U>) -> Result<Self, ShopError> {
        Ok(Self {
            orders: typed::<OrderSummaries, _>(shop.order.store()).await?,
            totals: sum(typed::<OrderTotals, _>(shop.order.store()).await?),
            payments: typed::<PaymentAccounts, _>(shop.payment.store()).await?,
            stock: typed::<StockLevels, _>(shop.inventory.store()).await?,
            shipments: typed::<Shipments, _>(shop.shipping.store()).await?,
            messages: typed::<Messages, _>(shop.notification.store()).await?,
            tracks: typed::<Tracking, _>(shop.notification.store()).await?,
        })
    }
}

/// There is one document, or none before the first order.
fn sum(totals: Pages<Totals>) -> Totals {
    totals.into_values().next().unwrap_or_default()
}

async fn typed<V: View, S: Documents>(store: &S) -> Result<Pages<V::Document>, ShopError> {
    let (model, mut pages) = (ReadModel::<V, S>::new(store.clone()), Pages::new());
    loop {
        let page = model.page(last(&pages), PAGE).await.at(V::NAME)?;
        let is_last = page.len() < PAGE;
        pages.extend(page);
        if is_last {
            return Ok(pages);
        }
    }
}

fn last<D>(pages: &Pages<D>) -> Option<&str> {
    pages.last_key_value().map(|(key, _)| key.as_str())
}

/// Every document of a view as it is stored.
pub async fn bodies<S: Documents>(store: &S, view: &str) -> Result<Pages<Vec<u8>>, ShopError> {
    let mut pages = Pages::new();
    loop {
        let page = store.documents(view, last(&pages), PAGE).await.at(view)?;
        let is_last = page.len() < PAGE;
        pages.extend(page.into_iter().map(|(key, document)| (key, document.body)));
        if is_last {
            return Ok(pages);
        }
    }
}
