//! The message with which a specification must fail, and the test in it.

use std::panic::{UnwindSafe, catch_unwind};

/// The message of the panic.
pub(crate) fn failure(test: impl FnOnce() + UnwindSafe) -> String {
    let panic = catch_unwind(test).expect_err("it must fail");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast_ref::<&str>().expect("a message")).to_owned(),
    }
}

/// The test that a failure of a specification or a law prints.
pub(crate) fn printed(message: &str) -> &str {
    let before = [
        "this would pass:\n\n",
        "this test fails until the law holds:\n\n",
    ];
    let after = before.iter().find_map(|before| message.split_once(before));
    let (_, test) = after.expect("a test");
    test.split("\n\nPROPTEST").next().unwrap_or(test).trim_end()
}
