//! What is stored must stay readable: judges every line of the file, and finds what the file lacks.

mod kinds;
mod losses;
mod upcast;

use std::collections::BTreeSet;

use cqrs_core::{Metadata, model::Upcaster};

use super::{
    current::Current,
    key::Key,
    line::{Line, Lines, Payload, ReadAs, Said, joined},
    messages,
    reading::Fault,
    subject::Subject,
};

/// What came out of a check.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Changes that lose stored events. Nobody can accept them.
    pub(super) refused: Vec<String>,
    /// Lines that the file lacks.
    pub(super) new: Vec<Line>,
    /// What else to do when they are accepted.
    pub(super) notes: BTreeSet<String>,
    topics: BTreeSet<String>,
}

/// A change that loses stored events. Of one topic the first is reported: more events show the same.
#[derive(Debug)]
pub(super) struct Refusal {
    topic: String,
    message: String,
}

impl Refusal {
    pub(super) fn new(topic: impl Into<String>, message: String) -> Self {
        let topic = topic.into();
        Self { topic, message }
    }
}

/// An event that is older than the file: given by the test, because the code does not write its shape any more.
#[derive(Debug, Clone)]
pub(super) struct Older {
    pub(super) key: Key,
    pub(super) payload: Payload,
}

/// The shape of an event of which only a payload is known.
const UNKNOWN_SHAPE: &str = "-";

/// Judges an enum.
pub(super) struct Judge<'a> {
    subject: &'a Subject,
    lines: &'a Lines<'a>,
    metadata: &'a Metadata,
    verdict: &'a mut Verdict,
}

impl<'a> Judge<'a> {
    /// `lines` are those of the enum's category.
    pub(super) fn new(
        subject: &'a Subject,
        lines: &'a Lines<'a>,
        metadata: &'a Metadata,
        verdict: &'a mut Verdict,
    ) -> Self {
        Self {
            subject,
            lines,
            metadata,
            verdict,
        }
    }

    /// Judges what is stored, then what the code writes now.
    pub(super) fn judge(&mut self, older: &[Older]) {
        let mut judged = Vec::new();
        let mut events: Vec<_> = self.lines.events().collect();
        // Those with usual values first: a message shows the first that it is true of.
        events.sort_by(|(one, a, _), (other, b, _)| {
            one.key.cmp(&other.key).then_with(|| b.text.cmp(&a.text))
        });
        for &(line, payload, _) in &events {
            // Several lines may say what one event was read as.
            if !judged.contains(&(&line.key, payload)) {
                judged.push((&line.key, payload));
                self.event(&line.key, &line.shape, payload);
            }
        }
        self.kinds(&events);
        for current in self.subject.types.values() {
            self.current(current);
        }
        for older in older {
            if self.before(&older.key, &older.payload).is_empty() {
                self.event(&older.key, UNKNOWN_SHAPE, &older.payload);
            }
        }
        for step in self.subject.upcasters {
            self.step(step);
        }
        self.pairs();
    }

    /// A shape has a line and events. What the code has now is written again instead.
    fn pairs(&mut self) {
        let of_now = |line: &Line| {
            let current = self.subject.types.get(line.key.event_type.as_str());
            current.is_some_and(|it| it.key == line.key && it.hash == line.shape)
        };
        let valid = &self.lines.valid;
        let of_file = valid
            .iter()
            .filter(|line| line.shape != UNKNOWN_SHAPE && !of_now(line));
        let mut missing = Vec::new();
        for line in of_file {
            let is_shape = |line: &Line| matches!(line.said, Said::Shape(_));
            let own = is_shape(line);
            let has_other = valid.iter().any(|other| {
                other.key == line.key && other.shape == line.shape && is_shape(other) != own
            });
            if !has_other {
                missing.push(messages::line_missing(&line.key, &line.shape, own));
            }
        }
        missing.into_iter().for_each(|message| self.refuse(message));
    }

    /// Judges the kinds of what is stored in older schema versions and under older names.
    fn kinds(&mut self, events: &[(&Line, &Payload, &Vec<ReadAs>)]) {
        let mut seen = BTreeSet::new();
        for (line, payload, _) in events {
            let current = self.subject.types.get(line.key.event_type.as_str());
            // Their kinds are compared as they are.
            if current.is_some_and(|current| current.key == line.key) {
                continue;
            }
            let mut shapes = self.lines.shapes();
            let is_own = |shape: &Line| shape.key == line.key && shape.shape == line.shape;
            let Some((_, kinds)) = shapes.find(|(shape, _)| is_own(shape)) else {
                continue;
            };
            if let Ok(now) = self.read(&line.key, payload) {
                let problems = self.narrowed(line, payload, kinds, &now, &mut seen);
                problems.into_iter().for_each(|it| self.refuse_once(it));
            }
        }
    }

    /// What lines say that this event was read as.
    fn before(&self, key: &Key, payload: &Payload) -> Vec<&'a [ReadAs]> {
        let events = self.lines.events();
        let same = events.filter(|(line, own, _)| line.key == *key && *own == payload);
        same.map(|(_, _, read_as)| read_as.as_slice()).collect()
    }

    /// Judges one stored event.
    fn event(&mut self, key: &Key, shape: &str, payload: &Payload) {
        let subject = self.subject;
        if !subject.knows(&key.event_type) {
            return self.refuse(messages::gone(key));
        }
        let newest = subject.newest(&key.event_type);
        if key.schema_version > newest {
            return self.refuse(messages::step_removed(key, newest));
        }
        let now = match self.read(key, payload) {
            Ok(now) => now,
            Err(reason) => return self.refuse_once(reason),
        };
        let before = self.before(key, payload);
        let recorded = before.contains(&now.as_slice());
        let (mut problems, gained) = self.compare(key, payload, &before, &now);
        if problems.is_empty() && !recorded {
            problems = self.after_steps(key, payload, &now);
        }
        let was = before.last().map(|was| joined(was));
        if !problems.is_empty() {
            return problems
                .into_iter()
                .for_each(|problem| self.refuse_once(problem));
        }
        if recorded {
            return;
        }
        if let Some(was) = was {
            self.verdict
                .notes
                .extend(messages::read_otherwise(key, payload, &was, &now, gained));
        }
        self.verdict.new.push(Line {
            key: key.clone(),
            shape: shape.to_owned(),
            said: Said::Golden(payload.clone(), now),
        });
    }

    /// What an event is read as, or what to do because it is not read.
    fn read(&self, key: &Key, payload: &Payload) -> Result<Vec<ReadAs>, Refusal> {
        let read = self.subject.read(key, payload, self.metadata);
        read.map_err(|fault| match fault {
            Fault::Unknown => Refusal::new(format!("{key} gone"), messages::gone(key)),
            Fault::Upcaster(event_type, version, reason) => {
                let step = Key::new(self.subject.category, &event_type, version);
                let message = messages::upcaster_fails(&step, key, payload, &reason);
                Refusal::new(format!("{key} {step} {}", without_place(&reason)), message)
            }
            Fault::Other(reason) => {
                let message = messages::undecodable(key, payload, &reason);
                Refusal::new(format!("{key} {}", without_place(&reason)), message)
            }
        })
    }

    /// Judges what the code writes of a type.
    fn current(&mut self, current: &Current) {
        let key = &current.key;
        let is_own = |line: &Line| line.key == *key && line.shape == current.hash;
        if self.lines.withdrawn.iter().any(|line| is_own(line)) {
            return self.refuse(messages::withdrawn(key));
        }
        for (line, stored) in self.lines.shapes() {
            if line.key == *key && line.shape != current.hash {
                for problem in current.reads.problems_with_kinds(stored) {
                    self.refuse(messages::narrowed(key, &problem));
                }
            }
        }
        let mut shapes = self.lines.shapes();
        // The hash does not say what is required, and which aliases there are.
        if !shapes.any(|(line, reads)| is_own(line) && *reads == current.reads) {
            self.verdict.new.push(Line {
                key: key.clone(),
                shape: current.hash.clone(),
                said: Said::Shape(current.reads.clone()),
            });
        }
        for payload in &current.payloads {
            if self.before(key, payload).is_empty() {
                self.event(key, &current.hash, payload);
            }
        }
    }

    /// Each upcaster needs a stored event that shows that it works.
    fn step(&mut self, step: &Upcaster) {
        let key = Key::new(
            self.subject.category,
            step.event_type(),
            step.schema_version(),
        );
        let lines = self.lines.valid.iter().chain(&self.lines.withdrawn);
        let known = lines
            .copied()
            .chain(&self.verdict.new)
            .any(|line| line.key == key && !matches!(line.said, Said::Shape(_)));
        let newest = self.subject.newest(step.event_type());
        if !known && key.schema_version <= newest {
            self.refuse(messages::no_older_event(&key, self.subject.name));
        }
    }

    fn refuse_once(&mut self, Refusal { topic, message }: Refusal) {
        if self.verdict.topics.insert(topic) {
            self.refuse(message);
        }
    }

    fn refuse(&mut self, message: String) {
        if !self.verdict.refused.contains(&message) {
            self.verdict.refused.push(message);
        }
    }
}

/// A reason of serde_json without the place in the payload.
fn without_place(reason: &str) -> &str {
    reason.split(" at line ").next().unwrap_or(reason)
}
