//! Who holds the high-water mark: the session, or prepared transaction, with the lowest fence.

use super::PgMischief;

const HOLDER: &str = "
    select format(
               'position %s is held by %s',
               ((classid::bigint & 65535) << 32) | objid::bigint,
               case
                   when p.gid is not null then format('the prepared transaction %L of %s', p.gid, p.prepared)
                   else format('pid %s (%s, %s, its transaction is %s s old): %s', l.pid, a.application_name, a.state,
                               round(extract(epoch from clock_timestamp() - a.xact_start), 1),
                               left(regexp_replace(a.query, '\\s+', ' ', 'g'), 100))
               end)
    from pg_locks l
    left join pg_stat_activity a on a.pid = l.pid
    left join pg_prepared_xacts p on l.pid is null and l.virtualtransaction = '-1/' || p.transaction
    where l.locktype = 'advisory' and l.objsubid = 1
      and l.database = (select oid from pg_database where datname = current_database())
      and classid::bigint >> 16 = __schema__.fence_tag()
    order by ((classid::bigint & 65535) << 32) | objid::bigint limit 1";

impl PgMischief {
    pub(super) async fn holder(&self) -> Result<String, sqlx::Error> {
        let mut session = self.session();
        let holder = sqlx::query_scalar(self.sql(HOLDER));
        let holder: Option<String> = holder.fetch_optional(session.get().await?).await?;
        Ok(holder.unwrap_or_else(|| "nobody holds the mark: the reader itself is slow".to_owned()))
    }
}
