//! The PostgreSQL store on a real server: `DATABASE_URL` names the server, `scripts/test` starts it.

mod bounds;
mod catch_up;
mod contract;
mod dropped_calls;
mod dump;
mod fail_over;
mod functions;
mod gate;
mod group_commit;
mod held_mark;
mod histories;
mod idempotency;
mod install;
mod large_numbers;
mod limits;
mod log_order;
mod parts;
mod pools;
mod projection;
mod proxy;
mod rights;
mod security;
mod sessions;
mod snapshot;
mod support;
mod urls;
