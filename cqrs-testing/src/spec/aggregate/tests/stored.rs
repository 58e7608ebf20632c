//! Events go through their stored form: a specification sees what a store would.

use cqrs_core::model::Upcaster;

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum LampEvent {
    Switched {
        on: bool,
        #[serde(skip)]
        by: String,
    },
    Dimmed {
        #[serde(skip_serializing_if = "is_zero")]
        percent: u8,
    },
}
impl Event for LampEvent {
    const CATEGORY: &'static str = "lamp";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Switched", 1, |old| {
        old["on"] = (old["state"] == "on").into();
    })];
}

fn is_zero(percent: &u8) -> bool {
    *percent == 0
}

#[derive(Debug, Default, PartialEq)]
struct Lamp {
    on: bool,
    by: String,
}

impl Aggregate for Lamp {
    type Command = u8;
    type Event = LampEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, percent: u8, _: &Context) -> Decision<Self> {
        let by = "Ann".to_owned();
        Ok(match percent {
            100 => vec![LampEvent::Switched { on: true, by }],
            percent => vec![LampEvent::Dimmed { percent }],
        })
    }

    fn apply(&mut self, event: LampEvent) {
        match event {
            LampEvent::Switched { on, by } => (self.on, self.by) = (on, by),
            LampEvent::Dimmed { percent } => assert!(percent != 13, "a lamp is never dimmed to 13"),
        }
    }
}

#[test]
fn an_older_event_reaches_the_aggregate_through_its_upcasters() {
    Spec::<Lamp>::new()
        .given_stored("Switched", 1, r#"{"state":"on"}"#)
        .then_state_has(|lamp| lamp.on, true);
    let text = failure(|| {
        Spec::<Lamp>::new()
            .given_stored("Switched", 1, r#"{"state":"on"}"#)
            .then_state(Lamp::default());
    });
    let test = r##"
Spec::<Lamp>::new()
    .given_stored("Switched", 1, r#"{"state":"on"}"#)
    .then_state(Lamp { on: true, by: "".into() });
"##;
    assert!(text.ends_with(test), "{text}");
}

#[test]
fn a_stored_event_that_cannot_be_read_fails() {
    let text = failure(|| {
        drop(Spec::<Lamp>::new().given_stored("Switched", 2, "{}"));
    });
    assert!(text.contains("missing field `on`"), "{text}");
}

#[test]
fn a_decided_event_is_compared_as_it_is_read_back() {
    let text = failure(|| {
        let by = "Ann".to_owned();
        Spec::<Lamp>::new()
            .when(100)
            .then([LampEvent::Switched { on: true, by }]);
    });
    let lost = "  -         by: \"Ann\",\n  +         by: \"\",\n";
    assert!(text.contains(lost), "{text}");
}

#[test]
fn a_decided_event_that_cannot_be_read_back_fails() {
    let text = failure(|| drop(Spec::<Lamp>::new().when(0)));
    assert_eq!(
        text,
        "LampEvent::Dimmed { percent: 0 } cannot be stored: event type `Dimmed` can be written but not read back, so it is \
         not stored: missing field `percent` at line 1 column 2"
    );
}

#[test]
fn a_panic_on_a_decided_event_fails() {
    let dimmed = || [LampEvent::Dimmed { percent: 13 }];
    let text = failure(move || Spec::<Lamp>::new().when(13).then(dimmed()));
    assert_eq!(text, "a lamp is never dimmed to 13");
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum NoteEvent {
    Noted { by: String },
}

impl Event for NoteEvent {
    const CATEGORY: &'static str = "note";
    const UPCASTERS: &'static [Upcaster] =
        &[Upcaster::recorded("Noted", 1, |payload, recording| {
            let user = recording.metadata.headers.get("user");
            payload["by"] = user.map_or("nobody", String::as_str).into();
        })];
}

#[derive(Debug, Default, PartialEq)]
struct Note(Vec<String>);

impl Aggregate for Note {
    type Command = ();
    type Event = NoteEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, (): (), _: &Context) -> Decision<Self> {
        Ok(vec![])
    }

    fn apply(&mut self, NoteEvent::Noted { by }: NoteEvent) {
        self.0.push(by);
    }
}

#[test]
fn a_stored_event_has_the_metadata_of_the_specification() {
    let headers = [("user".to_owned(), "bob".to_owned())].into();
    Spec::<Note>::new()
        .given_stored("Noted", 1, "{}")
        .header("user", "ann")
        .given_stored("Noted", 1, "{}")
        .metadata(Metadata::new(None, None, None, headers))
        .given_stored("Noted", 1, "{}")
        .then_state(Note(vec!["nobody".into(), "ann".into(), "bob".into()]));
}
