//! The members of the group: each says in its client id for whom it reads, and none shares the group with another subscriber.

use std::{
    fmt::Write,
    hash::Hasher,
    panic::{self, AssertUnwindSafe},
    time::Duration,
};

use cqrs_core::ports::Subscriber;
use fnv::FnvHasher;
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaResult,
};

use crate::error::KafkaError;

/// What the client ids of a subscriber's members end with.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    subscriber: Subscriber,
    text: String,
}

/// A member of the group that reads for somebody else.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OtherMember {
    client_id: String,
    host: String,
}

impl OtherMember {
    /// The error of whoever may not share a group with this member.
    pub(super) fn refused(self, group: &str, mark: &Mark) -> KafkaError {
        KafkaError::GroupShared {
            group: group.to_owned(),
            subscriber: mark.subscriber.clone(),
            other: self.client_id,
            host: self.host,
        }
    }
}

/// Who the members of the group are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Members {
    /// No member has this mark: the caller is not among them yet.
    NotAmongThem,
    /// All have this mark.
    OurOwn,
    /// At least one has another mark, or none.
    Shared(OtherMember),
}

impl Mark {
    pub(super) fn new(subscriber: Subscriber) -> Self {
        let subscription = escaped(&subscriber.subscription);
        let text = format!(":{subscription}@{}", escaped(&subscriber.store));
        Self { subscriber, text }
    }

    /// Marks a client as one of this subscriber. A static member gets the mark in its name, too: the brokers keep the client id
    /// of the process that had the name before.
    pub(super) fn put_on(&self, client: &mut ClientConfig) {
        let client_id = client.get("client.id").unwrap_or_default();
        let client_id = format!("{client_id}{}", self.text);
        client.set("client.id", client_id);
        if let Some(instance) = client.get("group.instance.id") {
            let mut hash = FnvHasher::default();
            hash.write(self.text.as_bytes());
            let instance = format!("{instance}.{:016x}", hash.finish());
            client.set("group.instance.id", instance);
        }
    }

    fn is_on(&self, client_id: &str) -> bool {
        client_id.ends_with(&self.text)
    }

    /// Asks the brokers for the members of a group. Blocks.
    pub(super) fn members<C: ConsumerContext>(
        &self,
        consumer: &BaseConsumer<C>,
        group: &str,
        timeout: Duration,
    ) -> KafkaResult<Members> {
        let groups = consumer.client().fetch_group_list(Some(group), timeout)?;
        let groups = groups.groups().iter();
        let members = groups.filter(|found| found.name() == group);
        let members = members.flat_map(|found| found.members());
        Ok(self.among(members.map(|member| {
            // rdkafka panics when a text is not UTF-8.
            let read = || {
                (
                    member.client_id().to_owned(),
                    member.client_host().to_owned(),
                )
            };
            panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_default()
        })))
    }

    fn among(&self, members: impl Iterator<Item = (String, String)>) -> Members {
        let mut found = Members::NotAmongThem;
        for (client_id, host) in members {
            if !self.is_on(&client_id) {
                return Members::Shared(OtherMember { client_id, host });
            }
            found = Members::OurOwn;
        }
        found
    }
}

/// The text with only characters that neither separate the parts of a mark nor surprise a tool.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/') {
            escaped.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(subscription: &str, store: &str) -> Mark {
        Mark::new(Subscriber::new(subscription, store))
    }

    fn client_id(own: &str, mark: &Mark) -> String {
        let mut client = ClientConfig::new();
        client.set("client.id", own);
        mark.put_on(&mut client);
        client.get("client.id").unwrap_or_default().to_owned()
    }

    fn members(mark: &Mark, client_ids: &[String]) -> Members {
        let host = || "/10.0.0.7".to_owned();
        mark.among(client_ids.iter().map(|id| (id.clone(), host())))
    }

    #[test]
    fn a_client_id_names_subscription_and_store() {
        let id = client_id("web-1", &mark("orders", "7345/1/2"));
        assert_eq!(id, "web-1:orders@7345/1/2");
    }

    #[test]
    fn members_of_one_subscriber_are_told_from_others() {
        let ours = mark("orders", "here");
        let [first, second] = ["a", "b:c@d"].map(|own| client_id(own, &ours));
        assert_eq!(members(&ours, &[]), Members::NotAmongThem);
        assert_eq!(members(&ours, &[first.clone(), second]), Members::OurOwn);
        let others = [
            client_id("a", &mark("invoices", "here")),
            client_id("a", &mark("orders", "there")),
            client_id("a", &mark("a:orders", "here")),
            client_id("a", &mark("orders@here", "")),
            "rdkafka".to_owned(),
            String::new(),
        ];
        for other in others {
            let found = members(&ours, &[first.clone(), other.clone()]);
            let Members::Shared(member) = found else {
                panic!("{other} counts as one of ours");
            };
            assert_eq!((member.client_id, &*member.host), (other, "/10.0.0.7"));
        }
    }

    #[test]
    fn a_static_name_is_another_one_for_each_subscriber() {
        let name = |mark: Mark| {
            let mut client = ClientConfig::new();
            client.set("group.instance.id", "web-1");
            mark.put_on(&mut client);
            client
                .get("group.instance.id")
                .unwrap_or_default()
                .to_owned()
        };
        let ours = name(mark("orders", "here"));
        assert!(ours.starts_with("web-1."));
        assert_eq!(ours, name(mark("orders", "here")));
        assert_ne!(ours, name(mark("orders", "there")));
    }
}
