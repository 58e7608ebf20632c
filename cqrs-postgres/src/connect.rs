//! The way to the server: the settings of the user, the servers to try, and the connections and their pools.

pub(crate) mod backend;
pub(crate) mod config;
pub(crate) mod connection;
mod database_url;
pub(crate) mod hosts;
pub(crate) mod pools;
pub(crate) mod statement_pool;
