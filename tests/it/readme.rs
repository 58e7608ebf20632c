//! The program in the README equals the quickstart example.

use cqrs_tests::servers::project;

#[test]
fn the_readmes_first_program_is_the_quickstart() {
    let read = |path: &str| std::fs::read_to_string(project().join(path)).expect("reads");
    assert!(read("README.md").contains(&read("examples/quickstart/src/main.rs")));
}
