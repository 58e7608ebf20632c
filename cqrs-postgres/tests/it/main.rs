//! The PostgreSQL store, on a real server: `DATABASE_URL` names it, `scripts/test` starts it.

mod contract;
mod dump;
mod given_up;
mod histories;
mod idempotency;
mod install;
mod large_numbers;
mod log_order;
mod projection;
mod rights;
mod support;
