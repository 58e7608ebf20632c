# The features that the scripts build.

# All but cqrs-kafka's tls-vendored, which compiles OpenSSL for minutes.
# shellcheck disable=SC2034 # used by the caller
all_features=(--features "cqrs-benches/allocations cqrs-kafka/embedded")
