//! Idempotency keys are kept for the retention time, then removed.

use std::time::Duration;

use cqrs_core::{EventStore, IdempotencyKey, model::Idempotency, ports::Appends};
use cqrs_postgres::PgEventStore;
use sqlx::AssertSqlSafe;

use crate::support::{append, fresh_config, fresh_store};

fn request(name: &str, fingerprint: u64) -> Appends {
    let key = IdempotencyKey::new(name).expect("valid");
    Appends::from(append("alice", 1)).once(Idempotency::new(key, fingerprint))
}

#[tokio::test]
async fn a_key_expires_after_its_retention() {
    let config = fresh_config().idempotency_retention(Duration::ZERO);
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    for fingerprint in 0..3 {
        let appends = request("request", fingerprint);
        let idempotency = appends.idempotency.clone().expect("a key");
        let appended = store.append_all(appends).await.expect("appends");
        assert_eq!(
            (appended[0].before.get(), appended[0].repeated),
            (fingerprint, false)
        );
        let looked_up = store.appended_under(&idempotency).await;
        assert_eq!(looked_up.expect("looks"), None);
    }
}

#[tokio::test]
async fn expired_keys_are_removed_and_others_stay() {
    let store = fresh_store().await;
    // More than are removed in one step.
    let keys = |age, count| {
        let schema = store.schema();
        AssertSqlSafe(format!(
            "insert into \"{schema}\".idempotency \
             select '{age} ' || n, 1, '{{}}', '{{}}', '{{}}', '{{}}', '{{}}', clock_timestamp() - interval '{age}' \
             from generate_series(1, {count}) n"
        ))
    };
    for keys in [keys("8 days", 2_500), keys("6 days", 10)] {
        sqlx::query(keys).execute(store.pool()).await.expect("runs");
    }
    store
        .append_all(request("request", 1))
        .await
        .expect("appends");
    let left = format!("select count(*) from \"{}\".idempotency", store.schema());
    let left = async || -> i64 {
        let count = sqlx::query_scalar(AssertSqlSafe(left.clone()));
        count.fetch_one(store.pool()).await.expect("counts")
    };
    let removed = async {
        while left().await > 11 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let removed = tokio::time::timeout(Duration::from_secs(60), removed).await;
    removed.expect("old keys are removed beside the appends");
    assert_eq!(left().await, 11);
}
