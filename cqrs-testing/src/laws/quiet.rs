//! Catches panics without the message that the panic hook prints: a search causes one many times.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook},
    sync::Once,
};

use cqrs_core::model::message_of;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs `code`; a panic is an error with its message.
pub(super) fn quietly<T>(code: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(code));
    QUIET.set(outer);
    result.map_err(|panic| message_of(&*panic))
}
