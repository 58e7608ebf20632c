//! The URL of a database: no password is shown, and what cannot be right is rejected.

use cqrs_core::{StoreErrorKind, chain};
use cqrs_postgres::{PgConfig, PgEventStore};

use crate::support::with_parameter;

/// What a user sees of a URL that is rejected: the error, and the settings in a log.
async fn rejected(url: &str) -> String {
    let config = PgConfig::new(url);
    let error = PgEventStore::connect(&config).await.expect_err("rejected");
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    format!("{} {error:?} {config:?}", chain(&error))
}

#[test]
fn the_debug_text_of_the_settings_has_no_password() {
    let shown = |url: &str| format!("{:?}", PgConfig::new(url));
    let secret = "postgres://ann:s3cret@db.example:5433/shop?password=s3cret&application_name=a";
    assert!(!shown(secret).contains("s3cret"), "{}", shown(secret));
    assert!(
        shown(secret).contains("postgres://ann@db.example:5433/shop"),
        "{}",
        shown(secret)
    );
    for unreadable in ["postgres://ann:s3cret", "mysql://ann:s3cret@db", "s3cret"] {
        assert!(!shown(unreadable).contains("s3cret"), "{unreadable}");
    }
}

#[tokio::test]
async fn a_password_that_is_not_percent_encoded_is_not_shown() {
    for url in [
        "postgres://ann:s3@cret/s3cret@127.0.0.1/x",
        "postgres://ann:s3/cret@127.0.0.1/x",
        "postgres://ann:12/s3cret@127.0.0.1/x",
        "postgres://ann:12?s3=cret@127.0.0.1/x",
        "postgres://ann:s3#cret@127.0.0.1/x",
    ] {
        let seen = rejected(url).await;
        assert!(seen.contains("percent-encode"), "{url}: {seen}");
        assert!(
            !seen.contains("s3") && !seen.contains("cret"),
            "{url}: {seen}"
        );
    }
}

#[tokio::test]
async fn an_unknown_parameter_is_named_without_its_value() {
    let seen = rejected(&with_parameter("sslpassword=s3cret")).await;
    assert!(
        seen.contains("sslpassword") && !seen.contains("s3cret"),
        "{seen}"
    );
    // An ampersand in a password ends the value.
    for parameter in ["password=x&s3cret", "password=x&s3cret=", "s3cret"] {
        let seen = rejected(&with_parameter(parameter)).await;
        assert!(seen.contains("%26") && !seen.contains("s3cret"), "{seen}");
    }
}

#[tokio::test]
async fn a_url_of_no_database_is_not_shown() {
    for url in [
        "mysql:/s3cret",
        "mysql://a:s3cret@b",
        "postgres://ann:s3cret",
    ] {
        let seen = rejected(url).await;
        assert!(!seen.contains("s3cret"), "{seen}");
    }
}
