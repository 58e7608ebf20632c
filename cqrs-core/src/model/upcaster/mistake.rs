//! Names the upcaster with a mistake, also when the list is checked by the compiler, which formats nothing.

use super::Upcaster;

/// The longest message in bytes. The names of event types are shorter.
const MAX_BYTES: usize = 512;

/// Panics, when it is compiled, with the event type and the schema version at which the upcaster begins.
pub(super) const fn mistake(upcaster: &Upcaster, what: &str) -> ! {
    let message = Message::new("UPCASTERS: the upcaster of `")
        .text(upcaster.event_type)
        .text("` from schema version ")
        .number(upcaster.from)
        .text(" ")
        .text(what);
    let (text, _) = message.bytes.split_at(message.length);
    match core::str::from_utf8(text) {
        Ok(text) => panic!("{}", text),
        Err(_) => panic!("UPCASTERS: an upcaster is missing, is there twice, or leads nowhere"),
    }
}

/// A text that grows at compile time. What exceeds it is cut off.
struct Message {
    bytes: [u8; MAX_BYTES],
    length: usize,
}

impl Message {
    const fn new(text: &str) -> Self {
        let empty = Self {
            bytes: [0; MAX_BYTES],
            length: 0,
        };
        empty.text(text)
    }

    const fn text(mut self, text: &str) -> Self {
        let mut index = 0;
        while index < text.len() && self.length < MAX_BYTES {
            self.bytes[self.length] = text.as_bytes()[index];
            self.length += 1;
            index += 1;
        }
        self
    }

    const fn number(self, number: u32) -> Self {
        const DIGITS: &str = "0123456789";
        let before = if number < 10 {
            self
        } else {
            self.number(number / 10)
        };
        let (_, from) = DIGITS.split_at((number % 10) as usize);
        let (digit, _) = from.split_at(1);
        before.text(digit)
    }
}
