//! The way to the server: the settings of the user, the servers to try, and the connections and their pools.

pub(crate) mod backend;
pub(crate) mod config;
pub(crate) mod connection;
mod database_url;
mod encryption;
pub(crate) mod hosts;
mod password;
pub(crate) mod pooler;
pub(crate) mod pools;
mod refusal;
mod servers;
pub(crate) mod statement_pool;
