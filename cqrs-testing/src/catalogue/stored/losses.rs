//! What was read of a stored event must not be lost or changed.

use serde_json::Value;

use super::{
    super::{
        changes::{Change, changes},
        key::Key,
        line::{Payload, ReadAs},
        messages,
        walk::{Segment, get, remove},
    },
    Judge, Refusal,
};

impl Judge<'_> {
    /// What would be lost of a stored event, and whether it only gains.
    pub(super) fn compare(
        &self,
        key: &Key,
        payload: &Payload,
        before: &[&[ReadAs]],
        now: &[ReadAs],
    ) -> (Vec<Refusal>, bool) {
        let mut problems = Vec::new();
        let mut same_versions = false;
        for was in before {
            if self.is_raised(was) {
                problems.extend(self.raised(key, payload, was, now));
                continue;
            }
            same_versions = true;
            if self.same_types(was, now) {
                problems.extend(self.losses(key, payload, was, now));
            } else {
                let message = messages::step_changed(key, payload, was, now);
                problems.push(Refusal::new(format!("{key} step"), message));
            }
        }
        (problems, same_versions)
    }

    /// What `now` lost or changed of `was`, part by part.
    fn losses(&self, key: &Key, payload: &Payload, was: &[ReadAs], now: &[ReadAs]) -> Vec<Refusal> {
        let mut losses = Vec::new();
        for (was, now) in was.iter().zip(now) {
            let content = self.subject.content(&now.event_type);
            let own = Key::new(&key.category, &now.event_type, now.schema_version);
            let read = |value: &Value| self.subject.read_value(&own, value, self.metadata);
            for change in changes(content, &was.payload.value, &now.payload.value, &read) {
                let message = match &change {
                    Change::Gained { field, path } => {
                        if *key != was.key(&key.category)
                            || !self.is_other_default(key, payload, path, now)
                        {
                            continue;
                        }
                        messages::default_changed(key, payload, field, was, now)
                    }
                    change => messages::changed(key, payload, change, now),
                };
                losses.push(Refusal::new(format!("{key} {}", change.topic()), message));
            }
        }
        losses
    }

    /// Whether the value of this field was the default, with which it was left out, and another one is the default now.
    fn is_other_default(
        &self,
        key: &Key,
        payload: &Payload,
        path: &[Segment],
        now: &ReadAs,
    ) -> bool {
        let own = get(&payload.value, path);
        let mut without = payload.value.clone();
        if own.is_none() || own != get(&now.payload.value, path) || !remove(&mut without, path) {
            return false;
        }
        let read = self.subject.read_value(key, &without, self.metadata);
        read.is_ok_and(|read| get(&read, path) != own)
    }

    /// Newer upcasters take over what the event was read as: they must lead to what it is read as now, or an upcaster before them changed.
    fn raised(&self, key: &Key, payload: &Payload, was: &[ReadAs], now: &[ReadAs]) -> Vec<Refusal> {
        let mut next = Vec::new();
        for part in was {
            let own = Key::new(&key.category, &part.event_type, part.schema_version);
            let read = match self.read(&own, &part.payload) {
                Ok(read) => read,
                Err(reason) => return vec![reason],
            };
            if self.is_raised(std::slice::from_ref(part)) {
                next.extend(read);
                continue;
            }
            let losses = self.losses(key, payload, std::slice::from_ref(part), &read);
            if !losses.is_empty() {
                return losses;
            }
            next.extend(read);
        }
        if next == now {
            Vec::new()
        } else {
            let message = messages::older_step_changed(key, payload, was, &next, now);
            vec![Refusal::new(format!("{key} older step"), message)]
        }
    }

    /// Whether the code has a newer schema version of something that the event was read as.
    fn is_raised(&self, was: &[ReadAs]) -> bool {
        was.iter()
            .any(|was| self.subject.newest(&was.event_type) > was.schema_version)
    }

    /// A type may have another name by an alias.
    fn same_types(&self, was: &[ReadAs], now: &[ReadAs]) -> bool {
        let same = |(was, now): (&ReadAs, &ReadAs)| {
            was.event_type == now.event_type || self.subject.is_alias(&was.event_type)
        };
        was.len() == now.len() && was.iter().zip(now).all(same)
    }
}
