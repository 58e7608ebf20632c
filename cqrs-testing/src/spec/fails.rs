//! The message with which a specification must fail.

use std::panic::{UnwindSafe, catch_unwind};

/// The message of the panic.
pub(crate) fn failure(test: impl FnOnce() + UnwindSafe) -> String {
    let panic = catch_unwind(test).expect_err("it must fail");
    match panic.downcast::<String>() {
        Ok(message) => *message,
        Err(panic) => (*panic.downcast_ref::<&str>().expect("a message")).to_owned(),
    }
}
