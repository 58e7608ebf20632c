//! The message about one order. Its id is the order's, so that each order gets one message.

use cqrs_core::{Aggregate, Context, Decision, Event};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MessageEvent {
    Recorded { customer: String, text: String },
}

impl Event for MessageEvent {
    const CATEGORY: &'static str = "message";
}

#[derive(Debug, Clone, PartialEq)]
pub enum MessageCommand {
    Record { customer: String, text: String },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    #[error("a message needs a text")]
    Empty,
}

#[derive(Debug, Default)]
pub struct Message {
    recorded: bool,
}

impl Aggregate for Message {
    type Command = MessageCommand;
    type Event = MessageEvent;
    type Error = MessageError;

    fn handle(&self, command: MessageCommand, _: &Context) -> Decision<Self> {
        let MessageCommand::Record { customer, text } = command;
        if text.is_empty() {
            return Err(MessageError::Empty);
        }
        if self.recorded {
            return Ok(vec![]);
        }
        Ok(vec![MessageEvent::Recorded { customer, text }])
    }

    fn apply(&mut self, event: MessageEvent) {
        match event {
            MessageEvent::Recorded { .. } => self.recorded = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    fn record(text: &str) -> MessageCommand {
        MessageCommand::Record {
            customer: "ada".into(),
            text: text.into(),
        }
    }

    fn recorded(text: &str) -> MessageEvent {
        MessageEvent::Recorded {
            customer: "ada".into(),
            text: text.into(),
        }
    }

    #[test]
    fn an_order_gets_one_message() {
        Spec::<Message>::new()
            .when(record("sent"))
            .then([recorded("sent")]);
        Spec::<Message>::new()
            .given([recorded("sent")])
            .when(record("sent"))
            .then_nothing();
    }

    #[test]
    fn a_message_without_a_text_is_rejected() {
        Spec::<Message>::new()
            .when(record(""))
            .then_rejected(MessageError::Empty);
    }
}
