//! Roles of two kinds under one name.

use super::*;
use crate::{memory::MemoryTransaction, read::handler::role, roles::Projection};

/// A projection with the name of the view.
struct SumsInSql;

#[async_trait]
impl Projection<MemoryEventStore> for SumsInSql {
    type Events = Counted;

    fn name(&self) -> &'static str {
        Sums::NAME
    }

    async fn project(
        &self,
        _: &mut MemoryTransaction,
        _: &[Envelope<Counted>],
    ) -> Result<(), HandlerError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_role_of_another_kind_cannot_continue_under_the_name() {
    let store = filled(3).await;
    let view = || Runner::over_log::<role::View>(&store, Sums).expect("a view");
    let projection = || Runner::over_log(&store, SumsInSql).expect("a projection");
    view().catch_up().await.expect("is the first");
    let error = projection().run(std::future::pending()).await;
    let error = error.expect_err("is of another kind");
    assert_eq!(
        chain(&error).to_string(),
        "subscription \"sums\" is a projection, but log slices 0..1024 was read by a view of this name: give one of them another \
         name; if the role was changed into a projection, call `Runner::accept_selection` to continue at its checkpoint"
    );
    let accepted = projection().accept_selection("the view became SQL").await;
    accepted.expect("is recorded");
    count(&store, 4..=4).await;
    projection().catch_up().await.expect("continues");
    let error = view().run(std::future::pending()).await;
    let error = error.expect_err("is of another kind now");
    assert!(
        matches!(error.kind, RunnerErrorKind::OtherRole { .. }),
        "{error}"
    );
    count(&store, 5..=5).await;
    run_to(&store, Faulty(|_: &[RecordedEvent]| Ok(())), 5)
        .await
        .expect("a handler of the application's own has no kind");
    let error = view().run(std::future::pending()).await;
    let error = error.expect_err("the kind is kept");
    assert!(
        matches!(error.kind, RunnerErrorKind::OtherRole { .. }),
        "{error}"
    );
}
