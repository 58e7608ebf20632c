//! The servers of a store, of which one is the primary: connects to it, and says why there is no connection.

use std::{
    error::Error as _,
    fmt,
    sync::{MutexGuard, OnceLock},
    time::Duration,
};

use cqrs_core::{StoreError, StoreErrorKind, chain, ports::BoxError};
use sqlx::{Connection, Error, PgConnection, PgPool, Row, postgres::PgConnectOptions};
use tokio::{sync::Mutex, time::Instant};

use crate::{
    connect::{
        refusal::{not_connected, unreachable},
        servers::Servers,
    },
    schema,
    sql::statements::ASK_READ_ONLY,
    time_limit::within,
};

/// The settings of a session.
pub(crate) type Settings = Vec<(&'static str, String)>;

/// The servers of a store.
pub(crate) struct Hosts {
    servers: Servers,
    /// The server that was last connected to.
    current: std::sync::Mutex<Current>,
    /// The pool that connects by itself, and the settings of its sessions.
    follower: OnceLock<(PgPool, Settings)>,
    limit: Duration,
    /// When somebody last looked, and what was found.
    looked: Mutex<Option<(Instant, Result<(), StoreError>)>>,
    /// Since when sessions are probably able to write, if one was found that was not.
    outdated: std::sync::Mutex<Option<Instant>>,
}

/// A server, and how it was connected to.
struct Current {
    index: usize,
    options: PgConnectOptions,
}

/// Callers without a connection do not make more of them than one in this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long looking takes at most for each server, after the caller has already waited for a connection.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

const NEVER_POISONED: &str = "no call panics while it holds the lock";

impl Hosts {
    /// `limit` bounds the time for a new connection, over all servers.
    pub(crate) fn new(servers: Servers, limit: Duration) -> Self {
        let current = Current {
            index: 0,
            options: servers.at(0).clone(),
        };
        Self {
            servers,
            current: std::sync::Mutex::new(current),
            follower: OnceLock::new(),
            limit,
            looked: Mutex::default(),
            outdated: std::sync::Mutex::default(),
        }
    }

    /// What a pool needs to connect to the current server.
    pub(crate) fn options(&self, settings: &Settings) -> PgConnectOptions {
        let options = self.current().options.clone();
        options.options(settings.iter().cloned())
    }

    /// The pool connects to the server that is found, from now on.
    pub(crate) fn lead(&self, pool: PgPool, settings: Settings) {
        let first = self.follower.set((pool, settings));
        assert!(
            first.is_ok(),
            "a store has one pool that connects by itself"
        );
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().expect(NEVER_POISONED)
    }

    /// The password may have changed since the last connection: the pool uses the one of now for its next.
    pub(crate) async fn renew_password(&self) -> Result<(), StoreError> {
        let index = self.current().index;
        let options = self.servers.options(index).await?;
        self.found(index, options);
        Ok(())
    }

    /// A connection was lost: has the pool make the next one to the primary, with the password of now.
    pub(crate) async fn prepare_next(&self) {
        // A failure is met again, and reported, when the pool makes the connection.
        let _ = match self.are_several() {
            true => self.look().await,
            false => self.renew_password().await,
        };
    }

    /// Whether a server that can only read is passed over.
    pub(crate) fn wants_primary(&self) -> bool {
        self.servers.primary_only
    }

    pub(crate) fn are_several(&self) -> bool {
        self.servers.count() > 1
    }

    /// A new connection, whose session has these settings.
    pub(crate) async fn connect(&self, settings: &Settings) -> Result<PgConnection, StoreError> {
        self.connect_within(self.limit, settings).await
    }

    /// Tries each server, from the current one on.
    async fn connect_within(
        &self,
        limit: Duration,
        settings: &Settings,
    ) -> Result<PgConnection, StoreError> {
        let (first, count) = (self.current().index, self.servers.count());
        let end = Instant::now() + limit;
        let mut passed = Vec::new();
        for left in (1..=count).rev() {
            let index = (first + count - left) % count;
            // A silent server leaves the others their share.
            let share =
                end.saturating_duration_since(Instant::now()) / u32::try_from(left).unwrap_or(1);
            // Boxed: this future has 20 KiB, which each future that may connect would hold, down to that of a user.
            let connecting = Box::pin(self.connect_to(index, share, settings));
            match connecting.await {
                Ok((connection, options)) => {
                    self.found(index, options);
                    return Ok(connection);
                }
                Err(error) => passed.push((index, error)),
            }
        }
        Err(self.no_primary(passed))
    }

    async fn connect_to(
        &self,
        index: usize,
        limit: Duration,
        settings: &Settings,
    ) -> Result<(PgConnection, PgConnectOptions), StoreError> {
        let options = self.servers.options(index).await?;
        let with_settings = options.clone().options(settings.iter().cloned());
        let connecting = async {
            let mut connection = PgConnection::connect_with(&with_settings).await?;
            let wrong = self.wants_primary() && can_only_read(&mut connection).await?;
            Ok((!wrong).then_some(connection))
        };
        match within(limit, connecting).await {
            Ok(Some(connection)) => Ok((connection, options)),
            Ok(None) => Err(StoreError::new(
                StoreErrorKind::Unavailable,
                "it can only read",
            )),
            Err(error) => Err(not_connected(&options, error)),
        }
    }

    /// This server is the primary, and these options are the newest.
    fn found(&self, index: usize, options: PgConnectOptions) {
        // Held until the pool knows it too: two callers may find different servers.
        let mut current = self.current();
        if current.index != index {
            self.outdate_connections();
        }
        if let Some((pool, settings)) = self.follower.get() {
            pool.set_connect_options(options.clone().options(settings.iter().cloned()));
        }
        *current = Current { index, options };
    }

    /// Names each server and why it was passed over.
    fn no_primary(&self, mut passed: Vec<(usize, StoreError)>) -> StoreError {
        if let ([_], false) = (&passed[..], self.wants_primary()) {
            return passed.remove(0).1;
        }
        let may_pass = passed.iter().find(|(_, error)| error.is_retryable());
        let kind = may_pass.unwrap_or(&passed[0]).1.kind();
        let each = passed.iter().map(|(index, error)| {
            let options = self.servers.at(*index);
            format!(
                "{}:{} ({})",
                options.get_host(),
                options.get_port(),
                why(error)
            )
        });
        let each: Vec<String> = each.collect();
        let message = format!(
            "no server of the database URL is a primary: {}",
            each.join(", ")
        );
        StoreError::new(kind, message)
    }

    /// Why a connection could not be made.
    pub(crate) fn not_connected(&self, error: Error) -> StoreError {
        not_connected(&self.current().options, error)
    }

    /// The server does not answer.
    pub(crate) fn unreachable(&self, why: impl Into<BoxError>) -> StoreError {
        unreachable(&self.current().options, why)
    }

    /// Ends when another server has become the primary.
    pub(crate) async fn moved(&self) {
        let before = self.current().index;
        while self.current().index == before {
            tokio::time::sleep(LOOK_EVERY).await;
            // What it finds is noted.
            let _ = self.look().await;
        }
    }

    /// A session can only read: it leads to a standby, or to a server that was a primary before. So do probably all that were made
    /// until now, and no pool hands them out any more.
    pub(crate) fn outdate_connections(&self) {
        *self.outdated.lock().expect(NEVER_POISONED) = Some(Instant::now());
    }

    /// Whether a connection that was made at this time is outdated.
    pub(crate) fn is_outdated(&self, made: Instant) -> bool {
        let outdated = *self.outdated.lock().expect(NEVER_POISONED);
        outdated.is_some_and(|until| made <= until)
    }

    /// Why a pool had no connection in time. It does not say whether all are in use or none can be made, so one is tried.
    pub(crate) async fn why_none(&self, all_in_use: String) -> StoreError {
        let full = || StoreError::new(StoreErrorKind::Unavailable, all_in_use);
        self.look().await.err().unwrap_or_else(full)
    }

    /// Whether a connection can be made now.
    pub(crate) async fn look(&self) -> Result<(), StoreError> {
        let mut looked = self.looked.lock().await;
        if let Some((when, found)) = &*looked
            && when.elapsed() < LOOK_EVERY
        {
            return found.clone();
        }
        let servers = u32::try_from(self.servers.count()).unwrap_or(1);
        let limit = (LOOK_LIMIT * servers).min(self.limit);
        let found = match self.connect_within(limit, &Settings::new()).await {
            Ok(connection) => {
                schema::close(connection).await;
                Ok(())
            }
            Err(error) => Err(error),
        };
        *looked = Some((Instant::now(), found.clone()));
        found
    }
}

/// Whether a session can only read: on a standby, or by its default.
pub(crate) async fn can_only_read(connection: &mut PgConnection) -> Result<bool, Error> {
    let asked = sqlx::raw_sql(ASK_READ_ONLY).fetch_one(connection).await?;
    Ok(asked.try_get::<String, _>(0)? == "on")
}

/// Without the password, which sqlx's options would show.
/// Why a server was passed over. What does not pass by itself is said whole, with its advice.
fn why(error: &StoreError) -> String {
    match error.source() {
        Some(source) if error.is_retryable() => source.to_string(),
        _ => chain(error).to_string(),
    }
}

impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts")
            .field("current", &self.current().options.get_host())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_text_has_no_password() {
        let servers = Servers::new("postgres://u:s3cret@localhost/d", false, None);
        let shown = format!(
            "{:?}",
            Hosts::new(servers.expect("readable"), Duration::ZERO)
        );
        assert!(!shown.contains("s3cret"), "{shown}");
    }

    #[test]
    fn what_does_not_pass_by_itself_keeps_its_advice() {
        let refused =
            |kind| why(&StoreError::new(kind, "replace the password").caused_by("refused"));
        let final_one = refused(StoreErrorKind::Misconfigured);
        assert_eq!(final_one, "replace the password: refused");
        assert_eq!(refused(StoreErrorKind::Unavailable), "refused");
    }
}
