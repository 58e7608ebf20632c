//! The audit of books that balance, and of books with one fault each.

use super::*;
use crate::{
    inventory::StockLevel,
    notification::{
        Letter, Track,
        tracking::{Goods, Money},
    },
    order::{Line, Reason},
    payment::PaymentAccount,
    shipping::Parcel,
};

/// The books of a completed order and a closed one.
fn balanced() -> Books {
    let mut books = Books::default();
    order(&mut books, "o-1", State::Completed);
    order(&mut books, "o-2", State::Closed(Reason::OutOfStock));
    let parcel = Parcel {
        customer: "ada".into(),
        sku: "tea".into(),
        quantity: 2,
    };
    books.shipments.insert("o-1".into(), parcel);
    books.totals = Totals {
        placed: 2,
        completed: 1,
        closed: 1,
    };
    let level = StockLevel {
        received: 3,
        on_hand: 1,
        reserved: [("o-1".to_owned(), 2)].into(),
    };
    books.stock.insert("tea".into(), level);
    books
}

fn order(books: &mut Books, id: &str, state: State) {
    let completed = state == State::Completed;
    let line = Line {
        customer: "ada".into(),
        sku: "tea".into(),
        quantity: 2,
        cents: 900,
    };
    let summary = OrderSummary {
        line,
        state,
        placed_at: 0,
        settled_at: Some(1),
    };
    let account = PaymentAccount {
        captured_cents: 900,
        refunded_cents: if completed { 0 } else { 900 },
        declined: false,
    };
    let letter = Letter {
        customer: "ada".into(),
        text: "sent".into(),
    };
    let outcome = if completed {
        Outcome::Completed
    } else {
        Outcome::Closed
    };
    let (money, goods) = if completed {
        (Money::Captured, Goods::Reserved)
    } else {
        (Money::Refunded, Goods::OutOfStock)
    };
    let track = Track {
        customer: Some("ada".into()),
        money: Some(money),
        limit_cents: None,
        goods: Some(goods),
        dispatched: completed,
        outcome: Some(outcome),
    };
    books.orders.insert(id.into(), summary);
    books.payments.insert(id.into(), account);
    books.messages.insert(id.into(), letter);
    books.tracks.insert(id.into(), track);
}

/// The findings after this change to books that balance.
fn findings(change: impl FnOnce(&mut Books)) -> String {
    let mut books = balanced();
    change(&mut books);
    audit(&books).join("\n")
}

#[test]
fn books_that_balance_have_no_findings() {
    assert_eq!(findings(|_| {}), "");
}

#[test]
fn an_order_that_is_not_final_is_named() {
    let found = findings(|books| {
        books.orders.values_mut().for_each(|order| {
            order.settled_at = None;
        });
    });
    assert_eq!(
        found,
        "orders are not final (2): o-1 is Completed; o-2 is Closed(OutOfStock)"
    );
}

#[test]
fn an_event_that_was_counted_twice_is_found() {
    let found = findings(|books| books.totals.completed += 1);
    assert!(
        found.starts_with(
            "the orders and their totals differ (1): Totals { placed: 2, completed: 1,"
        ),
        "{found}"
    );
}

#[test]
fn money_that_was_not_refunded_is_found() {
    let found = findings(|books| {
        books
            .payments
            .values_mut()
            .for_each(|account| account.refunded_cents = 0);
    });
    assert_eq!(
        found,
        "the price of an order and the money kept for it differ (1): o-2: 0 and 900"
    );
}

#[test]
fn a_double_charge_is_found() {
    let found = findings(|books| {
        books
            .payments
            .values_mut()
            .for_each(|account| account.captured_cents += 900);
    });
    assert!(
        found.contains("(2): o-1: 900 and 1800; o-2: 0 and 900"),
        "{found}"
    );
}

#[test]
fn stock_that_a_closed_order_still_holds_is_found() {
    let found = findings(|books| {
        for level in books.stock.values_mut() {
            level.reserved.insert("o-2".into(), 1);
            level.on_hand = 0;
        }
    });
    assert_eq!(
        found,
        "completed orders and reserved stock differ (1): tea: {\"o-1\": 2} and {\"o-1\": 2, \"o-2\": 1}"
    );
}

#[test]
fn stock_that_is_gone_but_not_reserved_is_found() {
    let found = findings(|books| books.stock.values_mut().for_each(|level| level.on_hand = 0));
    assert_eq!(
        found,
        "received minus on hand differs from reserved (1): tea"
    );
}

#[test]
fn missing_documents_are_found() {
    assert!(findings(|books| books.shipments.clear()).contains("shipments differ (1): o-1: ("));
    assert!(findings(|books| books.messages.clear()).contains("messages differ (2)"));
    assert!(findings(|books| books.tracks.clear()).contains("tracks differ (2)"));
    let incomplete = |books: &mut Books| {
        books
            .tracks
            .values_mut()
            .for_each(|track| track.money = None);
    };
    assert!(
        findings(incomplete).contains("tracks differ (2)"),
        "the final event of a topic is missing"
    );
    assert!(findings(|books| books.payments.clear()).contains("money kept for it differ (2)"));
}
