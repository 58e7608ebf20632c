//! No secret is shown by `{:?}` of what was made with one, or by an error.

use std::{
    any::type_name,
    collections::BTreeSet,
    error::Error,
    fmt::Debug,
    fs,
    time::{Duration, SystemTime},
};

use cqrs_core::{
    CommandStore, ExpectedVersion, ReadModel, Relay, Runner, Service, To, chain,
    ports::{
        Append, EventStore, HealthLimits, Publication, Publisher, Source, Subscriber, UnitOfWork,
    },
    read::{LogSource, ParkedKeys},
    role,
};
use cqrs_kafka::{
    KafkaConfig, KafkaDeadLetters, KafkaGroup, KafkaPublisher, KafkaToken, KafkaTopics,
};
use cqrs_postgres::{PgConfig, PgEventStore};
use cqrs_tests::{
    domain::{Counter, CounterEvent, Counts},
    secure::{kafka_as, parameters, password, setting, tls_file, url},
    servers::{create_topics, fresh_name, project, store},
};

use tokio::task::JoinSet;

use crate::secure_postgres::CERTIFICATE;

/// In every place where a secret can be and that no server reads.
const SECRET: &str = "hunter2-of-the-tests";

/// The public types that a connection to PostgreSQL is part of, and those of its errors.
const OF_POSTGRES: [&str; 15] = [
    "Execute",
    "FenceHolder",
    "ExecuteAll",
    "LogSource",
    "LogReader",
    "ParkedKeys",
    "PgConfig",
    "PgEventStore",
    "PgTransaction",
    "ReadModel",
    "Repository",
    "Runner",
    "ServiceHealth",
    "Service",
    "StoreError",
];

/// The public types that a connection to Kafka is part of, and those of its errors.
const OF_KAFKA: [&str; 15] = [
    "KafkaConfig",
    "KafkaDeadLetters",
    "KafkaError",
    "KafkaGroup",
    "KafkaPublisher",
    "KafkaReader",
    "KafkaSession",
    "KafkaSource",
    "KafkaToken",
    "KafkaTopics",
    "Progress",
    "PublishError",
    "Relay",
    "RelayError",
    "RunnerError",
];

/// Public types of the adapters that no setting reaches: names of rights, the format of records, and a cluster in the process that
/// has no settings.
const WITHOUT_SETTINGS: [&str; 5] = [
    "Access",
    "Decoder",
    "EmbeddedKafka",
    "Received",
    "WireError",
];

/// Everything that a user could print or log.
#[derive(Default)]
struct Shown {
    texts: Vec<String>,
    types: BTreeSet<&'static str>,
}

impl Shown {
    fn value<T: Debug>(&mut self, value: &T) {
        self.note::<T>();
        self.texts.push(format!("{value:?}"));
    }

    fn error<E: Error + 'static>(&mut self, error: &E) {
        self.note::<E>();
        self.texts.push(format!("{} {error:?}", chain(error)));
    }

    fn note<T>(&mut self) {
        let name = type_name::<T>().split('<').next().unwrap_or_default();
        self.types.extend(name.rsplit("::").next());
    }

    /// No secret is in what was shown, and all of these types were.
    fn has_no_secret(&self, more: &[String], types: &[&str]) {
        let secrets = || more.iter().map(String::as_str).chain([SECRET]);
        for shown in &self.texts {
            let found = secrets().any(|secret| shown.contains(secret));
            assert!(!found, "a secret is in: {shown}");
        }
        let missing = Vec::from_iter(types.iter().filter(|name| !self.types.contains(*name)));
        assert!(
            missing.is_empty(),
            "not shown: {missing:?} of {:?}",
            self.types
        );
    }
}

/// The names of the public structs and enums of a crate, with their generic parameters.
fn public_types(krate: &str) -> Vec<String> {
    let file = project().join("api").join(format!("{krate}.txt"));
    let api = fs::read_to_string(file).expect("reads");
    let of_line = |line: &str| {
        let line = line.strip_prefix("#[non_exhaustive] ").unwrap_or(line);
        let item = line
            .strip_prefix("pub struct ")
            .or_else(|| line.strip_prefix("pub enum "))?;
        let (path, parameters) = item.split_once(['<', '(']).unwrap_or((item, ""));
        let name = path.rsplit("::").next().unwrap_or_default().trim();
        Some(format!("{name}<{parameters}"))
    };
    api.lines().filter_map(of_line).collect()
}

/// A type that is added to the API is added to a list, and so to a test.
#[test]
fn every_type_that_can_hold_a_secret_is_in_a_list() {
    let mut types = BTreeSet::new();
    for krate in ["cqrs-postgres", "cqrs-kafka"] {
        types.extend(public_types(krate));
    }
    assert!(types.len() > 12, "the files have another format: {types:?}");
    // Those of the core that have a store, a source or a publisher in them are generic over it.
    let holds_an_adapter = |name: &String| {
        let (_, parameters) = name.split_once('<').unwrap_or_default();
        let mut parameters = parameters.split([',', '>']);
        parameters.any(|parameter| matches!(parameter.trim().split(':').next(), Some("S" | "P")))
    };
    let of_core = Vec::from_iter(
        public_types("cqrs-core")
            .into_iter()
            .filter(holds_an_adapter),
    );
    assert!(
        of_core.len() > 5,
        "the file has another format: {of_core:?}"
    );
    types.extend(of_core);
    let named = |name: &str| {
        let lists = OF_POSTGRES.iter().chain(&OF_KAFKA).chain(&WITHOUT_SETTINGS);
        lists.into_iter().any(|listed| *listed == name)
    };
    let names = types
        .iter()
        .map(|name| name.split('<').next().unwrap_or_default());
    let missing = Vec::from_iter(names.filter(|name| !named(name) && *name != "ProjectionHandler"));
    assert!(
        missing.is_empty(),
        "in no list, and so in no test: {missing:?}"
    );
}

#[test]
#[should_panic(expected = "a secret is in")]
fn a_secret_that_is_shown_is_found() {
    let mut shown = Shown::default();
    shown.value(&format!("password={SECRET}"));
    shown.has_no_secret(&[], &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_connects_to_postgres_shows_a_secret() {
    let _unchanged = CERTIFICATE.read().await;
    let mut shown = Shown::default();
    let [certificate, key] = ["app.pem", "app.key"].map(tls_file);
    let parameters = parameters(&tls_file("ca.pem"), &certificate, &key);
    let password = password("app");
    let config = PgConfig::new(url("app", &password, &parameters)).schema(fresh_name());
    shown.value(&config);
    shown.value(
        &config
            .clone()
            .password_from(async || Ok::<_, std::io::Error>(SECRET.to_owned())),
    );
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    shown.value(&store);
    shown.value(&store.pool());
    shown.value(&store.begin().await.expect("begins"));
    let mut open = store.begin().await.expect("begins");
    let to_hold = CounterEvent::Counted {
        to: 1,
        text: "w".to_owned(),
    };
    let held = Append::of("held", ExpectedVersion::Any, &[to_hold]).expect("valid");
    let held = store.append_in(&mut open, held.into()).await;
    held.expect("appends");
    for holder in store.fence_holders().await.expect("reads") {
        shown.value(&holder);
    }
    drop(open);
    let counters = store.repository::<Counter>();
    shown.value(&counters.execute("ann", "w".to_owned()));
    shown.value(&counters);
    shown.value(&store.execute_all([To::<Counter>::new("ann", "w".to_owned())]));
    shown.value(&ParkedKeys::new(&store, "counts"));
    shown.value(&ReadModel::<Counts, _>::new(&store));
    let mut log = LogSource::new(&store, "counts", Vec::new());
    shown.value(&log);
    if let Some(reader) = log.assigned().await.expect("assigns") {
        shown.value(&reader);
    }
    let runner = || Runner::over_log(&store, Counts).expect("a view");
    shown.value(&runner());
    shown.value(&Service::new().with(runner()));
    shown.value(&Service::new().health(&store, HealthLimits::default()));
    let broken = sqlx::query("select nothing from nowhere").execute(store.pool());
    shown.error(&broken.await.expect_err("fails"));

    for url in [
        url("app", SECRET, &parameters),
        url("app", SECRET, "sslmode=disable"),
        url("app", SECRET, &format!("{parameters}&sslpassword={SECRET}")),
        url("app", SECRET, &format!("{parameters}&options={SECRET}")),
        url("app", &format!("x@{SECRET}/"), &parameters),
        url("app", SECRET, &parameters).replace("cqrs?", "nowhere?"),
        url("app", SECRET, &parameters).replace(&setting("CQRS_SECURE_POSTGRES"), "localhost:1"),
        format!("postgres://app:{SECRET}"),
        SECRET.to_owned(),
    ] {
        let config = PgConfig::new(url).connect_timeout(Duration::from_secs(2));
        shown.value(&config);
        shown.error(&PgEventStore::connect(&config).await.expect_err("rejected"));
        shown.error(&PgEventStore::install(&config).await.expect_err("rejected"));
    }
    shown.has_no_secret(&[password], &OF_POSTGRES);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_connects_to_kafka_shows_a_secret() {
    let name = fresh_name();
    let mut shown = Shown::default();
    let kafka = kafka_as("admin", &name);
    let store = store(&name).await;
    create_topics(&kafka).await;
    shown.value(&kafka);
    shown.value(&KafkaTopics::new(&kafka));
    let publisher = KafkaPublisher::new(&kafka);
    shown.value(&publisher);
    shown.value(&Relay::new(&store, "relay", publisher.clone()));
    let log = store.identity().await.expect("has one");
    let publication = Publication::new("relay", 1, log.clone());
    let mut sessions = publisher.open(&publication).await.expect("opens");
    shown.value(&sessions.remove(0));
    let group = KafkaGroup::new(&kafka, "counts").categories(["counter"]);
    shown.value(&group);
    shown.value(&KafkaDeadLetters::new(&kafka, "counts"));
    shown.value(&group.clone().source());
    let mut source = group.connect().await.expect("joins");
    source.read_for(Subscriber::new("counts", log.place()));
    shown.value(
        &source
            .assigned()
            .await
            .expect("assigns")
            .expect("a partition"),
    );
    shown.value(&source);
    let in_an_hour = SystemTime::now() + Duration::from_secs(3_600);
    shown.value(&KafkaToken::new(SECRET, "ann", in_an_hour));

    let key = fs::read_to_string(tls_file("app.key")).expect("reads");
    let with = |setting: &str, value: &str| kafka.clone().set(setting, value);
    let certificate = with("security.protocol", "ssl").set("ssl.certificate.pem", &key);
    let mut failing = JoinSet::new();
    for config in [
        with("sasl.password", SECRET),
        with("sasl.passwd", SECRET),
        with("ssl.key.password", SECRET),
        with("ssl.keystore.password", SECRET).set("ssl.keystore.location", "/nowhere"),
        with("ssl.key.pem", SECRET).set("security.protocol", "ssl"),
        with("sasl.mechanisms", "OAUTHBEARER").set("sasl.oauthbearer.config", SECRET),
        with("sasl.mechanisms", SECRET),
        with("socket.timeout.ms", SECRET),
        with("security.protocol", SECRET),
        with("ssl.key.pem", &key[..key.len() / 2]),
        certificate,
    ] {
        shown.value(&config);
        let config = config.response_timeout(Duration::from_secs(2));
        failing.spawn(fails(config, store.clone(), publication.clone()));
    }
    for failed in failing.join_all().await {
        shown.texts.extend(failed.texts);
        shown.types.extend(failed.types);
    }
    let lines = key.lines().filter(|line| !line.starts_with("---"));
    let secrets = lines.map(str::to_owned).chain([password("admin")]);
    shown.has_no_secret(&secrets.collect::<Vec<_>>(), &OF_KAFKA);
    assert!(
        shown.texts.len() > 50,
        "too few failures: {:#?}",
        shown.texts
    );
}

/// Uses settings that do not work in every way, and shows the errors.
async fn fails(config: KafkaConfig, store: PgEventStore, publication: Publication) -> Shown {
    let mut shown = Shown::default();
    let topics = KafkaTopics::new(&config);
    if let Err(error) = topics.create_for_categories(["counter"]).await {
        shown.error(&error);
    }
    let group = || KafkaGroup::new(&config, "counts").categories(["counter"]);
    if let Err(error) = group().connect().await {
        shown.error(&error);
    }
    let publisher = KafkaPublisher::new(&config);
    if let Err(error) = publisher.open(&publication).await {
        shown.error(&error);
    }
    // What is waited for, for example a broker that cannot be reached, is shown as the last error of the progress.
    let stop = || tokio::time::sleep(Duration::from_secs(3));
    let relay = Relay::new(&store, fresh_name(), publisher);
    let progress = relay.progress();
    if let Err(error) = relay.run(stop()).await {
        shown.error(&error);
    }
    shown.value(&progress);
    let runner = Runner::over::<role::View>(&store, Counts, group().source()).expect("a view");
    let progress = runner.progress();
    if let Err(error) = runner.run(stop()).await {
        shown.error(&error);
    }
    shown.value(&progress);
    shown
}

#[test]
fn the_keys_of_settings_are_shown_and_their_values_are_not() {
    let shown = format!(
        "{:?}",
        KafkaConfig::new("localhost:1").set("sasl.password", SECRET)
    );
    assert!(shown.contains("sasl.password"), "{shown}");
}
