//! Tokens for SASL with OAUTHBEARER, from a function of the user.

use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use cqrs_core::ports::BoxError;
use rdkafka::client::OAuthToken;

/// A token for SASL with the mechanism OAUTHBEARER. [`KafkaConfig::token_from`](crate::KafkaConfig::token_from) asks for it.
#[derive(Clone)]
pub struct KafkaToken {
    token: String,
    principal: String,
    expires_at: SystemTime,
}

impl KafkaToken {
    /// A token of this user, and when it expires. The next one is asked for after four fifths of the time.
    #[must_use]
    pub fn new(
        token: impl Into<String>,
        principal: impl Into<String>,
        expires_at: SystemTime,
    ) -> Self {
        Self {
            token: token.into(),
            principal: principal.into(),
            expires_at,
        }
    }
}

/// Without the token.
impl fmt::Debug for KafkaToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaToken")
            .field("principal", &self.principal)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Asks for a token.
#[derive(Clone)]
pub(crate) struct TokenSource(Arc<dyn Fn() -> Result<KafkaToken, BoxError> + Send + Sync>);

impl TokenSource {
    pub(crate) fn new<E: Into<BoxError>>(
        ask: impl Fn() -> Result<KafkaToken, E> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move || ask().map_err(Into::into)))
    }

    /// A token as librdkafka takes it. An error of its own has no NUL character, which rdkafka would not accept.
    pub(crate) fn ask(&self) -> Result<OAuthToken, String> {
        let KafkaToken {
            token,
            principal,
            expires_at,
        } = (self.0)().map_err(|error| error.to_string().replace('\0', " "))?;
        let lifetime = expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(OAuthToken {
            token,
            principal_name: principal,
            lifetime_ms: i64::try_from(lifetime.as_millis()).unwrap_or(i64::MAX),
        })
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSource")
    }
}
