//! The servers of `scripts/services up --secure`, which demand TLS, passwords, certificates and rights.

use std::{
    fs,
    path::{Path, PathBuf},
};

use cqrs_kafka::KafkaConfig;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::process::Command;

use crate::servers::project;

/// A setting that `scripts/services up --secure` exports.
///
/// # Panics
/// When it is not set.
#[must_use]
pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("this test needs servers that demand TLS and {name} is not set: run scripts/test, or scripts/services up --secure")
    })
}

fn folder() -> PathBuf {
    PathBuf::from(setting("CQRS_SECURE_DIR"))
}

/// A certificate or key, for example `app.pem`.
#[must_use]
pub fn tls_file(name: &str) -> PathBuf {
    folder().join("tls").join(name)
}

/// The password of a user: `admin`, `app`, `relay` or `consumer`.
#[must_use]
pub fn password(user: &str) -> String {
    read(&folder().join("passwords").join(user))
}

fn read(file: &Path) -> String {
    let text = fs::read_to_string(file);
    text.unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The parameters of a URL that check the server and show the certificate of this client.
#[must_use]
pub fn parameters(authority: &Path, certificate: &Path, key: &Path) -> String {
    format!(
        "sslmode=verify-full&sslrootcert={}&sslcert={}&sslkey={}",
        authority.display(),
        certificate.display(),
        key.display()
    )
}

/// The URL of the database for this user and password, with these parameters.
#[must_use]
pub fn url(user: &str, password: &str, parameters: &str) -> String {
    let server = setting("CQRS_SECURE_POSTGRES");
    format!("postgres://{user}:{password}@{server}/cqrs?{parameters}")
}

/// Runs SQL as the superuser.
///
/// # Panics
/// When it fails.
pub async fn administer(sql: &str) {
    let password = read(&folder().join("postgres/password"));
    let url = url("postgres", &password, "sslmode=require");
    let mut connection = PgConnection::connect(&url).await.expect("connects");
    connection
        .execute(AssertSqlSafe(sql.to_owned()))
        .await
        .expect("runs");
    connection.close().await.expect("closes");
}

/// The settings of this user, who logs in with a password (SCRAM).
#[must_use]
pub fn kafka_as(user: &str, prefix: &str) -> KafkaConfig {
    encrypted(&setting("CQRS_SECURE_KAFKA_SASL"), prefix)
        .set("security.protocol", "sasl_ssl")
        .set("sasl.mechanisms", "SCRAM-SHA-512")
        .set("sasl.username", user)
        .set("sasl.password", password(user))
}

/// The settings of a user who shows this certificate.
#[must_use]
pub fn kafka_with_certificate(name: &str, prefix: &str) -> KafkaConfig {
    let file = |kind| tls_file(&format!("{name}.{kind}")).display().to_string();
    encrypted(&setting("CQRS_SECURE_KAFKA_SSL"), prefix)
        .set("security.protocol", "ssl")
        .set("ssl.certificate.location", file("pem"))
        .set("ssl.key.location", file("key"))
}

fn encrypted(brokers: &str, prefix: &str) -> KafkaConfig {
    KafkaConfig::new(brokers)
        .topic_prefix(prefix)
        .set("ssl.ca.location", tls_file("ca.pem").display().to_string())
}

/// Grants rights on Kafka: `user:OPERATION:RESOURCE:PATTERN:name`.
///
/// # Panics
/// When it fails.
pub async fn grant(rights: &[String]) {
    let output = Command::new("java")
        .arg("-cp")
        .arg(format!("{}/*", setting("CQRS_KAFKA_LIBS")))
        .arg(project().join("scripts/kafka/Grant.java"))
        .arg(folder().join("kafka/admin.properties"))
        .args(rights)
        .output()
        .await
        .expect("runs Java, which scripts/services installs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
