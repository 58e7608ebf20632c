//! One run: the attack, the drain, and the comparison with the log.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::{
    attack::Attack,
    counts::{Counters, RunnerCounts},
    drain::drain,
    judge::judge,
    layout::change_partitions,
    parking::look_after_parked,
    plan::RunnerPlan,
    processes::{Process, attack_process},
    report::RunnerReport,
    store::connect,
    tables::Tables,
    writers::{WRITERS, write},
};
use crate::{
    error::CheckError,
    faults::{FaultInjector as _, PgFaultPlan, PgFaults},
    plan::Plan,
    run_state::RunState,
    schema::CheckSchema,
};

/// Attacks processes that share a subscription over the log, and compares what they handled with the log. The database has this URL, and
/// the schema an empty store.
///
/// The attack ends early when `stop` completes. A report follows in any case.
///
/// # Errors
/// When the check could not run. The error says nothing about the guarantees of a runner.
pub async fn check_runner(
    plan: RunnerPlan,
    url: &str,
    schema: &CheckSchema,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<RunnerReport, CheckError> {
    let store = connect(url, schema.name()).await?;
    let attack = Arc::new(Attack {
        url: url.to_owned(),
        tables: Tables::of(&store),
        store: store.clone(),
        state: RunState::new(Plan::default()),
        counters: Counters::default(),
        plan,
    });
    let report = attack_and_judge(&attack, stop).await;
    store.close().await;
    report
}

async fn attack_and_judge(
    attack: &Arc<Attack>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<RunnerReport, CheckError> {
    attack
        .tables
        .create(&mut attack.connection().await?)
        .await?;
    let faults = PgFaults::new(&attack.url, &attack.store, fault_plan(&attack.plan)).await?;
    let started = tokio::time::Instant::now();
    let stopped = tokio::spawn(stop_after(Arc::clone(attack), stop));
    let attacked = under_attack(attack, &faults).await;
    stopped.abort();
    let processes = attacked?;
    let seconds = started.elapsed().as_secs_f64();

    drain(attack).await?;
    end(attack, processes).await;
    let mut connection = attack.connection().await?;
    let log = attack.tables.log(&mut connection).await?;
    let handled = attack.tables.all_handled(&mut connection).await?;
    let of_server = faults.counts();
    Ok(RunnerReport {
        store: faults.describe(),
        processes: attack.plan.processes,
        seconds,
        events: log.len() as u64,
        counts: RunnerCounts {
            sessions_ended: of_server.killed,
            crashes: of_server.crashes,
            parked: attack.tables.repairs(&mut connection).await?,
            ..attack.counters.read()
        },
        verdict: judge(&log, &handled),
    })
}

fn fault_plan(plan: &RunnerPlan) -> PgFaultPlan {
    PgFaultPlan {
        kill_every: Some(plan.end_session_every),
        crash: plan.crash.clone(),
        ..PgFaultPlan::default()
    }
}

async fn stop_after(attack: Arc<Attack>, stop: impl Future<Output = ()> + Send) {
    let _ = tokio::time::timeout(attack.plan.time, stop).await;
    attack.state.stop();
}

/// Returns the processes at the end, running. The first failure stops everything.
async fn under_attack(attack: &Arc<Attack>, faults: &PgFaults) -> Result<Vec<Process>, CheckError> {
    let mut processes = JoinSet::new();
    for _ in 0..attack.plan.processes {
        let attack = Arc::clone(attack);
        processes.spawn(async move { attack.or_stop(attack_process(&attack).await) });
    }
    let mut others = JoinSet::new();
    for _ in 0..WRITERS {
        let attack = Arc::clone(attack);
        others.spawn(async move { attack.or_stop(write(&attack).await) });
    }
    let of_layout = Arc::clone(attack);
    others.spawn(async move { of_layout.or_stop(change_partitions(&of_layout).await) });
    let of_parked = Arc::clone(attack);
    others.spawn(async move { of_parked.or_stop(look_after_parked(&of_parked).await) });

    let injected = attack.or_stop(faults.inject(&attack.state).await);
    for ended in others.join_all().await {
        ended?;
    }
    injected?;
    processes.join_all().await.into_iter().collect()
}

/// Ends the processes in order.
async fn end(attack: &Attack, processes: Vec<Process>) {
    for process in processes {
        if !process.end().await {
            Counters::add(&attack.counters.ended);
        }
    }
}
