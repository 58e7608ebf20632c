//! No secret is shown by `{:?}` of what was made with one, or by an error.

use std::{
    error::Error,
    fmt::Debug,
    fs,
    time::{Duration, SystemTime},
};

use cqrs_core::{
    CommandStore, ReadModel, Relay, Runner, Service, chain,
    ports::{EventStore, Publication, Publisher, UnitOfWork},
};
use cqrs_kafka::{KafkaConfig, KafkaGroup, KafkaPublisher, KafkaToken, KafkaTopics};
use cqrs_postgres::{PgConfig, PgEventStore};
use cqrs_tests::{
    domain::{Counter, Counts},
    secure::{kafka_as, parameters, password, setting, tls_file, url},
    servers::{create_topics, fresh_name, store},
};

use crate::secure_postgres::CERTIFICATE;

/// In every place where a secret can be and that no server reads.
const SECRET: &str = "hunter2-of-the-tests";

/// Everything that a user could print or log.
#[derive(Default)]
struct Shown(Vec<String>);

impl Shown {
    fn value(&mut self, value: &dyn Debug) {
        self.0.push(format!("{value:?}"));
    }

    fn error(&mut self, error: &(dyn Error + 'static)) {
        self.0.push(format!("{} {error:?}", chain(error)));
    }

    fn has_no_secret(&self, more: &[String]) {
        let secrets = || more.iter().map(String::as_str).chain([SECRET]);
        for shown in &self.0 {
            let found = secrets().any(|secret| shown.contains(secret));
            assert!(!found, "a secret is in: {shown}");
        }
    }
}

#[test]
#[should_panic(expected = "a secret is in")]
fn a_secret_that_is_shown_is_found() {
    let mut shown = Shown::default();
    shown.value(&format!("password={SECRET}"));
    shown.has_no_secret(&[]);
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
    shown.value(&store.repository::<Counter>());
    shown.value(&ReadModel::<Counts, _>::new(&store));
    let runner = || Runner::over_log(&store, Counts).expect("a view");
    shown.value(&runner());
    shown.value(&Service::new().with(runner()));
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
    shown.has_no_secret(&[password]);
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
    let publication = Publication::new("relay", 1, log);
    shown.value(&publisher.open(&publication).await.expect("opens"));
    let group = KafkaGroup::new(&kafka, "counts").categories(["counter"]);
    shown.value(&group);
    shown.value(&group.clone().source());
    shown.value(&group.connect().await.expect("joins"));
    let in_an_hour = SystemTime::now() + Duration::from_secs(3_600);
    shown.value(&KafkaToken::new(SECRET, "ann", in_an_hour));

    let key = fs::read_to_string(tls_file("app.key")).expect("reads");
    let with = |setting: &str, value: &str| kafka.clone().set(setting, value);
    let certificate = with("security.protocol", "ssl").set("ssl.certificate.pem", &key);
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
        if let Err(error) = KafkaTopics::new(&config)
            .create_for_categories(["counter"])
            .await
        {
            shown.error(&error);
        }
        let group = KafkaGroup::new(&config, "counts").categories(["counter"]);
        if let Err(error) = group.connect().await {
            shown.error(&error);
        }
    }
    let lines = key.lines().filter(|line| !line.starts_with("---"));
    let secrets = lines.map(str::to_owned).chain([password("admin")]);
    shown.has_no_secret(&secrets.collect::<Vec<_>>());
    assert!(shown.0.len() > 25, "too few failures: {:#?}", shown.0);
}

#[test]
fn the_keys_of_settings_are_shown_and_their_values_are_not() {
    let shown = format!(
        "{:?}",
        KafkaConfig::new("localhost:1").set("sasl.password", SECRET)
    );
    assert!(shown.contains("sasl.password"), "{shown}");
}
