//! Reads the table itself, from its first row to its last.

use cqrs_core::EventId;
use uuid::Uuid;

use super::{PgMischief, session::Session};
use crate::{
    error::CheckError,
    names::{EventNumber, Run, StreamNumber},
    truth::Truth,
};

const PAGE: &str = "
    select position, category, aggregate_id, version, event_id from __schema__.events
    where position > $1 order by position limit 50000";

type Row = (i64, String, String, i64, Uuid);

impl PgMischief {
    pub(super) async fn read_table(&self, run: Run) -> Result<Truth, CheckError> {
        let mut session = self.session();
        let (mut truth, mut after) = (Truth::default(), -1);
        loop {
            let rows = self.page(&mut session, after).await?;
            let Some((last, ..)) = rows.last() else {
                return Ok(truth);
            };
            after = *last;
            for (position, category, id, version, event) in rows {
                let stream = StreamNumber::of(&category, &id);
                let number = EventNumber::of(EventId::from_uuid(event), run);
                let (place, version) = (position.unsigned_abs(), version.unsigned_abs());
                truth.add(place, stream, version, number, || {
                    format!("{category}-{id}@{version}, position {position}, {event}")
                });
            }
        }
    }

    async fn page(&self, session: &mut Session, after: i64) -> Result<Vec<Row>, sqlx::Error> {
        let rows = sqlx::query_as(self.sql(PAGE)).bind(after);
        rows.fetch_all(session.get().await?).await
    }
}
