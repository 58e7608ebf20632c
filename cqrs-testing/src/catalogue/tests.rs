//! Each verdict, with its message.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::{settings::Mode, *};

mod aliases;
mod beside_steps;
mod consumers;
mod edges;
mod every_type;
mod files;
mod kinds;
mod lines;
mod lost;
mod newer_steps;
mod published;
mod samples;
mod steps;
mod values;
mod withdrawn;

/// A folder that is removed afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cqrs-catalogue-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn catalogue(&self) -> Catalogue {
        Catalogue::new(&self.0, "events.lock")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).expect("a file")
    }

    fn write(&self, name: &str, text: &str) {
        file::write(&self.0.join(name), text).expect("is written");
    }

    fn lock(&self) -> String {
        self.read("events.lock")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Catalogue {
    /// Writes the file.
    pub(crate) fn accept(&self) -> Result<String, String> {
        self.run(&settings("accept"))
    }
}

fn settings(variable: &str) -> Settings {
    Settings::new(Some(variable), None).expect("valid settings")
}

/// What else to do.
#[track_caller]
fn accepted(catalogue: &Catalogue) -> String {
    let notes = catalogue.run(&settings("accept")).expect("is accepted");
    assert_eq!(catalogue.run(&settings("")), Ok(String::new()));
    notes
}

/// Why it is refused, also when new lines are accepted. The file stays as it is.
#[track_caller]
fn refused(folder: &Folder, catalogue: &Catalogue) -> String {
    let before = fs::read_to_string(folder.0.join("events.lock"));
    let reason = catalogue.run(&settings("accept")).expect_err("is refused");
    assert_eq!(catalogue.run(&settings("")), Err(reason.clone()));
    let after = fs::read_to_string(folder.0.join("events.lock"));
    assert_eq!(before.ok(), after.ok());
    reason
}

/// The catalogue of an enum `AccountEvent`, which is made of these items.
macro_rules! account {
    ($folder:expr, { $($(#[$meta:meta])* $kind:ident $name:ident $body:tt)+ } $($step:expr),* $(,)?) => {{
        use cqrs_core::model::Upcaster;
        $(
            #[derive(Debug, serde::Serialize, serde::Deserialize)]
            $(#[$meta])*
            $kind $name $body
        )+
        impl cqrs_core::Event for AccountEvent {
            const CATEGORY: &'static str = "account";
            const UPCASTERS: &'static [Upcaster] = &[$($step),*];
        }
        $folder.catalogue().events::<AccountEvent>()
    }};
}
use account;
