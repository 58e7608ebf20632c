//! Stops a process at an exact place, so that a test can kill it there.
//!
//! The relay logs each step of a transaction at `debug` level, on the thread that executes it. A subscriber that does not
//! return from such a message stops the transaction at that place, so the library needs no hooks for tests.

use std::{
    fmt,
    io::BufRead,
    sync::atomic::{AtomicU32, Ordering},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

/// Writes to standard output that the process is parked, and waits for a line on standard input.
pub fn park(place: &str) {
    println!("parked: {place}");
    let mut line = String::new();
    // The input ends when the test ends: wait to be killed.
    if std::io::stdin()
        .lock()
        .read_line(&mut line)
        .is_ok_and(|read| read == 0)
    {
        loop {
            std::thread::park();
        }
    }
}

/// A subscriber that parks at the `nth` message with a given text.
#[derive(Debug)]
pub struct ParkAt {
    message: String,
    nth: u32,
    met: AtomicU32,
}

impl ParkAt {
    /// Parks when the relay logs `message` for the `nth` time, counted from 1.
    #[must_use]
    pub fn new(message: &str, nth: u32) -> Self {
        Self {
            message: message.to_owned(),
            nth,
            met: AtomicU32::new(0),
        }
    }
}

impl<S: Subscriber> Layer<S> for ParkAt {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "cqrs_kafka::relay" {
            return;
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        if message.0 == self.message && self.met.fetch_add(1, Ordering::SeqCst) + 1 == self.nth {
            park(&self.message);
        }
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
