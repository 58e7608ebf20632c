//! The servers of a URL, and what each connection to them needs.

use std::fmt;

use cqrs_core::StoreError;
use sqlx::postgres::PgConnectOptions;

use crate::connect::{database_url::DatabaseUrl, encryption::encrypted, password::PasswordSource};

/// The servers of a URL. The URL and the files that it names are read again for each connection, so a password or a certificate
/// that was replaced is used by the next one.
pub(crate) struct Servers {
    url: String,
    allow_plaintext: bool,
    password: Option<PasswordSource>,
    /// As they were when the URL was first read; at least one.
    each: Vec<PgConnectOptions>,
    /// Passes over a server that can only read.
    pub(crate) primary_only: bool,
}

impl Servers {
    pub(crate) fn new(
        url: &str,
        allow_plaintext: bool,
        password: Option<PasswordSource>,
    ) -> Result<Self, StoreError> {
        let each = read(url, allow_plaintext)?;
        Ok(Self {
            url: url.to_owned(),
            allow_plaintext,
            password,
            primary_only: each.len() > 1 || DatabaseUrl::new(url)?.wants_primary(),
            each,
        })
    }

    pub(crate) fn count(&self) -> usize {
        self.each.len()
    }

    /// The name and address of a server.
    pub(crate) fn at(&self, index: usize) -> &PgConnectOptions {
        &self.each[index]
    }

    /// What a new connection to this server needs now.
    pub(crate) async fn options(&self, index: usize) -> Result<PgConnectOptions, StoreError> {
        let options = read(&self.url, self.allow_plaintext)?.swap_remove(index);
        Ok(match &self.password {
            Some(source) => options.password(&source.ask().await?),
            None => options,
        })
    }
}

fn read(url: &str, allow_plaintext: bool) -> Result<Vec<PgConnectOptions>, StoreError> {
    let url = DatabaseUrl::new(url)?;
    let each = url.options()?.into_iter();
    each.map(|options| encrypted(options, url.has_ssl_mode(), allow_plaintext))
        .collect()
}

/// Without the password.
impl fmt::Debug for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Servers")
            .field("count", &self.count())
            .finish_non_exhaustive()
    }
}
