//! Kafka that demands TLS, a login and rights: what is wrong is final, and is named.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, SystemTime},
};

use cqrs_core::{Runner, chain, read::RunnerError};
use cqrs_kafka::{KafkaConfig, KafkaError, KafkaGroup, KafkaToken, KafkaTopics};
use cqrs_postgres::PgEventStore;
use cqrs_tests::{
    domain::{Counts, count, counts_in_order},
    secure::{grant, kafka_as, kafka_with_certificate, setting, tls_file},
    servers::{self, MAX_WAIT, create_topics, eventually, fresh_name, store},
};

use crate::support::relay;

/// The rights of the how-to, on the topics of the domain.
fn relay_rights(prefix: &str) -> Vec<String> {
    vec![
        format!("relay:WRITE:TOPIC:LITERAL:{prefix}.counter"),
        format!("relay:READ:TOPIC:LITERAL:{prefix}.counter"),
        format!("relay:WRITE:TOPIC:LITERAL:{prefix}.relay.progress"),
        format!("relay:READ:TOPIC:LITERAL:{prefix}.relay.progress"),
        format!("relay:WRITE:TRANSACTIONAL_ID:PREFIXED:{prefix}.relay."),
        format!("relay:DESCRIBE_CONFIGS:TOPIC:LITERAL:{prefix}.counter"),
        format!("relay:DESCRIBE_CONFIGS:TOPIC:LITERAL:{prefix}.relay.progress"),
    ]
}

fn consumer_rights(prefix: &str) -> Vec<String> {
    vec![
        format!("consumer:READ:TOPIC:LITERAL:{prefix}.counter"),
        format!("consumer:READ:GROUP:LITERAL:{prefix}.counts"),
        format!("consumer:DESCRIBE_CONFIGS:TOPIC:LITERAL:{prefix}.counter"),
    ]
}

/// Topics, and a store with events.
async fn prepared(name: &str) -> PgEventStore {
    create_topics(&kafka_as("admin", name)).await;
    let store = store(name).await;
    count(&store, 20).await;
    store
}

async fn consume(store: &PgEventStore, kafka: &KafkaConfig) -> Result<(), RunnerError> {
    let source = KafkaGroup::new(kafka, "counts")
        .categories(["counter"])
        .source();
    Runner::over(store, Counts, source)
        .expect("a view")
        .catch_up()
        .await
}

/// Publishes and consumes until the view has counted every event.
async fn published_and_counted(
    store: &PgEventStore,
    relays: &KafkaConfig,
    consumers: &KafkaConfig,
    events: u64,
) {
    let publishing = tokio::spawn(relay(store, relays).run(std::future::pending()));
    eventually("every event is counted", async || {
        if publishing.is_finished() {
            panic!("the relay ended: {:?}", relay_error(store, relays).await);
        }
        Box::pin(consume(store, consumers)).await.expect("consumes");
        counts_in_order(store).await == events
    })
    .await;
    publishing.abort();
}

/// Why the relay stops.
async fn relay_error(store: &PgEventStore, kafka: &KafkaConfig) -> String {
    let running = Box::pin(relay(store, kafka).run(std::future::pending()));
    let ended = tokio::time::timeout(MAX_WAIT, running).await;
    let error = ended.expect("stops by itself").expect_err("stops");
    chain(&error).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn relay_and_consumer_need_no_more_than_the_rights_of_the_how_to() {
    let name = fresh_name();
    let store = prepared(&name).await;
    grant(&[relay_rights(&name), consumer_rights(&name)].concat()).await;
    let (relays, consumers) = (kafka_as("relay", &name), kafka_as("consumer", &name));
    published_and_counted(&store, &relays, &consumers, 20).await;
    // At a start a relay compares its progress with the topics.
    count(&store, 5).await;
    published_and_counted(&store, &relays, &consumers, 25).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_a_relay_lacks_is_final_and_named() {
    let lacks = async |index: usize, resource: &str, right: &str| {
        let name = fresh_name();
        let store = prepared(&name).await;
        let mut rights = relay_rights(&name);
        rights.remove(index);
        grant(&rights).await;
        let said = relay_error(&store, &kafka_as("relay", &name)).await;
        let resource = resource.replace("NAME", &name);
        assert!(
            said.contains(&resource) && said.contains(right),
            "without {right} on {resource}: {said}"
        );
    };
    lacks(0, "topic \"NAME.counter\"", "WRITE").await;
    lacks(1, "topic \"NAME.counter\"", "READ").await;
    lacks(2, "topic \"NAME.relay.progress\"", "WRITE").await;
    lacks(3, "topic \"NAME.relay.progress\"", "READ").await;
    lacks(4, "transactional id \"NAME.relay.0\"", "WRITE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_a_consumer_lacks_is_final_and_named() {
    let name = fresh_name();
    let store = prepared(&name).await;
    let kafka = kafka_as("consumer", &name);
    let rights = consumer_rights(&name);
    for (right, resource) in rights.iter().zip([
        format!("topic \"{name}.counter\""),
        format!("group \"{name}.counts\""),
    ]) {
        let source = KafkaGroup::new(&kafka, "counts").categories(["counter"]);
        let runner = Runner::over(&store, Counts, source.source()).expect("a view");
        let running = Box::pin(runner.run(std::future::pending()));
        let ended = tokio::time::timeout(MAX_WAIT, running).await;
        let error = ended.expect("ends").expect_err("lacks a right");
        let said = chain(&error).to_string();
        assert!(
            said.contains(&resource) && said.contains("READ"),
            "{resource}: {said}"
        );
        grant(std::slice::from_ref(right)).await;
    }
}

/// With DESCRIBE alone, the first page is denied.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_may_see_a_topic_and_not_read_it_ends_and_names_it() {
    let name = fresh_name();
    let store = prepared(&name).await;
    let rights = [
        format!("consumer:DESCRIBE:TOPIC:LITERAL:{name}.counter"),
        format!("consumer:READ:GROUP:LITERAL:{name}.counts"),
    ];
    grant(&rights).await;
    let kafka = kafka_as("consumer", &name);
    let source = KafkaGroup::new(&kafka, "counts").categories(["counter"]);
    let runner = Runner::over(&store, Counts, source.source()).expect("a view");
    let running = Box::pin(runner.run(std::future::pending()));
    let ended = tokio::time::timeout(MAX_WAIT, running).await;
    let said = chain(&ended.expect("ends").expect_err("lacks a right")).to_string();
    let named = format!("denies access to topic \"{name}.counter\"; grant READ on it");
    assert!(said.contains(&named), "{said}");
}

/// Why the first contact fails.
async fn rejection(kafka: KafkaConfig) -> KafkaError {
    let kafka = kafka.response_timeout(Duration::from_secs(6));
    let topics = KafkaTopics::new(&kafka);
    topics
        .create_for_categories(["counter"])
        .await
        .expect_err("is rejected")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_connection_is_final_and_named() {
    let name = fresh_name();
    let valid = || kafka_as("relay", &name);
    let at = |brokers: String| {
        KafkaConfig::new(brokers)
            .set("security.protocol", "ssl")
            .set("ssl.ca.location", tls_file("ca.pem").display().to_string())
    };
    let other_authority = tls_file("other-ca.pem").display().to_string();
    let other_host = setting("CQRS_SECURE_KAFKA_SSL").replace("localhost", "127.0.0.1");
    let plain = KafkaConfig::new(setting("CQRS_SECURE_KAFKA_SASL"));
    let cases = [
        (valid().set("sasl.password", "wrong"), "invalid credentials"),
        (
            valid().set("ssl.ca.location", other_authority),
            "unable to get local issuer certificate",
        ),
        (at(other_host), "IP address mismatch"),
        (
            at(setting("CQRS_SECURE_KAFKA_EXPIRED")),
            "certificate has expired",
        ),
        (
            at(setting("CQRS_SECURE_KAFKA_SSL")),
            "certificate of this client",
        ),
        (
            kafka_with_certificate("app-other-ca", &name),
            "certificate of this client",
        ),
        (
            kafka_with_certificate("app-expired", &name),
            "certificate of this client",
        ),
        (plain, "accepts only TLS"),
        (at(servers::setting("KAFKA_BROKERS")), "has no TLS"),
    ];
    for (kafka, cause) in cases {
        let error = rejection(kafka).await;
        let said = chain(&error).to_string();
        assert!(said.contains(cause), "{cause}: {said}");
        assert!(!error.is_retryable(), "{said}");
        assert!(
            matches!(
                error,
                KafkaError::TlsFailed { .. } | KafkaError::LoginFailed { .. }
            ),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_a_login_and_the_next_client_uses_its_successor() {
    let name = fresh_name();
    let folder = std::env::temp_dir().join(&name);
    fs::create_dir(&folder).expect("creates");
    let copy = |certificate: &str| {
        for kind in ["pem", "key"] {
            let copied = folder.join(format!("client.{kind}"));
            fs::copy(tls_file(&format!("{certificate}.{kind}")), copied).expect("copies");
        }
    };
    let file = |name: &str| folder.join(name).display().to_string();
    let kafka = kafka_with_certificate("app", &name)
        .set("ssl.certificate.location", file("client.pem"))
        .set("ssl.key.location", file("client.key"));
    copy("app-expired");
    rejection(kafka.clone()).await;
    copy("app");
    let store = prepared(&name).await;
    let said = relay_error(&store, &kafka).await;
    assert!(said.contains("denies access"), "{said}");
    let rights = [relay_rights(&name), consumer_rights(&name)].concat();
    let rights = rights.iter().filter_map(|right| right.split_once(':'));
    let of_app = rights.map(|(_, right)| format!("app:{right}"));
    grant(&Vec::from_iter(of_app)).await;
    published_and_counted(&store, &kafka, &kafka, 20).await;
    fs::remove_dir_all(&folder).expect("removes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_gives_the_tokens_of_oauthbearer() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let name = fresh_name();
    let token = || {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>(KafkaToken::new(
            token_of("admin"),
            "admin",
            SystemTime::now() + Duration::from_secs(3_600),
        ))
    };
    let kafka = |config: KafkaConfig| config.set("security.protocol", "sasl_ssl");
    let with_token = kafka(kafka_as("admin", &name)).token_from(token);
    let store = prepared(&name).await;
    published_and_counted(&store, &with_token, &with_token, 20).await;
    // Each client asks: those that look at topics, the producer, the member of the group.
    assert!(ASKED.load(Ordering::Relaxed) >= 4);

    let without = kafka_as("admin", &name)
        .token_from(|| Err::<KafkaToken, _>(std::io::Error::other("no token today")));
    let error = rejection(without).await;
    assert!(
        chain(&error).to_string().contains("no token today"),
        "{error:?}"
    );
}

/// The tests' broker accepts tokens without a signature: `{"alg":"none"}`, then the claims.
fn token_of(user: &str) -> String {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let claims = format!(
        "{{\"sub\":\"{user}\",\"iat\":{now},\"exp\":{}}}",
        now + 3_600
    );
    format!(
        "{}.{}.",
        base64url(b"{\"alg\":\"none\"}"),
        base64url(claims.as_bytes())
    )
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = chunk
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            let index = bits >> (18 - 6 * digit) & 63;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}
