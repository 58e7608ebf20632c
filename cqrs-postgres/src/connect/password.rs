//! A password that is asked for at each new connection.

use std::{fmt, future::ready, path::PathBuf, pin::Pin, sync::Arc};

use cqrs_core::{StoreError, StoreErrorKind, ports::BoxError};

type Answer = Pin<Box<dyn Future<Output = Result<String, StoreError>> + Send>>;

/// Asks for the password of a new connection.
#[derive(Clone)]
pub(crate) struct PasswordSource(Arc<dyn Fn() -> Answer + Send + Sync>);

impl PasswordSource {
    pub(crate) fn of<E: Into<BoxError>, F: Future<Output = Result<String, E>> + Send + 'static>(
        ask: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move || {
            let asked = ask();
            Box::pin(async move { asked.await.map_err(not_given) })
        }))
    }

    /// The file is small, so reading it does not hold up the thread for long.
    pub(crate) fn file(path: PathBuf) -> Self {
        Self(Arc::new(move || {
            let read = std::fs::read_to_string(&path);
            let password = read.map(|text| text.trim_end_matches(['\r', '\n']).to_owned());
            Box::pin(ready(password.map_err(|error| unreadable(&path, error))))
        }))
    }

    pub(crate) async fn ask(&self) -> Result<String, StoreError> {
        (self.0)().await
    }
}

fn not_given(error: impl Into<BoxError>) -> StoreError {
    let message = "the password of PostgreSQL was not given; the function passed to PgConfig::password_from failed";
    StoreError::new(StoreErrorKind::Unavailable, message).caused_by(error)
}

fn unreadable(path: &std::path::Path, error: std::io::Error) -> StoreError {
    let message = format!(
        "the file {} with the password of PostgreSQL cannot be read; correct PgConfig::password_file, or its rights",
        path.display()
    );
    StoreError::new(StoreErrorKind::Misconfigured, message).caused_by(error)
}

impl fmt::Debug for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordSource")
    }
}
