//! Stops a process at an exact place, so that it can be killed there.
//!
//! The relay says at `debug` level where it is in a transaction, on the thread that does it. A subscriber that does not
//! return from such a message holds the transaction at that very place; the library itself has no hooks.

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

/// Says on standard output that the process is parked, and waits for a line on standard input.
pub fn park(place: &str) {
    println!("parked: {place}");
    let mut line = String::new();
    // The end of the input means that the test is over: wait to be killed.
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

/// Parks at the `nth` message of this text.
#[derive(Debug)]
pub struct ParkAt {
    message: String,
    nth: u32,
    met: AtomicU32,
}

impl ParkAt {
    /// Parks when the relay says `message` for the `nth` time, counted from 1.
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
