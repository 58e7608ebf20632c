//! The contents of all read models, the only input of the audit.

use std::collections::BTreeMap;

use cqrs_core::{ReadModel, View, model::KeyRange, ports::Documents};

use crate::{
    error::{ErrorContext, ShopError},
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
pub type ByKey<D> = BTreeMap<String, D>;

/// The books of all services.
#[derive(Debug, Clone, Default)]
pub struct Books {
    pub orders: ByKey<OrderSummary>,
    pub totals: Totals,
    pub payments: ByKey<PaymentAccount>,
    pub stock: ByKey<StockLevel>,
    pub shipments: ByKey<Parcel>,
    pub messages: ByKey<Letter>,
    pub tracks: ByKey<Track>,
}

impl Books {
    /// Reads them from the stores.
    pub async fn read<U: Setup>(shop: &Shop<U>) -> Result<Self, ShopError> {
        Ok(Self {
            orders: all::<OrderSummaries, _>(shop.order.store()).await?,
            totals: sum(all::<OrderTotals, _>(shop.order.store()).await?),
            payments: all::<PaymentAccounts, _>(shop.payment.store()).await?,
            stock: all::<StockLevels, _>(shop.inventory.store()).await?,
            shipments: all::<Shipments, _>(shop.shipping.store()).await?,
            messages: all::<Messages, _>(shop.notification.store()).await?,
            tracks: all::<Tracking, _>(shop.notification.store()).await?,
        })
    }
}

/// There is one document, or none before the first order.
fn sum(totals: ByKey<Totals>) -> Totals {
    totals.into_values().next().unwrap_or_default()
}

async fn all<V: View, S: Documents>(store: &S) -> Result<ByKey<V::Document>, ShopError> {
    let model = ReadModel::<V, S>::new(store);
    let mut documents = ByKey::new();
    loop {
        let page = model.page(last(&documents), PAGE).await.context(V::NAME)?;
        let is_last = page.len() < PAGE;
        documents.extend(page);
        if is_last {
            return Ok(documents);
        }
    }
}

fn last<D>(documents: &ByKey<D>) -> Option<&str> {
    documents.last_key_value().map(|(key, _)| key.as_str())
}

/// Every document of a view as it is stored.
pub async fn bodies<S: Documents>(store: &S, view: &str) -> Result<ByKey<Vec<u8>>, ShopError> {
    let mut bodies = ByKey::new();
    loop {
        let keys = match last(&bodies) {
            Some(last) => KeyRange::all().after(last),
            None => KeyRange::all(),
        };
        let page = store.documents(view, &keys, PAGE).await.context(view)?;
        let is_last = page.len() < PAGE;
        bodies.extend(page.into_iter().map(|(key, document)| (key, document.body)));
        if is_last {
            return Ok(bodies);
        }
    }
}
