//! Refuses topics whose settings would lose what was written. Every call blocks.

use rdkafka::{
    admin::{AdminClient, AdminOptions, ResourceSpecifier},
    error::RDKafkaErrorCode as Code,
};

use crate::{
    cluster::ClusterClient,
    config::KafkaConfig,
    error::{ClientError, KafkaError, invalid_setting},
    logging::LoggingContext,
};

/// What removes old records of a topic.
const CLEANUP_POLICY: &str = "cleanup.policy";

/// The beginning of a warning when the settings cannot be read.
const UNCHECKED: &str = "it was not checked that the cleanup policy of the topic loses no records";

/// What a topic is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TopicUse {
    /// Every event is kept until its retention is over.
    Events,
    /// The last record of each key is kept for good.
    Progress,
}

impl TopicUse {
    /// The only value of `cleanup.policy` that keeps this, and what any other does.
    const fn policy(self) -> (&'static str, &'static str) {
        match self {
            Self::Events => (
                "delete",
                "compaction keeps only the last event of each stream",
            ),
            Self::Progress => (
                "compact",
                "the progress of the relay would expire, and look like a first start",
            ),
        }
    }
}

/// Checks the settings of existing topics, if the user has the right to read them.
pub(crate) fn check<'a>(
    config: &KafkaConfig,
    cluster: &ClusterClient,
    topics: impl IntoIterator<Item = &'a str>,
    topic_use: TopicUse,
) -> Result<(), KafkaError> {
    let topics = Vec::from_iter(topics.into_iter().map(ResourceSpecifier::Topic));
    if topics.is_empty() || cluster.is_embedded()? {
        return Ok(());
    }
    // librdkafka's admin client does not ask for tokens.
    if config.token_source().is_some() {
        tracing::warn!(?topics, "{UNCHECKED}: a login with tokens cannot read them");
        return Ok(());
    }
    let client = config.client(&[], &[]);
    let admin: AdminClient<LoggingContext> = client
        .create_with_context(LoggingContext::new(config))
        .map_err(|error| invalid_setting(&client, error))?;
    let options = AdminOptions::new().request_timeout(Some(config.response_timeout));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| KafkaError::Internal {
            context: "the settings of topics could not be asked for",
            source: error.into(),
        })?;
    let described = match runtime.block_on(admin.describe_configs(&topics, &options)) {
        Ok(described) => described,
        Err(error) => {
            let error = ClientError::from(error);
            tracing::warn!(?topics, %error, "{UNCHECKED}");
            return Ok(());
        }
    };
    for (topic, described) in topics.iter().zip(described) {
        let ResourceSpecifier::Topic(topic) = topic else {
            continue;
        };
        match described {
            Ok(settings) => {
                let found = settings.get(CLEANUP_POLICY);
                let found = found.and_then(|entry| entry.value.as_deref());
                check_policy(topic, topic_use, found)?;
            }
            Err(Code::TopicAuthorizationFailed) => {
                tracing::warn!(topic, "{UNCHECKED}: grant DESCRIBE_CONFIGS on the topic");
            }
            Err(error) => {
                tracing::warn!(topic, %error, "{UNCHECKED}");
            }
        }
    }
    Ok(())
}

fn check_policy(topic: &str, topic_use: TopicUse, found: Option<&str>) -> Result<(), KafkaError> {
    let (needed, why) = topic_use.policy();
    match found {
        Some(found) if found != needed => Err(KafkaError::TopicSetting {
            topic: topic.to_owned(),
            setting: CLEANUP_POLICY,
            found: found.to_owned(),
            needed,
            why,
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_that_would_lose_records_is_refused() {
        let check = |topic_use, found| check_policy("shop.order", topic_use, found).is_ok();
        assert!(check(TopicUse::Events, Some("delete")));
        assert!(check(TopicUse::Events, None), "it is not known");
        assert!(!check(TopicUse::Events, Some("compact")));
        assert!(!check(TopicUse::Events, Some("compact,delete")));
        assert!(check(TopicUse::Progress, Some("compact")));
        assert!(!check(TopicUse::Progress, Some("delete")));
        assert!(!check(TopicUse::Progress, Some("compact,delete")));
    }
}
