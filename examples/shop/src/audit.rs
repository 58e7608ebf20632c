//! Checks that the books of the five services balance.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    books::Books,
    notification::Outcome,
    order::{OrderSummary, State, Totals},
};

/// How many cases a finding names.
const EXAMPLES: usize = 3;

/// The findings. Empty if the books balance.
pub fn audit(books: &Books) -> Vec<String> {
    let checks = [states, totals, shipments, messages, money, stock, tracks];
    checks.iter().flat_map(|check| check(books)).collect()
}

/// Every order is final.
fn states(books: &Books) -> Vec<String> {
    let open = books
        .orders
        .iter()
        .filter(|(_, order)| order.settled_at.is_none());
    finding(
        "orders are not final",
        open.map(|(id, order)| format!("{id} is {:?}", order.state)),
    )
}

/// The totals count every order once.
fn totals(books: &Books) -> Vec<String> {
    let count = |is: fn(&State) -> bool| {
        let states = books.orders.values().map(|order| &order.state);
        states.filter(|state| is(state)).count() as u64
    };
    let counted = Totals {
        placed: count(|_| true),
        completed: count(|state| *state == State::Completed),
        closed: count(|state| matches!(state, State::Closed(_))),
    };
    let found = (counted != books.totals).then(|| format!("{counted:?} and {:?}", books.totals));
    finding("the orders and their totals differ", found.into_iter())
}

/// Exactly the completed orders were shipped.
fn shipments(books: &Books) -> Vec<String> {
    let completed = completed(books).map(|(id, order)| {
        let line = &order.line;
        (
            id.clone(),
            (line.customer.clone(), line.sku.clone(), line.quantity),
        )
    });
    let shipped = books.shipments.iter().map(|(id, parcel)| {
        (
            id.clone(),
            (parcel.customer.clone(), parcel.sku.clone(), parcel.quantity),
        )
    });
    differences("completed orders and shipments differ", completed, shipped)
}

/// Every order has one message, to its customer.
fn messages(books: &Books) -> Vec<String> {
    let orders = books
        .orders
        .iter()
        .map(|(id, order)| (id.clone(), order.line.customer.clone()));
    let sent = books
        .messages
        .iter()
        .map(|(id, letter)| (id.clone(), letter.customer.clone()));
    differences("orders and messages differ", orders, sent)
}

/// The money captured and not refunded is the price of the completed orders.
fn money(books: &Books) -> Vec<String> {
    let due = books.orders.iter().map(|(id, order)| {
        let completed = order.state == State::Completed;
        (id.clone(), if completed { order.line.cents } else { 0 })
    });
    let kept = books.payments.iter().map(|(id, account)| {
        (
            id.clone(),
            account
                .captured_cents
                .saturating_sub(account.refunded_cents),
        )
    });
    let overpaid = books
        .payments
        .iter()
        .filter(|(_, account)| account.refunded_cents > account.captured_cents);
    let mut found = differences(
        "the price of an order and the money kept for it differ",
        due,
        kept,
    );
    found.extend(finding(
        "refunds exceed what was captured",
        overpaid.map(|(id, _)| id.clone()),
    ));
    found
}

/// Only completed orders hold stock, each its own quantity, and nothing else has left the shelves.
fn stock(books: &Books) -> Vec<String> {
    let mut sold: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    for (id, OrderSummary { line, .. }) in completed(books) {
        sold.entry(line.sku.clone())
            .or_default()
            .insert(id.clone(), line.quantity);
    }
    let sold = sold.into_iter();
    let levels = || books.stock.iter();
    let gone = levels().filter(|(_, level)| {
        level.received != level.on_hand + level.reserved.values().sum::<u32>()
    });
    let held = levels().map(|(sku, level)| (sku.clone(), level.reserved.clone()));
    let held = held.filter(|(_, reserved)| !reserved.is_empty());
    let mut found = differences("completed orders and reserved stock differ", sold, held);
    found.extend(finding(
        "received minus on hand differs from reserved",
        gone.map(|(sku, _)| sku.clone()),
    ));
    found
}

/// The tracks have the outcomes of the orders, and the final event of every topic.
fn tracks(books: &Books) -> Vec<String> {
    let orders = books.orders.iter().map(|(id, order)| {
        let outcome = match order.state {
            State::Completed => Some(Outcome::Completed),
            State::Closed(_) => Some(Outcome::Closed),
            State::Open | State::Confirmed | State::Cancelled(_) => None,
        };
        (id.clone(), (outcome, true))
    });
    let tracks = books
        .tracks
        .iter()
        .map(|(id, track)| (id.clone(), (track.outcome, track.is_complete())));
    differences("orders and their tracks differ", orders, tracks)
}

fn completed(books: &Books) -> impl Iterator<Item = (&String, &OrderSummary)> {
    books
        .orders
        .iter()
        .filter(|(_, order)| order.state == State::Completed)
}

/// The keys whose values differ, as one finding.
fn differences<T: PartialEq + std::fmt::Debug>(
    what: &str,
    one: impl Iterator<Item = (String, T)>,
    other: impl Iterator<Item = (String, T)>,
) -> Vec<String> {
    let (one, other): (BTreeMap<_, _>, BTreeMap<_, _>) = (one.collect(), other.collect());
    let keys: BTreeSet<_> = one.keys().chain(other.keys()).collect();
    let differ = keys
        .into_iter()
        .filter(|key| one.get(*key) != other.get(*key));
    finding(
        what,
        differ.map(|key| {
            let value = |book: &BTreeMap<_, T>| {
                book.get(key)
                    .map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"))
            };
            format!("{key}: {} and {}", value(&one), value(&other))
        }),
    )
}

/// A finding with the number of cases and the first few of them. Empty without cases.
fn finding(what: &str, cases: impl Iterator<Item = String>) -> Vec<String> {
    let cases: Vec<_> = cases.collect();
    match cases.len() {
        0 => vec![],
        count => {
            let examples = cases[..count.min(EXAMPLES)].join("; ");
            vec![format!("{what} ({count}): {examples}")]
        }
    }
}

#[cfg(test)]
mod tests;
