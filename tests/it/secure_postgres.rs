//! PostgreSQL that demands TLS, a password and a certificate: what is wrong ends a connection at once, and is named.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use cqrs_core::{EventStore, StoreError, StoreErrorKind, chain};
use cqrs_postgres::{PgConfig, PgEventStore};
use cqrs_tests::{
    domain::{count, log},
    secure::{administer, parameters, password, setting, tls_file, url},
    servers::{eventually, fresh_name},
};
use tokio::sync::RwLock;

/// Held for writing by the test that gives the server another certificate.
pub(crate) static CERTIFICATE: RwLock<()> = RwLock::const_new(());

fn valid() -> String {
    client("app")
}

/// The parameters of a client with this certificate.
fn client(name: &str) -> String {
    let [certificate, key] = ["pem", "key"].map(|kind| tls_file(&format!("{name}.{kind}")));
    parameters(&tls_file("ca.pem"), &certificate, &key)
}

fn app(parameters: &str) -> String {
    url("app", &password("app"), parameters)
}

async fn connect(url: String) -> Result<PgEventStore, StoreError> {
    let config = PgConfig::new(url).schema(fresh_name());
    PgEventStore::install(&config).await?;
    PgEventStore::connect(&config).await
}

async fn rejection(url: String) -> StoreError {
    connect(url).await.map(drop).expect_err("is rejected")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_of_a_store_is_encrypted() {
    let _unchanged = CERTIFICATE.read().await;
    let store = connect(app(&valid())).await.expect("connects");
    count(&store, 5).await;
    assert_eq!(log(&store).await.len(), 5);
    let sql = "select count(*), count(*) filter (where ssl) from pg_stat_ssl join pg_stat_activity using (pid) \
               where usename = 'app'";
    let (all, encrypted): (i64, i64) = sqlx::query_as(sql)
        .fetch_one(store.pool())
        .await
        .expect("reads");
    assert!(all >= 2 && all == encrypted, "{encrypted} of {all}");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_connection_is_final_and_named() {
    let _unchanged = CERTIFICATE.read().await;
    let other_host = setting("CQRS_SECURE_POSTGRES").replace("localhost", "127.0.0.1");
    let at_other_host = app(&valid()).replace(&setting("CQRS_SECURE_POSTGRES"), &other_host);
    let other_authority = valid().replace("/ca.pem", "/other-ca.pem");
    let no_certificate = format!(
        "sslmode=verify-full&sslrootcert={}",
        tls_file("ca.pem").display()
    );
    let cases = [
        (
            url("app", "wrong", &valid()),
            "rejects the password of role \"app\"",
        ),
        (
            app(&other_authority),
            "is not signed by a trusted authority",
        ),
        (at_other_host, "is for another host name than 127.0.0.1"),
        (app(&no_certificate), "requires a valid client certificate"),
        (
            app(&client("app-expired")),
            "does not accept the certificate of the client",
        ),
        (
            app(&client("app-other-ca")),
            "does not accept the certificate of the client",
        ),
        (app("sslmode=disable"), "no encryption"),
        (
            app(&valid().replace("app.key", "missing.key")),
            "(sslrootcert, sslcert or sslkey) cannot be read",
        ),
    ];
    for (url, cause) in cases {
        let error = rejection(url).await;
        let said = chain(&error).to_string();
        assert!(said.contains(cause), "{cause}: {said}");
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{said}");
        assert!(!said.contains(&password("app")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_certificate_of_the_server_is_named() {
    let _changing = CERTIFICATE.write().await;
    let folder = PathBuf::from(setting("CQRS_SECURE_DIR")).join("postgres");
    use_certificate(&folder, "broker-expired").await;
    eventually("the server shows the other certificate", async || {
        connect(app(&valid())).await.is_err()
    })
    .await;
    let error = rejection(app(&valid())).await;
    use_certificate(&folder, "broker").await;
    eventually("the server shows its certificate", async || {
        connect(app(&valid())).await.is_ok()
    })
    .await;
    let said = chain(&error).to_string();
    assert!(said.contains("its certificate has expired"), "{said}");
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
}

/// In statements of their own, because the server changes its settings outside transactions.
async fn use_certificate(folder: &Path, name: &str) {
    let folder = folder.display();
    administer(&format!(
        "alter system set ssl_cert_file = '{folder}/{name}.pem'"
    ))
    .await;
    administer(&format!(
        "alter system set ssl_key_file = '{folder}/{name}.key'"
    ))
    .await;
    administer("select pg_reload_conf()").await;
}

/// A role of its own, whose password changes.
struct Role(String);

impl Role {
    async fn create() -> Self {
        let name = fresh_name();
        administer(&format!(
            "create role {name} login password 'first'; grant create on database cqrs to {name}"
        ))
        .await;
        Self(name)
    }

    fn config(&self) -> PgConfig {
        let parameters = format!(
            "sslmode=verify-full&sslrootcert={}",
            tls_file("ca.pem").display()
        );
        PgConfig::new(url(&self.0, "replaced", &parameters)).schema(self.0.clone())
    }

    /// Ends every session too, so that each call needs a new connection.
    async fn change_password(&self, password: &str) {
        let name = &self.0;
        administer(&format!("alter role {name} password '{password}'")).await;
        administer(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{name}'"
        ))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_was_replaced_in_its_file_is_used_by_the_next_connection() {
    let _unchanged = CERTIFICATE.read().await;
    let role = Role::create().await;
    let file = std::env::temp_dir().join(&role.0);
    fs::write(&file, "first\n").expect("writes");
    let config = role.config().password_file(&file);
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    count(&store, 3).await;
    fs::write(&file, "second\n").expect("writes");
    role.change_password("second").await;
    eventually("the store reads again", async || {
        store.high_water_mark().await.is_ok()
    })
    .await;
    assert_eq!(log(&store).await.len(), 3);
    count(&store, 2).await;
    store
        .pool()
        .acquire()
        .await
        .expect("a query of one's own works, too");
    store.close().await;
    fs::remove_file(&file).expect("removes");
    let error = PgEventStore::connect(&config).await.expect_err("no file");
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured);
    assert!(error.to_string().contains(&role.0), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_is_asked_for_the_password_of_each_connection() {
    static ASKED: AtomicUsize = AtomicUsize::new(0);
    let _unchanged = CERTIFICATE.read().await;
    let role = Role::create().await;
    let config = role.config().password_from(async || {
        ASKED.fetch_add(1, Ordering::Relaxed);
        Ok::<_, std::io::Error>("first".to_owned())
    });
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    count(&store, 3).await;
    assert!(ASKED.load(Ordering::Relaxed) >= 3);
    store.close().await;

    let failing = role
        .config()
        .password_from(async || Err::<String, _>(std::io::Error::other("no token today")));
    let error = PgEventStore::connect(&failing)
        .await
        .expect_err("no password");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert!(chain(&error).to_string().contains("no token today"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_was_replaced_on_disk_is_used_by_the_next_connection() {
    let _unchanged = CERTIFICATE.read().await;
    let folder = std::env::temp_dir().join(fresh_name());
    fs::create_dir(&folder).expect("creates");
    let file = folder.join("client.pem");
    let key = folder.join("client.key");
    let copy = |name: &str| {
        fs::copy(tls_file(&format!("{name}.pem")), &file).expect("copies");
        fs::copy(tls_file(&format!("{name}.key")), &key).expect("copies");
    };
    let config =
        PgConfig::new(app(&parameters(&tls_file("ca.pem"), &file, &key))).schema(fresh_name());
    copy("app-expired");
    let error = PgEventStore::install(&config).await.expect_err("expired");
    assert!(
        error.to_string().contains("certificate of the client"),
        "{error}"
    );
    copy("app");
    PgEventStore::install(&config)
        .await
        .expect("installs with the new one");
    fs::remove_dir_all(&folder).expect("removes");
}
