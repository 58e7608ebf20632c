//! Reads the log with plain SQL: pages by position, folded in memory, written as jsonb.

use std::collections::{HashMap, HashSet};

use sqlx::{PgPool, Row};

use super::decode::decode;
use crate::{Outcome, database::Database, domain::Balance};

const PAGE: &str = "select position, aggregate_id, event_type, payload from events \
                    where position > $1 order by position limit $2";

const TABLE: &str = r#"
    create table __schema__.raw_balances (
        key  text  primary key collate "C",
        body jsonb not null
    )
"#;

const UPSERT: &str = "
    insert into raw_balances (key, body) select key, body from unnest($1::text[], $2::jsonb[]) as given (key, body)
    on conflict (key) do update set body = excluded.body";

/// When documents are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// After each page, those that it changed, in a transaction of their own.
    EachPage,
    /// All of them, after the last page.
    AtTheEnd,
    /// Not at all: only reading and decoding is measured.
    Never,
}

/// The table of events of a store, and a table for documents beside it.
#[derive(Debug)]
pub(crate) struct LogEvents {
    pool: PgPool,
}

impl LogEvents {
    pub(crate) async fn of(database: &Database) -> Outcome<Self> {
        database.run(TABLE).await?;
        let pool = database.raw(2).await?;
        Ok(Self { pool })
    }

    /// Removes the documents.
    pub(crate) async fn clear(&self) -> Outcome<()> {
        sqlx::query("truncate raw_balances")
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Reads the whole log, in pages of this many events.
    pub(crate) async fn fold(&self, page: u32, write: Write) -> Outcome<HashMap<String, Balance>> {
        let mut balances = HashMap::new();
        let mut after = 0_i64;
        loop {
            let rows = sqlx::query(PAGE).bind(after).bind(i64::from(page));
            let rows = rows.fetch_all(&self.pool).await?;
            let Some(last) = rows.last() else { break };
            after = last.try_get(0)?;
            let mut touched = HashSet::new();
            for row in &rows {
                let key: &str = row.try_get(1)?;
                let event = decode(row, 2)?;
                if !balances.contains_key(key) {
                    balances.insert(key.to_owned(), Balance::default());
                }
                if let Some(balance) = balances.get_mut(key) {
                    balance.add(&event);
                }
                touched.insert(key);
            }
            if write == Write::EachPage {
                self.upsert(touched.into_iter(), &balances).await?;
            }
        }
        if write == Write::AtTheEnd {
            self.upsert(balances.keys().map(String::as_str), &balances)
                .await?;
        }
        Ok(balances)
    }

    async fn upsert<'a>(
        &self,
        keys: impl Iterator<Item = &'a str>,
        balances: &HashMap<String, Balance>,
    ) -> Outcome<()> {
        let mut keys = Vec::from_iter(keys);
        keys.sort_unstable();
        let bodies = keys.iter().filter_map(|key| balances.get(*key));
        let bodies = bodies
            .map(serde_json::to_string)
            .collect::<Result<Vec<_>, _>>()?;
        sqlx::query(UPSERT)
            .bind(keys)
            .bind(bodies)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
