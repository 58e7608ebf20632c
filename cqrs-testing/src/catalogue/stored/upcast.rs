//! What serde reads of an event must be what the upcasters made of it: an upcaster does not excuse the loss of another field.

use serde_json::Value;

use super::{
    super::{
        changes::{Change, changes},
        key::Key,
        line::{Payload, ReadAs},
        messages,
        walk::{Segment, get, spots},
    },
    Judge, Refusal,
};

impl Judge<'_> {
    /// What is lost between the last upcaster and the event, and events that go round upcasters. Only of an event that is read in a new way.
    pub(super) fn after_steps(&self, key: &Key, payload: &Payload, now: &[ReadAs]) -> Vec<Refusal> {
        let Ok(parts) = self.subject.upcast(key, payload, self.metadata) else {
            return Vec::new();
        };
        let mut problems = Vec::new();
        for ((event_type, content), now) in parts.iter().zip(now) {
            if *event_type != now.event_type {
                problems.extend(self.by_another_name(key, payload, event_type, now));
            }
            if self.subject.has_step(key) {
                problems.extend(self.unread(key, payload, content, now));
            }
        }
        problems
    }

    /// What the upcasters gave, and serde does not read.
    fn unread(&self, key: &Key, payload: &Payload, given: &Value, now: &ReadAs) -> Vec<Refusal> {
        let shape = self.subject.content(&now.event_type);
        let own = now.key(&key.category);
        let read = |value: &Value| self.subject.read_value(&own, value, self.metadata);
        let known = shape.map_or_else(Vec::new, |shape| spots(shape, given));
        let is_known = |path: &[Segment]| known.iter().any(|spot| spot.path == path);
        let mut problems = Vec::new();
        for change in changes(shape, given, &now.payload.value, &read) {
            let is_loss = match &change {
                Change::Lost { path, .. } => {
                    !is_known(path) && get(given, path) != Some(&Value::Null)
                }
                Change::Changed { path, variant, .. } => {
                    let values = (get(given, path), get(&now.payload.value, path));
                    *variant || !is_written_otherwise(values)
                }
                Change::Gained { .. } => false,
            };
            if is_loss {
                let message = messages::not_read_after_steps(key, payload, &change, given, now);
                let topic = format!("{key} after steps {}", change.topic());
                problems.push(Refusal::new(topic, message));
            }
        }
        problems
    }

    /// An alias that goes round the upcasters of its type, or that makes two types one.
    fn by_another_name(
        &self,
        key: &Key,
        payload: &Payload,
        event_type: &str,
        now: &ReadAs,
    ) -> Option<Refusal> {
        let refusal = |what: &str, message| Some(Refusal::new(format!("{key} {what}"), message));
        if !self.subject.is_alias(event_type) {
            return refusal(
                "other",
                messages::read_as_other(key, payload, event_type, now),
            );
        }
        if self.subject.newest(&now.event_type) > 1 {
            return refusal(
                "alias",
                messages::alias_of_steps(key, payload, event_type, now),
            );
        }
        let other = self.swallowed_by(event_type, now)?;
        refusal(
            "swallowed",
            messages::swallowed(key, payload, event_type, &other, now),
        )
    }

    /// Another type of the file that is read as this one, and was not the same before.
    fn swallowed_by(&self, event_type: &str, now: &ReadAs) -> Option<String> {
        let one_before = |one: &str, other: &str| {
            self.lines.events().any(|(line, _, read_as)| {
                line.key.event_type == one && read_as.iter().any(|it| it.event_type == other)
            })
        };
        let others = self
            .lines
            .events()
            .map(|(line, payload, _)| (&line.key, payload));
        let mut others = others.filter(|(key, payload)| {
            let other = key.event_type.as_str();
            let is_other = other != event_type
                && (other == now.event_type || self.subject.is_alias(other))
                && !one_before(event_type, other)
                && !one_before(other, event_type);
            let reads_as_it = || {
                let read = self.subject.read(key, payload, self.metadata);
                read.is_ok_and(|read| read.iter().any(|it| it.event_type == now.event_type))
            };
            is_other && reads_as_it()
        });
        others.next().map(|(key, _)| key.event_type.clone())
    }
}

/// The same in another form: an integer as a number with a fraction, a text in another notation, nothing as a default.
fn is_written_otherwise(values: (Option<&Value>, Option<&Value>)) -> bool {
    match values {
        (Some(Value::Number(given)), Some(Value::Number(now))) => given.as_f64() == now.as_f64(),
        (Some(Value::String(_)), Some(Value::String(_))) | (Some(Value::Null), _) => true,
        _ => false,
    }
}
