//! The migrations: the baseline, and from 0.1.0 on what changed after it. A released one is never changed.

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migration, MigrationType},
};

use super::baseline;
use crate::sql::complete;

/// A migration for any schema.
pub(super) struct Step {
    pub(super) version: i64,
    pub(super) name: &'static str,
    pub(super) texts: Vec<&'static str>,
}

/// Every migration, numbered from 1.
pub(super) fn all() -> Vec<Step> {
    vec![Step {
        version: 1,
        name: "baseline",
        texts: baseline::OBJECTS.iter().map(|file| file.text).collect(),
    }]
}

impl Step {
    /// The migration for this schema. Its checksum is that of the completed text, so that it differs for a renamed schema,
    /// whose functions still name the old one.
    pub(super) fn migration(&self, schema: &str) -> Migration {
        let texts: Vec<_> = self
            .texts
            .iter()
            .map(|text| complete(text, schema))
            .collect();
        let sql = AssertSqlSafe(texts.join("\n")).into_sql_str();
        Migration::new(
            self.version,
            self.name.into(),
            MigrationType::Simple,
            sql,
            false,
        )
    }
}
