//! Reads the table of events, from the first row to the last.

use cqrs_core::EventId;
use uuid::Uuid;

use super::{PgFaults, session::Session};
use crate::{
    error::CheckError,
    ids::{EventOrigin, RunId, StreamNumber},
    stored::StoredEvents,
};

const PAGE: &str = "
    select position, category, aggregate_id, version, event_id from __schema__.events
    where position > $1 order by position limit 50000";

type Row = (i64, String, String, i64, Uuid);

impl PgFaults {
    pub(super) async fn read_table(&self, run: RunId) -> Result<StoredEvents, CheckError> {
        let mut session = self.session();
        let mut stored = StoredEvents::default();
        let mut after = -1;
        loop {
            let rows = self.page(&mut session, after).await?;
            let Some((last, ..)) = rows.last() else {
                return Ok(stored);
            };
            after = *last;
            for (position, category, id, version, event) in rows {
                let stream = StreamNumber::of(&category, &id);
                let origin = EventOrigin::of(EventId::from_uuid(event), run);
                let number = position.unsigned_abs();
                stored.add(number, stream, version.unsigned_abs(), origin, || {
                    format!("{category}-{id}@{version}, position {position}, {event}")
                });
            }
        }
    }

    async fn page(&self, session: &mut Session, after: i64) -> Result<Vec<Row>, sqlx::Error> {
        let rows = sqlx::query_as(self.sql(PAGE)).bind(after);
        rows.fetch_all(session.connection().await?).await
    }
}
