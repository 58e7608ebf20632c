//! Each law finds the bug that is planted for it, and accepts what has none.

mod aggregates;
mod clocks;
mod macros;
mod pasted;
mod reactors;
mod untested;
mod views;

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::test_runner::{Config, RngSeed};

/// The same search in every run, which keeps nothing.
fn config() -> Config {
    Config {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..Config::with_cases(64)
    }
}

/// The message of a law, if it is broken.
fn broken(law: impl FnOnce()) -> Option<String> {
    let panic = super::quiet::quietly(|| catch_unwind(AssertUnwindSafe(law)).map_err(message));
    panic.expect("it is caught").err()
}

fn message(panic: Box<dyn std::any::Any + Send>) -> String {
    *panic.downcast::<String>().expect("a formatted message")
}

/// The names of the laws that are broken, each of which is asked.
macro_rules! broken_laws {
    ($laws:expr, $($law:ident($($argument:expr)?))+) => {{
        let mut names: Vec<&str> = Vec::new();
        $(
            if $crate::laws::tests::broken(|| $laws.$law($($argument)?)).is_some() {
                names.push(stringify!($law));
            }
        )+
        names
    }};
}
use broken_laws;
