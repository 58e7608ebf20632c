//! What the services' read models say: all that an audit needs, and nothing that the program remembers by itself.

use std::collections::BTreeMap;

use cqrs_core::{Documents, View, decode_document};

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
    /// Reads them out of the stores.
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

/// There is one document, or none when nobody has ordered anything.
fn sum(totals: Pages<Totals>) -> Totals {
    totals.into_values().next().unwrap_or_default()
}

async fn typed<V: View, S: Documents>(store: &S) -> Result<Pages<V::Document>, ShopError> {
    let documents = bodies(store, V::NAME).await?.into_iter();
    let typed = documents.map(|(key, body)| {
        let document = decode_document(V::NAME, &key, &body).at(V::NAME)?;
        Ok((key, document))
    });
    typed.collect()
}

/// Every document of a view as it is stored.
pub async fn bodies<S: Documents>(store: &S, view: &str) -> Result<Pages<Vec<u8>>, ShopError> {
    let mut pages = Pages::new();
    loop {
        let after = pages
            .last_key_value()
            .map(|(key, _): (&String, _)| key.clone());
        let page = store
            .documents(view, after.as_deref(), PAGE)
            .await
            .at(view)?;
        let last = page.len() < PAGE;
        pages.extend(page.into_iter().map(|(key, document)| (key, document.body)));
        if last {
            return Ok(pages);
        }
    }
}
