//! What a service reads of the events of others, for the services that write them.

use std::{
    any::TypeId,
    path::{Path, PathBuf},
};

use cqrs_core::{Event, model::NewEvent};

use super::{
    contract_file::{CategoryReads, Contract, TypeReads},
    file,
    samples::Samples,
    settings::Settings,
    subject::Subject,
};

/// Starts the check of what this crate reads of other services' events: the name of a file beside your `Cargo.toml`, and the
/// enums with which it reads.
///
/// See [`ConsumerContract`].
#[macro_export]
macro_rules! consumer_contract {
    ($file:expr, $($event:ty),+ $(,)?) => {
        $crate::ConsumerContract::new(::core::env!("CARGO_MANIFEST_DIR"), $file)$(.reads::<$event>())+
    };
}

/// Finds what an enum reads.
type Reads = fn(&[NewEvent]) -> Result<CategoryReads, Vec<String>>;

/// Keeps the file that says what a consumer reads; [`consumer_contract!`](crate::consumer_contract!) starts it.
///
/// The file's name without `.json` is the name of the consumer. The producer's
/// [`Catalogue::contracts`](crate::Catalogue::contracts) reads the file.
#[derive(Debug)]
#[must_use = "nothing is checked before `.check()`"]
pub struct ConsumerContract {
    folder: PathBuf,
    file: String,
    enums: Vec<(TypeId, Reads)>,
    samples: Samples,
    wrong: Vec<String>,
}

impl ConsumerContract {
    /// A contract in `folder`/`file`.
    #[doc(hidden)]
    pub fn new(folder: impl Into<PathBuf>, file: impl Into<String>) -> Self {
        Self {
            folder: folder.into(),
            file: file.into(),
            enums: Vec::new(),
            samples: Samples::default(),
            wrong: Vec::new(),
        }
    }

    /// The consumer reads this enum.
    #[doc(hidden)]
    pub fn reads<E: Event>(mut self) -> Self {
        self.enums.push((TypeId::of::<E>(), reads::<E>));
        self
    }

    /// An event of a type of which none can be generated; see [`Catalogue::sample`](crate::Catalogue::sample).
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a test writes the event where it is needed"
    )]
    pub fn sample<E: Event>(mut self, event: E) -> Self {
        self.wrong.extend(self.samples.add(&event).err());
        self
    }

    /// Compares the code with the file. `CQRS_CATALOGUE=accept` writes it, except where `CI` is set.
    ///
    /// # Panics
    /// When the file does not say what the code reads.
    #[track_caller]
    pub fn check(&self) {
        let done = Settings::of_environment().and_then(|settings| self.run(&settings));
        if let Err(message) = done {
            panic!("{message}");
        }
    }

    pub(super) fn run(&self, settings: &Settings) -> Result<(), String> {
        let name = Path::new(&self.file).file_stem().unwrap_or_default();
        let mut wrong = self.wrong.clone();
        let mut contract = Contract {
            consumer: name.to_string_lossy().into_owned(),
            reads: Vec::new(),
        };
        let ids: Vec<_> = self.enums.iter().map(|(id, _)| *id).collect();
        wrong.extend(self.samples.of_others(&ids));
        for (id, reads) in &self.enums {
            match reads(&self.samples.of(*id)) {
                Ok(reads) => contract.reads.push(reads),
                Err(errors) => wrong.extend(errors),
            }
        }
        if !wrong.is_empty() {
            return Err(format!("{}:\n- {}", self.file, wrong.join("\n- ")));
        }
        let path = self.folder.join(&self.file);
        if Contract::read(&path).is_ok_and(|written| written == contract) {
            return Ok(());
        }
        if settings.accepts() {
            return file::write(&path, &contract.text());
        }
        let what = if file::has_marks(&path) {
            "has the marks of a merge conflict. The code reads now"
        } else {
            "does not say what the code reads now"
        };
        Err(format!(
            "{} {what}:\n{}{}\nThen copy it to where the producers look for it.",
            self.file,
            contract.text(),
            settings.how_to_write()
        ))
    }
}

fn reads<E: Event>(samples: &[NewEvent]) -> Result<CategoryReads, Vec<String>> {
    let subject = Subject::of::<E>(samples)?;
    let types = subject.types.into_iter().map(|(event_type, current)| {
        let read = TypeReads {
            schema_version: current.key.schema_version,
            payload: current.reads,
        };
        (event_type.to_owned(), read)
    });
    let upcasts = E::UPCASTERS.iter().map(|step| step.event_type().to_owned());
    let ignores = E::IGNORED.iter().map(|ignored| (*ignored).to_owned());
    Ok(CategoryReads {
        category: E::CATEGORY.to_owned(),
        every_type: !E::PARTIAL,
        types: types.collect(),
        upcasts: upcasts.collect(),
        ignores: ignores.collect(),
    })
}
