//! What was read of a stored event must not be lost or changed.

use serde_json::Value;

use super::{
    super::{
        changes::{Change, changes},
        key::Key,
        line::{Payload, ReadAs},
        messages,
    },
    Judge,
};

impl Judge<'_> {
    /// What would be lost of a stored event, and whether it only gains.
    pub(super) fn compare(
        &self,
        key: &Key,
        payload: &Payload,
        before: &[&[ReadAs]],
        now: &[ReadAs],
    ) -> (Vec<String>, bool) {
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
                problems.push(messages::step_changed(key, payload, was, now));
            }
        }
        problems.dedup();
        (problems, same_versions)
    }

    /// What `now` lost or changed of `was`, part by part.
    fn losses(&self, key: &Key, payload: &Payload, was: &[ReadAs], now: &[ReadAs]) -> Vec<String> {
        let mut losses = Vec::new();
        for (was, now) in was.iter().zip(now) {
            let content = self.subject.content(&now.event_type);
            let own = Key::new(&key.category, &now.event_type, now.schema_version);
            let read = |value: &Value| self.subject.read_value(&own, value, self.metadata);
            for change in changes(content, &was.payload.value, &now.payload.value, &read) {
                if !matches!(change, Change::Gained { .. }) {
                    losses.push(messages::changed(key, payload, &change, now));
                }
            }
        }
        losses
    }

    /// Newer steps take over what the event was read as: they must lead to what it is read as now, or a step before them changed.
    fn raised(&self, key: &Key, payload: &Payload, was: &[ReadAs], now: &[ReadAs]) -> Vec<String> {
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
            vec![messages::older_step_changed(key, payload, was, &next, now)]
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
            let types = &self.subject.types;
            let is_alias = !types.contains_key(was.event_type.as_str())
                && self.subject.content(&was.event_type).is_some();
            was.event_type == now.event_type || is_alias
        };
        was.len() == now.len() && was.iter().zip(now).all(same)
    }
}
