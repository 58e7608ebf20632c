//! From one service to another: aggregate, store, relay, Kafka, consumer group, view in a second store.
//!
//! In memory and on an in-process Kafka cluster:
//!
//! ```sh
//! cargo run -p kafka-relay
//! ```
//!
//! On PostgreSQL and Apache Kafka, when `DATABASE_URL` and `KAFKA_BROKERS` name them:
//!
//! ```sh
//! eval "$(scripts/services up)"
//! cargo run -p kafka-relay
//! ```

mod order;

use std::{env, error::Error, time::Duration};

use cqrs_core::prelude::*;
use cqrs_kafka::{EmbeddedKafka, KafkaConfig, KafkaGroup, KafkaPublisher, KafkaTopics};
use cqrs_postgres::{PgConfig, PgEventStore};
use tokio::time::timeout;

use crate::order::{Order, Revenue};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    match (env::var("DATABASE_URL"), env::var("KAFKA_BROKERS")) {
        (Ok(database), Ok(brokers)) => on_servers(&database, &brokers).await,
        (Err(_), Err(_)) => in_process().await,
        _ => Err("set both DATABASE_URL and KAFKA_BROKERS, or neither".into()),
    }
}

/// The in-process cluster has no Admin API, so `KafkaTopics` does not work here: the cluster creates its topics itself.
async fn in_process() -> Result<(), Box<dyn Error>> {
    let cluster = EmbeddedKafka::start()?;
    let kafka = KafkaConfig::new(cluster.bootstrap_servers()).topic_prefix("demo");
    cluster.create_topic(&kafka.topic("order"), 4)?;
    cluster.create_topic(&kafka.progress_topic("sales"), 1)?;
    two_services(
        MemoryEventStore::default(),
        MemoryEventStore::default(),
        &kafka,
    )
    .await
}

/// Each service has a schema of its own. Each run has names of its own: a topic belongs to one store, and a new store must
/// not publish after the events of another.
async fn on_servers(database: &str, brokers: &str) -> Result<(), Box<dyn Error>> {
    let run = EventId::random().to_string().split_off(24); // its last group of digits
    let kafka = KafkaConfig::new(brokers).topic_prefix(format!("demo_{run}"));
    let topics = KafkaTopics::new(&kafka);
    topics.create_for_categories(["order"]).await?;
    topics.create_for_relay("sales", 1).await?;

    let sales = PgConfig::new(database).schema(format!("sales_{run}"));
    PgEventStore::install(&sales).await?;
    let billing = PgConfig::new(database).schema(format!("billing_{run}"));
    PgEventStore::install(&billing).await?;
    let sales = PgEventStore::connect(&sales).await?;
    two_services(sales, PgEventStore::connect(&billing).await?, &kafka).await
}

/// Sales takes orders and publishes its events. Billing reads them from Kafka into its own store.
async fn two_services<S: Store>(
    sales: S,
    billing: S,
    kafka: &KafkaConfig,
) -> Result<(), Box<dyn Error>> {
    let orders = sales.repository::<Order>();
    for (order, customer, cents) in [("o1", "ann", 1_500), ("o2", "bob", 900), ("o3", "ann", 700)] {
        orders.execute(order, (customer.to_owned(), cents)).await?;
    }
    if let Err(rejected) = orders.execute("o1", ("bob".to_owned(), 100)).await {
        println!("o1 again: {rejected}");
    }

    // The relay keeps its progress under its name in Kafka; the group keeps its offsets in the store of its view.
    let group = KafkaGroup::new(kafka, Revenue::NAME).categories(["order"]);
    let service = Service::new()
        .with(Relay::new(&sales, "sales", KafkaPublisher::new(kafka)))
        .with(Runner::over(&billing, Revenue, group.source())?);

    // `service.run()` would run until SIGTERM; this program ends as soon as billing has all three orders.
    let mut printed = Ok(Ok(()));
    let stop = async {
        printed = timeout(Duration::from_secs(60), print_revenue(billing, 3)).await;
    };
    service.run_until(stop).await?;
    printed?
}

/// A view over topics has no position to wait for, so this reads until all orders are there.
async fn print_revenue<S: Store>(billing: S, orders: u64) -> Result<(), Box<dyn Error>> {
    let revenue = ReadModel::<Revenue, _>::new(&billing);
    loop {
        let customers = revenue.page(None, 100).await?;
        if customers.iter().map(|(_, sum)| sum.orders).sum::<u64>() == orders {
            for (customer, sum) in customers {
                println!("{customer}: {} cents in {} order(s)", sum.cents, sum.orders);
            }
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
