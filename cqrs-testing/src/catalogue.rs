//! The catalogue of stored events: a file beside the code, and the test that keeps every event that was ever stored readable.

mod compare;
mod consumer_contract;
mod contract;
mod contracts;
mod file;
mod key;
mod keys;
mod line;
mod made;
mod making;
mod messages;
mod optional;
mod published;
mod reads;
mod schemas;
mod settings;
mod stored;
mod subject;
mod walk;

use std::{
    any::TypeId,
    io::Write,
    path::{Path, PathBuf},
};

use cqrs_core::{Event, Metadata, model::NewEvent};

pub use self::consumer_contract::ConsumerContract;
use self::{
    contracts::{broken, find},
    file::File,
    key::Key,
    line::{Line, Lines, Payload, Said},
    settings::{Mode, Settings},
    stored::{Judge, Older, Verdict},
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
/// The events are made up from the shape of each type: with every optional field and without any, and with every variant of
/// each enum within. The how-to page on changing an event has every message with what to do.
#[derive(Debug)]
#[must_use = "nothing is checked before `.check()`"]
pub struct Catalogue {
    folder: PathBuf,
    file: String,
    enums: Vec<Listed>,
    samples: Vec<(TypeId, NewEvent)>,
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
            samples: Vec::new(),
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

    /// An event of a type of which none can be made up, because it rejects made-up values or because serde buffers a part of it.
    /// Give every optional field. Several samples of a type are several lines of the file.
    pub fn sample<E: Event>(mut self, event: E) -> Self {
        match NewEvent::encode(&event, Metadata::default()) {
            Ok(sample) => self.samples.push((TypeId::of::<E>(), sample)),
            Err(error) => {
                let error = cqrs_core::chain(&error);
                self.wrong.push(format!(
                    "a sample of {} cannot be stored: {error}.",
                    E::CATEGORY
                ));
            }
        }
        self
    }

    /// An event of an older shape, as it was stored before the file existed. Each step needs one: nothing else proves it.
    pub fn older<E: Event>(mut self, event_type: &str, schema_version: u32, payload: &str) -> Self {
        let key = Key::new(E::CATEGORY, event_type, schema_version);
        match Payload::new(payload) {
            Ok(payload) => self.older.push(Older { key, payload }),
            Err(error) => self.wrong.push(format!(
                "the payload of the older event {key} is no JSON: {error}."
            )),
        }
        self
    }

    /// The metadata of every event that is read, for steps that need it ([`Upcaster::recorded`](cqrs_core::model::Upcaster::recorded)).
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

    /// Compares the code with the file.
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

    /// Returns what else to do, or why the check fails.
    fn run(&self, settings: &Settings) -> Result<String, String> {
        let fail = |problems: &[String]| format!("{}:\n- {}", self.file, problems.join("\n- "));
        let mut file = File::read(&self.folder, &self.file)?;
        let subjects = self.subjects().map_err(|wrong| fail(&wrong))?;
        if let Mode::Withdraw(key) = &settings.mode {
            self.withdraw(key, &subjects, &mut file, settings)
                .map_err(|wrong| fail(&[wrong]))?;
        }
        let verdict = self.judge(&subjects, &file.lines)?;
        if !verdict.refused.is_empty() {
            return Err(fail(&verdict.refused));
        }
        let schemas = self.new_schemas(&subjects);
        if verdict.new.is_empty() && schemas.is_empty() {
            return Ok(String::new());
        }
        let news = news(&self.file, &verdict, &schemas);
        if !settings.accepts() {
            return Err(format!("{news}{}", settings.how_to_write()));
        }
        file.add(verdict.new)?;
        schemas
            .iter()
            .try_for_each(|(path, text)| file::write(&self.folder.join(path), text))?;
        Ok(news)
    }

    fn subjects(&self) -> Result<Vec<(&Listed, Subject)>, Vec<String>> {
        let mut wrong = self.wrong.clone();
        let mut subjects = Vec::new();
        for listed in &self.enums {
            let samples = self.samples.iter().filter(|(id, _)| *id == listed.id);
            let samples: Vec<_> = samples.map(|(_, sample)| sample.clone()).collect();
            match (listed.subject)(&samples) {
                Ok(subject) => subjects.push((listed, subject)),
                Err(errors) => wrong.extend(errors),
            }
        }
        if wrong.is_empty() {
            Ok(subjects)
        } else {
            Err(wrong)
        }
    }

    fn judge(&self, subjects: &[(&Listed, Subject)], lines: &[Line]) -> Result<Verdict, String> {
        let mut verdict = Verdict::default();
        let contracts = self
            .contracts
            .iter()
            .map(|pattern| find(&self.folder, pattern));
        let contracts = contracts.collect::<Result<Vec<_>, _>>()?.concat();
        for (listed, subject) in subjects {
            let lines = Lines::of(subject.category, lines);
            let older = self
                .older
                .iter()
                .filter(|older| older.key.category == subject.category);
            let older: Vec<_> = older.cloned().collect();
            Judge::new(subject, &lines, &self.metadata, &mut verdict).judge(&older);
            if listed.published {
                published::judge(subject, &lines, &mut verdict);
            }
            let broken = contracts
                .iter()
                .flat_map(|contract| broken(contract, subject, &lines));
            verdict.refused.extend(broken);
        }
        let listed = |category: &str| subjects.iter().any(|(it, _)| it.category == category);
        let mut gone: Vec<_> = lines
            .iter()
            .map(|line| line.key.category.as_str())
            .collect();
        gone.dedup();
        gone.retain(|category| !listed(category));
        verdict
            .refused
            .extend(gone.into_iter().map(messages::category_gone));
        Ok(verdict)
    }

    /// Adds the lines that withdraw a type in a schema version: all its shapes, except that of the code.
    fn withdraw(
        &self,
        key: &Key,
        subjects: &[(&Listed, Subject)],
        file: &mut File,
        settings: &Settings,
    ) -> Result<(), String> {
        let own = |(listed, _): &&(&Listed, Subject)| listed.category == key.category;
        let Some((_, subject)) = subjects.iter().find(own) else {
            return Ok(());
        };
        let current = subject.types.get(key.event_type.as_str());
        let current = current.filter(|current| current.key == *key);
        let lines = file.lines.iter().filter(|line| line.key == *key);
        let withdrawn: Vec<_> = lines
            .filter(|line| current.is_none_or(|current| current.hash != line.shape))
            .map(|line| Line {
                said: Said::Withdrawn,
                ..line.clone()
            })
            .collect();
        if withdrawn.is_empty() {
            return Err(messages::nothing_to_withdraw(key, current.is_some()));
        }
        if settings.ci {
            return Err(format!(
                "{key} is not withdrawn where `CI` is set. {}",
                settings.how_to_write()
            ));
        }
        file.add(withdrawn)
    }

    /// The schemas that differ from their files, with their paths.
    fn new_schemas(&self, subjects: &[(&Listed, Subject)]) -> Vec<(PathBuf, String)> {
        let Some(folder) = &self.schemas else {
            return Vec::new();
        };
        let published = subjects.iter().filter(|(listed, _)| listed.published);
        let types = published.flat_map(|(_, subject)| subject.types.values());
        let files = types.map(|current| {
            let path = Path::new(folder).join(schemas::file_name(current));
            (path, schemas::text(current))
        });
        files
            .filter(|(path, text)| !file::has(&self.folder.join(path), text))
            .collect()
    }
}

/// What the files lack.
fn news(file: &str, verdict: &Verdict, schemas: &[(PathBuf, String)]) -> String {
    let mut text = String::new();
    if !verdict.new.is_empty() {
        text.push_str(&format!("{file} gets new lines:\n"));
    }
    for line in &verdict.new {
        text.push_str(&format!("+ {}\n", line.content()));
    }
    for note in &verdict.notes {
        text.push_str(&format!("- {note}\n"));
    }
    for (path, _) in schemas {
        text.push_str(&format!("{} gets a new schema.\n", path.display()));
    }
    text
}

#[cfg(test)]
mod tests;
