//! The command line, and the servers that the environment names.

use clap::Parser;

use crate::error::{ErrorContext, ShopError};

/// Five services, from aggregates to PostgreSQL to Kafka to read models.
///
/// Places orders, waits until every one of them is settled, audits money, stock and states across the services, drops
/// the read models, rebuilds them by replay and compares. Exits with 0 if everything is right, 1 if anything is wrong,
/// 130 after Ctrl-C.
///
/// With DATABASE_URL and KAFKA_BROKERS set it runs on PostgreSQL and Apache Kafka. KAFKA_SETTINGS may name a file with settings
/// of librdkafka, `key=value` in each line. A killed run continues when it is started again with the same arguments. With neither it runs in memory, on librdkafka's in-process cluster.
#[derive(Debug, Clone, Parser)]
#[command(version)]
pub struct Options {
    /// How many orders to place.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub orders: u64,
    /// Another seed gives other orders. A restarted run needs the seed it began with.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Names the run: its orders, schemas and topics. The same name continues with the existing data.
    #[arg(long, default_value = "shop", value_parser = run_name)]
    pub name: String,
    /// How many orders are placed at the same time.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub concurrency: u16,
    /// How many orders to place per second. Without it, as many as the store takes; then the latency shown is that of a
    /// shop at its limit.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
}

fn run_name(name: &str) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    let begins = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
    if begins && name.len() <= 20 && name.bytes().all(allowed) {
        return Ok(name.to_owned());
    }
    Err("must be 1 to 20 lower-case letters, digits and `_`, beginning with a letter".to_owned())
}

/// The servers to run on.
#[derive(Debug, PartialEq, Eq)]
pub enum Servers {
    /// None: everything in this process.
    Embedded,
    /// PostgreSQL and Kafka.
    Real {
        database: String,
        brokers: String,
        /// Settings of librdkafka.
        settings: Vec<(String, String)>,
    },
}

impl Servers {
    /// Reads `DATABASE_URL` and `KAFKA_BROKERS`.
    pub fn of_environment() -> Result<Self, ShopError> {
        let set = |name| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.trim().is_empty())
        };
        let settings = set("KAFKA_SETTINGS").map(|file| settings_in(&file));
        let settings = settings.transpose()?.unwrap_or_default();
        Self::choose(set("DATABASE_URL"), set("KAFKA_BROKERS"), settings)
    }

    fn choose(
        database: Option<String>,
        brokers: Option<String>,
        settings: Vec<(String, String)>,
    ) -> Result<Self, ShopError> {
        let missing = match (database, brokers) {
            (Some(database), Some(brokers)) => {
                return Ok(Self::Real {
                    database,
                    brokers,
                    settings,
                });
            }
            (None, None) => return Ok(Self::Embedded),
            (Some(_), None) => "DATABASE_URL is set and KAFKA_BROKERS is not",
            (None, Some(_)) => "KAFKA_BROKERS is set and DATABASE_URL is not",
        };
        let advice = "set both to run on PostgreSQL and Kafka, or neither to run in this process; \
                      `eval \"$(scripts/services up)\"` starts both and sets them";
        Err(ShopError::new(
            "environment",
            &format!("{missing}: {advice}"),
        ))
    }
}

/// The settings of a file, for example a password that nobody must see in the list of processes.
fn settings_in(file: &str) -> Result<Vec<(String, String)>, ShopError> {
    let text = std::fs::read_to_string(file).context("KAFKA_SETTINGS")?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| match line.split_once('=') {
            Some((key, value)) => Ok((key.trim().to_owned(), value.trim().to_owned())),
            None => {
                let why = "every line of the file must be key=value";
                Err(ShopError::new("KAFKA_SETTINGS", why))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_servers_or_none() {
        let set = || Some("x".to_owned());
        assert!(matches!(
            Servers::choose(None, None, Vec::new()),
            Ok(Servers::Embedded)
        ));
        assert!(matches!(
            Servers::choose(set(), set(), Vec::new()),
            Ok(Servers::Real { .. })
        ));
        let error = Servers::choose(set(), None, Vec::new()).expect_err("only one is set");
        assert!(error.to_string().contains("KAFKA_BROKERS is not"));
        assert!(Servers::choose(None, set(), Vec::new()).is_err());
    }

    #[test]
    fn the_name_of_a_run_must_be_valid_for_a_schema() {
        assert!(
            ["shop", "shop_2", "a"]
                .into_iter()
                .all(|name| run_name(name).is_ok())
        );
        assert!(
            ["", "2shop", "Shop", "a-b", &"x".repeat(21)]
                .into_iter()
                .all(|name| run_name(name).is_err())
        );
    }

    #[test]
    fn the_command_line_is_well_formed() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }
}
