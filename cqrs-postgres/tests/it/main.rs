//! The PostgreSQL store, on a real server: `DATABASE_URL` names it, `scripts/test` starts it.

mod contract;
mod dump;
mod histories;
mod install;
mod log_order;
mod projection;
mod rights;
mod support;
