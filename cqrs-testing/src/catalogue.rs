//! The catalogue of stored events: a file beside the code, and the test that keeps every event that was ever stored readable.

mod changes;
mod check;
mod compare;
mod complete;
mod consumer_contract;
mod consumers;
mod contract_file;
mod current;
mod edges;
mod file;
pub(crate) mod golden;
mod key;
mod line;
mod made;
mod making;
mod messages;
mod optional;
mod published;
mod reading;
mod reads;
mod samples;
mod schemas;
mod settings;
mod stored;
mod subject;
mod walk;
mod withdraw;

use std::{any::TypeId, io::Write, path::PathBuf};

use cqrs_core::{Event, Metadata, model::NewEvent};

pub use self::consumer_contract::ConsumerContract;
use self::{
    key::Key,
    line::{Payload, has_large_integer},
    samples::Samples,
    settings::Settings,
    stored::Older,
    subject::Subject,
};

/// Starts the check of all events that may be stored: the name of a file beside your `Cargo.toml`, and the event enums.
///
/// ```
/// use cqrs_core::Event;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// enum AccountEvent {
///     Opened { owner: String },
///     Deposited { cents: u64, note: Option<String> },
/// }
/// impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
///
/// // In a test:
/// cqrs_testing::catalogue!("tests/events.lock", AccountEvent).check();
/// ```
///
/// A list of upcasters with a mistake does not compile here, also if nothing else reads the enum. The message names the upcaster:
/// *the upcaster of `Opened` from schema version 2 has no upcaster before it*.
///
/// ```compile_fail,E0080
/// # use cqrs_core::{Event, model::Upcaster};
/// # use serde::{Deserialize, Serialize};
/// # #[derive(Serialize, Deserialize)]
/// # enum AccountEvent { Opened { owner: String } }
/// impl Event for AccountEvent {
///     const CATEGORY: &'static str = "account";
///     const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Opened", 2, |_| {})];
/// }
///
/// cqrs_testing::catalogue!("events.lock", AccountEvent).check();
/// ```
///
/// See [`Catalogue`].
#[macro_export]
macro_rules! catalogue {
    ($file:expr, $($event:ty),+ $(,)?) => {
        $crate::Catalogue::new(::core::env!("CARGO_MANIFEST_DIR"), $file)$(.events::<$event>())+
    };
}

/// Checks that the code reads every event that may be stored; [`catalogue!`](crate::catalogue!) starts it.
///
/// A file beside your code has a line for every shape that an event ever had, with an event of that shape and what it was read
/// as. [`check`](Self::check) reads each of them with the code of today, and fails
///
/// - when one is no longer read, loses a field, or is read as something else without a new schema version;
/// - when the file lacks what the code writes now. `CQRS_CATALOGUE=accept cargo test` adds the lines, except where `CI` is set.
///
/// The events are generated from the shape of each type: with every optional field and without any, with every variant of each enum
/// within, and with values at the edges of what the type reads. A message says what to do; the how-to page on changing an event
/// explains.
#[derive(Debug)]
#[must_use = "nothing is checked before `.check()`"]
pub struct Catalogue {
    folder: PathBuf,
    file: String,
    enums: Vec<Listed>,
    samples: Samples,
    older: Vec<Older>,
    metadata: Metadata,
    schemas: Option<String>,
    contracts: Vec<String>,
    /// What is wrong with the test itself.
    wrong: Vec<String>,
}

/// An enum of the catalogue.
#[derive(Debug)]
struct Listed {
    id: TypeId,
    category: &'static str,
    published: bool,
    subject: fn(&[NewEvent]) -> Result<Subject, Vec<String>>,
}

impl Catalogue {
    /// A catalogue in `folder`/`file`.
    #[doc(hidden)]
    pub fn new(folder: impl Into<PathBuf>, file: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            file: file.into(),
            enums: Vec::new(),
            samples: Samples::default(),
            older: Vec::new(),
            metadata: Metadata::default(),
            schemas: None,
            contracts: Vec::new(),
            wrong: Vec::new(),
        }
    }

    /// The events of this enum are stored.
    #[doc(hidden)]
    pub fn events<E: Event>(mut self) -> Self {
        self.list::<E>();
        self
    }

    /// The events of this enum are published: who reads them with an older shape must be able to read the newer one, too.
    pub fn published<E: Event>(mut self) -> Self {
        let index = self.list::<E>();
        self.enums[index].published = true;
        self
    }

    /// An event of a type of which none can be generated, because it rejects generated values or because serde buffers a part of it.
    /// Together, the samples of a type must have every field, every variant within and an item of every list. Several samples of a
    /// type are several lines of the file.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a test writes the event where it is needed"
    )]
    pub fn sample<E: Event>(mut self, event: E) -> Self {
        self.wrong.extend(self.samples.add(&event).err());
        self
    }

    /// An event of an older shape, as it was stored before the file existed. Each upcaster needs one: nothing else proves it.
    pub fn older<E: Event>(mut self, event_type: &str, schema_version: u32, payload: &str) -> Self {
        let key = Key::new(E::CATEGORY, event_type, schema_version);
        match Payload::compact(payload) {
            Ok(_) if has_large_integer(payload) => self.wrong.push(format!(
                "the payload of the older event {key} has an integer of more than 64 bits, which cannot be compared.\n  Give a smaller \
                 one."
            )),
            Ok(payload) => self.older.push(Older { key, payload }),
            Err(error) => self.wrong.push(format!(
                "the payload of the older event {key} is no JSON: {error}.\n  Give it as it was stored."
            )),
        }
        self
    }

    /// The metadata of every event that is read, for upcasters that need it ([`Upcaster::recorded`](cqrs_core::model::Upcaster::recorded)).
    /// The default is empty. The id of the stream is `a`, the time the beginning of 1970.
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// Keeps a JSON Schema of each published type and schema version in this folder beside your `Cargo.toml`.
    pub fn schemas(mut self, folder: impl Into<String>) -> Self {
        self.schemas = Some(folder.into());
        self
    }

    /// Checks what consumers read, by their contracts in this folder ([`consumer_contract!`](crate::consumer_contract!)). The path
    /// begins at your crate; `*` stands for the name of any folder, as in `"../*/contracts"`.
    pub fn contracts(mut self, folders: impl Into<String>) -> Self {
        self.contracts.push(folders.into());
        self
    }

    /// Compares the code with the file. `CQRS_CATALOGUE=accept` adds what it lacks, except where `CI` is set; an empty `CI` and
    /// `CI=false` count as not set.
    ///
    /// # Panics
    /// When something that may be stored would be lost, or the file lacks what the code has now. The message says what, and what to
    /// do.
    #[track_caller]
    pub fn check(&self) {
        let done = Settings::of_environment().and_then(|settings| self.run(&settings));
        match done {
            // Not `println!`: a test that passes shows nothing of it.
            Ok(notes) if !notes.is_empty() => drop(writeln!(std::io::stderr(), "{notes}")),
            Ok(_) => {}
            Err(message) => panic!("{message}"),
        }
    }

    fn list<E: Event>(&mut self) -> usize {
        let id = TypeId::of::<E>();
        if let Some(index) = self.enums.iter().position(|listed| listed.id == id) {
            return index;
        }
        if self
            .enums
            .iter()
            .any(|listed| listed.category == E::CATEGORY)
        {
            self.wrong.push(format!(
                "two enums have the category `{}`.\n  List the one that is written. A reader has a `consumer_contract!`.",
                E::CATEGORY
            ));
        } else if E::PARTIAL {
            self.wrong.push(format!(
                "the enum of `{}` is `PARTIAL`, so it does not have every event type.\n  List the one that is written. A reader has a \
                 `consumer_contract!`.",
                E::CATEGORY
            ));
        }
        self.enums.push(Listed {
            id,
            category: E::CATEGORY,
            published: false,
            subject: Subject::of::<E>,
        });
        self.enums.len() - 1
    }
}

#[cfg(test)]
mod tests;
