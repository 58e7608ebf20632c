//! Does its job until it is killed. Only the tests start it.

use async_trait::async_trait;
use cqrs_core::{
    Event, HandlerError, RecordedEvent, Relay, Runner, Service,
    codec::CodecError,
    model::EventFilter,
    read::{Handler, IntoHandler},
    role,
};
use cqrs_kafka::{KafkaGroup, KafkaPublisher};
use cqrs_postgres::{PgEventStore, PgTransaction};
use cqrs_tests::{
    child::Job,
    domain::{CounterEvent, Counts, EchoCounts},
    parking::{ParkAt, park},
    processes::Processes,
    servers::{kafka, store},
};
use std::sync::atomic::{AtomicU32, Ordering};
use tracing_subscriber::layer::SubscriberExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let job: Job =
        serde_json::from_str(&std::env::args().nth(1).ok_or("started by the tests only")?)?;
    let parking = ParkAt::new(&job.park_at, job.nth);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(parking))?;
    let store = store(&job.schema).await;
    match job.role.as_str() {
        "relay" => relay(&job, store).await,
        "view" => view(&job, store).await,
        "processes" => processes(&job, store).await,
        "service" => run(service(&job, &store)?).await,
        "stuck" => run(stuck()).await,
        _ => reactor(&job, store).await,
    }
}

async fn relay(job: &Job, store: PgEventStore) -> Result<(), Box<dyn std::error::Error>> {
    let publisher = KafkaPublisher::new(&kafka(&job.prefix));
    Ok(Relay::new(&store, "relay", publisher)
        .batch_size(job.batch_size)
        .run(std::future::pending())
        .await?)
}

async fn view(job: &Job, store: PgEventStore) -> Result<(), Box<dyn std::error::Error>> {
    let handler = Parking::new(
        IntoHandler::<PgEventStore, role::View>::into_handler(Counts),
        job.nth,
    );
    let runner = Runner::over_log::<role::Handler>(&store, handler)?.batch_size(job.batch_size);
    Ok(runner.run(std::future::pending()).await?)
}

async fn processes(job: &Job, store: PgEventStore) -> Result<(), Box<dyn std::error::Error>> {
    let runner = Runner::over_log::<role::Handler>(&store, Processes)?.batch_size(job.batch_size);
    Ok(runner.run(std::future::pending()).await?)
}

async fn run(service: Service) -> Result<(), Box<dyn std::error::Error>> {
    service.run().await?;
    Ok(())
}

fn service(job: &Job, store: &PgEventStore) -> Result<Service, Box<dyn std::error::Error>> {
    let publisher = KafkaPublisher::new(&kafka(&job.prefix));
    Ok(Service::new()
        .with(Runner::over_log::<role::View>(store, Counts)?)
        .with(Relay::new(store, "relay", publisher)))
}

fn stuck() -> Service {
    Service::new().task("stuck", |stop| async {
        println!("parked until it is asked to stop");
        stop.await;
        println!("parked when asked to stop");
        std::future::pending().await
    })
}

async fn reactor(job: &Job, store: PgEventStore) -> Result<(), Box<dyn std::error::Error>> {
    let handler = Parking::new(
        IntoHandler::<PgEventStore, role::Reactor>::into_handler(EchoCounts),
        job.nth,
    );
    let group =
        KafkaGroup::new(&kafka(&job.prefix), "echo_counts").categories([CounterEvent::CATEGORY]);
    let source = group.instance_id("echo_counts-0").connect().await?;
    let runner = Runner::over::<role::Handler>(&store, handler, source)?.batch_size(job.batch_size);
    Ok(runner.run(std::future::pending()).await?)
}

/// Parks after the work of the `nth` batch, before its commit.
struct Parking<H> {
    handler: H,
    nth: u32,
    batches: AtomicU32,
}

impl<H> Parking<H> {
    fn new(handler: H, nth: u32) -> Self {
        Self {
            handler,
            nth,
            batches: AtomicU32::new(0),
        }
    }
}

#[async_trait]
impl<H: Handler<PgEventStore>> Handler<PgEventStore> for Parking<H> {
    fn subscription(&self) -> &str {
        self.handler.subscription()
    }

    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        self.handler.reads()
    }

    async fn prepare(&self, store: &PgEventStore) -> Result<(), cqrs_core::StoreError> {
        self.handler.prepare(store).await
    }

    async fn handle(
        &self,
        store: &PgEventStore,
        transaction: &mut PgTransaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        self.handler.handle(store, transaction, batch).await?;
        if self.batches.fetch_add(1, Ordering::SeqCst) + 1 == self.nth {
            tokio::task::block_in_place(|| park("before the commit"));
        }
        Ok(())
    }
}
