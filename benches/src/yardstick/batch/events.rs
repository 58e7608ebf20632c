//! Reads and writes many streams in one plain SQL statement, without guards and version checks.

use cqrs_core::{Aggregate, Event};
use sqlx::{Postgres, Row, pool::PoolConnection, postgres::PgRow};

use super::{BatchWork, Batcher};
use crate::{
    Outcome,
    database::Database,
    domain::{Account, AccountEvent},
    yardstick::{decode::decode, encode::Encoded, encode::encode},
};

const INSERT: &str = "
    insert into events (position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload)
    select nextval('position'), $1, aggregate_id, version, 0, event_id, event_type, 1, payload::json
    from unnest($2::text[], $3::bigint[], $4::uuid[], $5::text[], $6::text[])
         as given (aggregate_id, version, event_id, event_type, payload)";

const SELECT: &str = "
    select n, version, event_type, payload
    from unnest($2::text[]) with ordinality as given (id, n)
    join events on category = $1 and aggregate_id = id
    order by n, version";

/// A table of events, with one connection that writes and one that reads.
#[derive(Clone)]
pub(crate) struct BatchedEvents {
    inserts: Batcher<Inserts>,
    selects: Batcher<Selects>,
}

impl BatchedEvents {
    /// The existing table of events.
    pub(crate) async fn of(database: &Database) -> Outcome<Self> {
        let pool = database.raw(2).await?;
        Ok(Self {
            inserts: Batcher::new(Inserts(pool.acquire().await?)),
            selects: Batcher::new(Selects(pool.acquire().await?)),
        })
    }

    /// Appends to a stream that the caller knows to be at `version`.
    pub(crate) async fn insert(
        &self,
        id: &str,
        version: i64,
        events: &[AccountEvent],
    ) -> Outcome<()> {
        let id = id.to_owned();
        let events = encode(events)?;
        self.inserts
            .request(Insert {
                id,
                version,
                events,
            })
            .await
    }

    /// The state of a stream, and its version.
    pub(crate) async fn load(&self, id: &str) -> Outcome<(Account, i64)> {
        let rows = self.selects.request(id.to_owned()).await?;
        let mut account = Account::default();
        for row in &rows {
            account.apply(decode(row, 2)?);
        }
        Ok((account, i64::try_from(rows.len())?))
    }

    /// Loads, decides and appends.
    pub(crate) async fn command(&self, id: &str, movements: u32) -> Outcome<()> {
        let (account, version) = self.load(id).await?;
        std::hint::black_box(account);
        self.insert(id, version, &AccountEvent::examples(movements))
            .await
    }
}

struct Insert {
    id: String,
    version: i64,
    events: Encoded,
}

struct Inserts(PoolConnection<Postgres>);

impl BatchWork for Inserts {
    type Request = Insert;
    type Response = ();

    async fn run(&mut self, inserts: Vec<Insert>) -> Outcome<Vec<()>> {
        let mut ids = Vec::new();
        let mut versions = Vec::new();
        let mut columns = Encoded::default();
        let responses = vec![(); inserts.len()];
        for insert in &inserts {
            for number in 1..=i64::try_from(insert.events.ids.len())? {
                ids.push(insert.id.as_str());
                versions.push(insert.version + number);
            }
            columns.ids.extend(&insert.events.ids);
            columns.types.extend(&insert.events.types);
        }
        let payloads = inserts.iter().flat_map(|insert| &insert.events.payloads);
        let payloads: Vec<&str> = payloads.map(String::as_str).collect();
        sqlx::query(INSERT)
            .bind(AccountEvent::CATEGORY)
            .bind(ids)
            .bind(versions)
            .bind(columns.ids)
            .bind(columns.types)
            .bind(payloads)
            .execute(&mut *self.0)
            .await?;
        Ok(responses)
    }
}

struct Selects(PoolConnection<Postgres>);

impl BatchWork for Selects {
    type Request = String;
    type Response = Vec<PgRow>;

    async fn run(&mut self, ids: Vec<String>) -> Outcome<Vec<Vec<PgRow>>> {
        let mut responses = Vec::new();
        responses.resize_with(ids.len(), Vec::new);
        let rows = sqlx::query(SELECT).bind(AccountEvent::CATEGORY).bind(ids);
        for row in rows.fetch_all(&mut *self.0).await? {
            let number: i64 = row.try_get(0)?;
            let response = responses.get_mut(usize::try_from(number - 1)?);
            response.ok_or("a number that was not requested")?.push(row);
        }
        Ok(responses)
    }
}
