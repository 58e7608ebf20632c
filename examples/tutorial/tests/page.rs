//! The tutorial shows this program, line by line as it grows, and what it prints. The last chapters change it.

use std::{collections::BTreeSet, process::Command};

const PAGE: &str = include_str!("../../../docs/tutorial/bank-account.md");
const PROGRAM: &str = include_str!("../src/main.rs");
const CHANGED: &str = include_str!("../src/bin/changed.rs");

/// The first chapter that changes the program.
const CHANGES: &str = "## 8. Change an event";

#[test]
fn every_block_is_a_part_of_the_program_in_its_order() {
    let (before, after) = PAGE.split_once(CHANGES).expect("the chapter");
    for (page, program) in [(before, PROGRAM), (after, CHANGED)] {
        for block in blocks(page, "```rust") {
            let mut program = program.lines();
            for line in block.lines() {
                let found = program.any(|other| other == line);
                assert!(found, "not in the program, or not at this place: {line}");
            }
        }
    }
}

#[test]
fn every_line_of_the_program_is_on_the_page() {
    let (before, _) = PAGE.split_once(CHANGES).expect("the chapter");
    for (page, program) in [(before, PROGRAM), (PAGE, CHANGED)] {
        let blocks = blocks(page, "```rust");
        let shown: BTreeSet<_> = blocks.into_iter().flat_map(str::lines).collect();
        let code = program.lines().filter(|line| !line.starts_with("//!"));
        let hidden: Vec<_> = code.filter(|line| !shown.contains(line)).collect();
        assert!(hidden.is_empty(), "{hidden:#?}");
    }
}

#[test]
fn the_program_prints_what_the_page_says() {
    let program = Command::new(env!("CARGO_BIN_EXE_tutorial")).output();
    let output = program.expect("the program runs");
    assert!(output.status.success());
    let printed = String::from_utf8(output.stdout).expect("it prints text");
    let (before, _) = PAGE.split_once(CHANGES).expect("the chapter");
    let expected = *blocks(before, "```text")
        .last()
        .expect("the page shows the output");
    assert_eq!(printed, expected);
}

fn blocks<'a>(page: &'a str, fence: &str) -> Vec<&'a str> {
    let after = page.split(fence).skip(1);
    let blocks = after.filter_map(|rest| rest.split("```").next());
    blocks.map(|block| block.trim_start_matches('\n')).collect()
}
