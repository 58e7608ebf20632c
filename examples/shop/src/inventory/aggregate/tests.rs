//! The stock's rules: what is reserved, rejected and released, and that nothing counts twice.

use cqrs_testing::Spec;

use super::*;

fn stock() -> Spec<Stock> {
    Spec::new()
}

fn received(quantity: u32) -> StockEvent {
    let delivery = "first".into();
    StockEvent::Received { delivery, quantity }
}

fn receive(quantity: u32) -> StockCommand {
    let delivery = "first".into();
    StockCommand::Receive { delivery, quantity }
}

fn reserve(order: &str, quantity: u32) -> StockCommand {
    let order = order.into();
    StockCommand::Reserve { order, quantity }
}

fn reserved(order: &str, quantity: u32) -> StockEvent {
    let order = order.into();
    StockEvent::Reserved { order, quantity }
}

fn rejected(order: &str, quantity: u32) -> StockEvent {
    let order = order.into();
    StockEvent::Rejected { order, quantity }
}

fn release(order: &str) -> StockCommand {
    let order = order.into();
    StockCommand::Release { order }
}

fn released(order: &str, quantity: u32) -> StockEvent {
    let order = order.into();
    StockEvent::Released { order, quantity }
}

fn nothing_to_release(order: &str) -> StockEvent {
    let order = order.into();
    StockEvent::NothingToRelease { order }
}

#[test]
fn a_delivery_is_received_once() {
    stock().when(receive(5)).then([received(5)]);
    stock().given([received(5)]).when(receive(5)).then_nothing();
}

#[test]
fn a_quantity_of_zero_is_rejected() {
    stock()
        .when(receive(0))
        .then_rejected(StockError::NothingReceived);
    stock()
        .when(reserve("o-1", 0))
        .then_rejected(StockError::NothingToReserve {
            order: "o-1".into(),
        });
}

#[test]
fn goods_on_hand_are_reserved_and_others_are_rejected() {
    stock()
        .given([received(5), reserved("o-1", 3)])
        .when(reserve("o-2", 2))
        .then([reserved("o-2", 2)]);
    stock()
        .given([received(5), reserved("o-1", 3)])
        .when(reserve("o-2", 3))
        .then([rejected("o-2", 3)]);
}

#[test]
fn an_order_is_reserved_or_rejected_once() {
    stock()
        .given([received(5), reserved("o-1", 3)])
        .when(reserve("o-1", 3))
        .then_nothing();
    stock()
        .given([rejected("o-1", 3), received(5)])
        .when(reserve("o-1", 3))
        .then_nothing();
}

#[test]
fn a_cancelled_order_gives_its_goods_back_once() {
    stock()
        .given([received(5), reserved("o-1", 3)])
        .when(release("o-1"))
        .then([released("o-1", 3)]);
    stock()
        .given([received(5), reserved("o-1", 3), released("o-1", 3)])
        .when(release("o-1"))
        .then_nothing();
}

#[test]
fn released_goods_can_be_reserved_again() {
    stock()
        .given([received(5), reserved("o-1", 5), released("o-1", 5)])
        .when(reserve("o-2", 5))
        .then([reserved("o-2", 5)]);
}

#[test]
fn a_cancellation_is_recorded_with_nothing_to_release() {
    stock()
        .given([rejected("o-1", 3)])
        .when(release("o-1"))
        .then([nothing_to_release("o-1")]);
    stock()
        .given([nothing_to_release("o-1")])
        .when(release("o-1"))
        .then_nothing();
}

#[test]
fn nothing_is_reserved_after_a_cancellation() {
    stock()
        .given([received(5), nothing_to_release("o-1")])
        .when(reserve("o-1", 3))
        .then_nothing();
}
