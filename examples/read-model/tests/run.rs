//! The program ends by itself, with success, and prints this.

use std::process::Command;

#[test]
fn the_program_prints_its_documents() {
    let program = Command::new(env!("CARGO_BIN_EXE_read-model")).output();
    let output = program.expect("the program runs");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("it prints text");
    let expected = "Ulysses: lent to Some(\"ada\")\nAusten: b1, b3\nJoyce: b2\n\
                    reset: 0 books\nrebuilt: 3 books\n";
    assert_eq!(printed, expected);
}
