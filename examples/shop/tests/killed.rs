//! The shop on real PostgreSQL and Kafka, killed during its work and started again: the books still balance.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};

/// A name that no other run has used.
fn fresh_name() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    format!("k{}", now.as_millis())
}

fn shop(name: &str) -> Child {
    for setting in ["DATABASE_URL", "KAFKA_BROKERS"] {
        assert!(
            std::env::var(setting).is_ok(),
            "this test needs {setting}: run scripts/test"
        );
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_shop"));
    command.args(["--orders", "600", "--rate", "200", "--name", name]);
    command
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts the shop")
}

/// `    2 s  placed 471 of 3000  settled ...` is 471.
fn placed(line: &str) -> Option<u64> {
    let mut words = line.split_whitespace().skip_while(|word| *word != "placed");
    words.nth(1)?.parse().ok()
}

/// Sends SIGKILL as soon as the shop prints that this many orders are placed.
fn kill_after(orders: u64, name: &str) {
    let mut shop = shop(name);
    let output = BufReader::new(shop.stdout.take().expect("piped"));
    let mut lines = output.lines().map(|line| line.expect("UTF-8"));
    let reached = lines.any(|line| placed(&line).is_some_and(|placed| placed >= orders));
    assert!(reached, "the shop ended before {orders} orders were placed");
    shop.kill().expect("is killed");
    shop.wait().expect("is awaited");
}

#[test]
fn a_killed_shop_is_started_again_and_its_books_balance() {
    let name = fresh_name();
    for orders in [1, 150, 450] {
        kill_after(orders, &name);
    }
    let output = shop(&name).wait_with_output().expect("is awaited");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("the books balance"), "{said}");
}
