//! The program ends by itself, with success, and prints the same in the process and on servers.

use std::process::Command;

const SERVERS: [&str; 2] = ["DATABASE_URL", "KAFKA_BROKERS"];

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_kafka-relay"))
}

fn prints_the_revenue(program: &mut Command) {
    let output = program.output().expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("it prints text");
    let expected = "o1 again: the order is placed already\n\
                    ann: 2200 cents in 2 order(s)\nbob: 900 cents in 1 order(s)\n";
    assert_eq!(printed, expected);
}

#[test]
fn orders_reach_billing_over_the_embedded_cluster() {
    let mut program = program();
    for server in SERVERS {
        program.env_remove(server);
    }
    prints_the_revenue(&mut program);
}

#[test]
fn orders_reach_billing_over_servers() {
    for server in SERVERS {
        assert!(
            std::env::var(server).is_ok(),
            "this test needs {server}: run scripts/test"
        );
    }
    prints_the_revenue(&mut program());
}

#[test]
fn one_server_alone_is_rejected() {
    let mut program = program();
    program.env("DATABASE_URL", "postgres://localhost/shop");
    let output = program.env_remove("KAFKA_BROKERS").output();
    let output = output.expect("the program runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("set both DATABASE_URL and KAFKA_BROKERS"),
        "{said}"
    );
}
