//! Whether the books of the five services balance, each against the others.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    books::Books,
    notification::Outcome,
    order::{OrderSummary, State, Totals},
};

/// How many examples of one kind are named.
const EXAMPLES: usize = 3;

/// What is off; nothing when everything balances.
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
    say(
        "orders are not final",
        open.map(|(id, order)| format!("{id} is {:?}", order.state)),
    )
}

/// The document that counts every event has counted none of them twice.
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
    let off = (counted != books.totals).then(|| format!("{counted:?} and {:?}", books.totals));
    say("the orders and their totals differ", off.into_iter())
}

/// What was shipped is what was completed.
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
    let told = books
        .messages
        .iter()
        .map(|(id, letter)| (id.clone(), letter.customer.clone()));
    differences("orders and messages differ", orders, told)
}

/// What was captured and not refunded is what completed orders cost.
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
    let mut off = differences(
        "the price of an order and the money kept for it differ",
        due,
        kept,
    );
    off.extend(say(
        "refunds exceed what was captured",
        overpaid.map(|(id, _)| id.clone()),
    ));
    off
}

/// What has left the shelves is what completed orders ask for, and is held by them and nobody else.
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
    let mut off = differences("completed orders and reserved stock differ", sold, held);
    off.extend(say(
        "received - on hand is not what is reserved",
        gone.map(|(sku, _)| sku.clone()),
    ));
    off
}

/// The view over four topics tells the same, and each of the topics has had its last word.
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
        .map(|(id, track)| (id.clone(), (track.outcome, track.is_whole())));
    differences("orders and their tracks differ", orders, tracks)
}

fn completed(books: &Books) -> impl Iterator<Item = (&String, &OrderSummary)> {
    books
        .orders
        .iter()
        .filter(|(_, order)| order.state == State::Completed)
}

/// Two books that should say the same of everything.
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
    say(
        what,
        differ.map(|key| {
            let told = |book: &BTreeMap<_, T>| {
                book.get(key)
                    .map_or_else(|| "nothing".to_owned(), |told| format!("{told:?}"))
            };
            format!("{key}: {} and {}", told(&one), told(&other))
        }),
    )
}

/// One sentence with the number of cases and the first few of them.
fn say(what: &str, cases: impl Iterator<Item = String>) -> Vec<String> {
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
