//! The order's rules: answers in any order, and repeated answers.

use cqrs_testing::Spec;

use super::*;
use OrderCommand::{
    Cancel, Complete, MarkPaid, MarkPaymentUndone, MarkReservationUndone, MarkReserved, Place,
};
use OrderEvent::{Confirmed, Paid, PaymentUndone, Placed, ReservationUndone, Reserved};

fn line() -> Line {
    Line {
        customer: "ada".into(),
        sku: "tea".into(),
        quantity: 2,
        cents: 900,
    }
}

fn order() -> Spec<Order> {
    Spec::new()
}

fn out_of_stock() -> OrderEvent {
    cancelled(&line(), Reason::OutOfStock)
}

#[test]
fn an_order_is_placed_once() {
    order().when(Place(line())).then([Placed(line())]);
    order()
        .given([Placed(line())])
        .when(Place(line()))
        .then_nothing();
}

#[test]
fn another_order_under_the_same_id_is_rejected() {
    let three = Line {
        quantity: 3,
        ..line()
    };
    order()
        .given([Placed(line())])
        .when(Place(three))
        .then_rejected(OrderError::PlacedBefore { placed: line() });
}

#[test]
fn an_empty_order_is_rejected() {
    let none = Line {
        quantity: 0,
        ..line()
    };
    order().when(Place(none)).then_rejected(OrderError::Empty {
        quantity: 0,
        cents: 900,
    });
}

#[test]
fn nothing_happens_to_an_order_that_was_never_placed() {
    order().when(MarkPaid).then_rejected(OrderError::NotPlaced);
}

#[test]
fn an_order_is_confirmed_when_paid_and_reserved() {
    order().given([Placed(line())]).when(MarkPaid).then([Paid]);
    order()
        .given([Placed(line()), Paid])
        .when(MarkReserved)
        .then([Reserved, Confirmed(line())]);
    order()
        .given([Placed(line()), Reserved])
        .when(MarkPaid)
        .then([Paid, Confirmed(line())]);
}

#[test]
fn an_order_is_completed_when_shipped() {
    let confirmed = || [Placed(line()), Paid, Reserved, Confirmed(line())];
    order()
        .given(confirmed())
        .when(Complete)
        .then([completed(&line())]);
    order()
        .given(confirmed())
        .given([completed(&line())])
        .when(Complete)
        .then_nothing();
}

#[test]
fn only_the_first_bad_answer_cancels_an_order() {
    order()
        .given([Placed(line()), Paid])
        .when(Cancel(Reason::OutOfStock))
        .then([out_of_stock()]);
    order()
        .given([Placed(line()), out_of_stock()])
        .when(Cancel(Reason::CardDeclined))
        .then_nothing();
}

#[test]
fn a_good_answer_does_not_change_a_cancelled_order() {
    order()
        .given([Placed(line()), out_of_stock()])
        .when(MarkPaid)
        .then_nothing();
}

#[test]
fn an_order_is_closed_when_both_services_have_undone_theirs() {
    let closed = || closed(&line(), Reason::OutOfStock);
    order()
        .given([Placed(line()), out_of_stock()])
        .when(MarkPaymentUndone)
        .then([PaymentUndone]);
    order()
        .given([Placed(line()), out_of_stock(), PaymentUndone])
        .when(MarkReservationUndone)
        .then([ReservationUndone, closed()]);
    order()
        .given([Placed(line()), out_of_stock(), ReservationUndone])
        .when(MarkPaymentUndone)
        .then([PaymentUndone, closed()]);
}

#[test]
fn a_repeated_report_changes_nothing() {
    order()
        .given([Placed(line()), Paid])
        .when(MarkPaid)
        .then_nothing();
    order()
        .given([Placed(line()), out_of_stock(), PaymentUndone])
        .when(MarkPaymentUndone)
        .then_nothing();
}
