//! The notification service's read model: the messages as they were sent.

use cqrs_core::{DocumentKeys, Envelope, View};
use serde::{Deserialize, Serialize};

use super::MessageEvent;

/// A message to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    pub customer: String,
    pub text: String,
}

/// Keeps a [`Letter`] for each order.
#[derive(Debug, Clone, Copy)]
pub struct Messages;

impl View for Messages {
    const NAME: &'static str = "messages";
    type Events = MessageEvent;
    type Document = Letter;

    fn keys(&self, event: &Envelope<MessageEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, _: Option<Letter>, event: &Envelope<MessageEvent>) -> Option<Letter> {
        let MessageEvent::Recorded { customer, text } = event.event.clone();
        Some(Letter { customer, text })
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    #[test]
    fn a_letter_is_kept_for_each_order() {
        let recorded = MessageEvent::Recorded {
            customer: "ada".into(),
            text: "sent".into(),
        };
        let letter = Letter {
            customer: "ada".into(),
            text: "sent".into(),
        };
        Spec::view(Messages)
            .given("o-1", [recorded])
            .then([("o-1", letter)]);
    }
}
