//! One service of the shop: its own store, a relay that publishes its events, and the roles that run in it.

use std::pin::Pin;

use cqrs_core::{
    Event, EventStore, Position, Reactor, ReadModel, Relay, Runner, View,
    ports::{CommitError, LogQuery},
    read::IntoHandler,
    role,
    roles::Events,
    run_loop::Progress,
    service::Part,
};

use crate::{
    error::{ErrorContext, ShopError},
    setup::Setup,
};

/// How many events are counted at a time.
const PAGE: usize = 5_000;

/// One service. Declare its roles first, then take the [`parts`](Self::parts) to run.
pub struct ShopService<U: Setup> {
    setup: U,
    store: U::Store,
    /// The category of its own aggregates' events.
    category: &'static str,
    parts: Vec<Part>,
    views: Vec<ShopView>,
}

/// A read model of a service.
pub struct ShopView {
    /// Also the name of its subscription.
    pub name: &'static str,
    pub input: Input,
    pub progress: Progress,
    reset: Box<dyn Fn() -> ResetFuture + Send + Sync>,
}

type ResetFuture = Pin<Box<dyn Future<Output = Result<(), CommitError>> + Send>>;

/// What a view reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The log of its service, with events of one category.
    OwnLog(&'static str),
    /// The topics of these categories.
    Topics(Vec<&'static str>),
}

impl Input {
    pub fn categories(&self) -> &[&'static str] {
        match self {
            Self::OwnLog(category) => std::slice::from_ref(category),
            Self::Topics(categories) => categories,
        }
    }
}

impl ShopView {
    fn new<V: View, S: cqrs_core::Store>(store: &S, input: Input, progress: Progress) -> Self {
        let model = ReadModel::<V, S>::new(store);
        Self {
            name: V::NAME,
            input,
            progress,
            reset: Box::new(move || {
                let model = model.clone();
                Box::pin(async move { model.reset("rebuild").await })
            }),
        }
    }

    /// Drops its documents, so that its runner builds them again.
    pub async fn reset(&self) -> Result<(), ShopError> {
        (self.reset)().await.context(self.name)
    }
}

impl<U: Setup> ShopService<U> {
    /// The service called `name`, whose aggregates' events are `E`.
    pub async fn open<E: Event>(name: &'static str, setup: &U) -> Result<Self, ShopError> {
        let store = setup.open(name, E::CATEGORY).await?;
        let relay = Relay::new(&store, name, setup.publisher());
        Ok(Self {
            setup: setup.clone(),
            store,
            category: E::CATEGORY,
            parts: vec![relay.into()],
            views: Vec::new(),
        })
    }

    /// Reacts to events from topics with commands to the service's own aggregates.
    pub fn reactor<R: Reactor>(mut self, reactor: R) -> Result<Self, ShopError> {
        let categories = categories::<R::Events>(R::NAME)?;
        let runner = self.over_topics::<role::Reactor, _>(R::NAME, reactor, &categories)?;
        self.parts.push(runner.into());
        Ok(self)
    }

    /// Keeps a read model of topics, which any service may publish.
    pub fn view_over_topics<V: View>(mut self, view: V) -> Result<Self, ShopError> {
        let categories = categories::<V::Events>(V::NAME)?;
        let runner = self.over_topics::<role::View, _>(V::NAME, view, &categories)?;
        let input = Input::Topics(categories);
        let view = ShopView::new::<V, _>(&self.store, input, runner.progress());
        self.views.push(view);
        self.parts.push(runner.into());
        Ok(self)
    }

    /// Keeps a read model of the service's own log.
    pub fn view<V: View>(mut self, view: V) -> Result<Self, ShopError> {
        let runner = Runner::over_log::<role::View>(&self.store, view).context(V::NAME)?;
        let input = Input::OwnLog(self.category);
        let view = ShopView::new::<V, _>(&self.store, input, runner.progress());
        self.views.push(view);
        self.parts.push(runner.into());
        Ok(self)
    }

    fn over_topics<Role, T: IntoHandler<U::Store, Role>>(
        &self,
        name: &'static str,
        role: T,
        categories: &[&'static str],
    ) -> Result<Runner<U::Store, T::Handler, U::Source>, ShopError> {
        let source = self.setup.source(name, categories);
        Runner::over(&self.store, role, source).context(name)
    }

    /// Takes the parts that run in it. Empty at the second call.
    pub fn parts(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.parts)
    }

    /// The category of its events, and how many there are.
    pub async fn events(&self) -> Result<(&'static str, u64), ShopError> {
        let mut after = Position::START;
        let mut count = 0;
        loop {
            let query = LogQuery::new(after, PAGE);
            let page = self.store.read_log(query).await.context(self.category)?;
            count += page.events.len() as u64;
            match page.upto {
                Some(upto) => after = Position::new(upto.offset.get()),
                None => return Ok((self.category, count)),
            }
        }
    }

    /// The service's own store.
    pub fn store(&self) -> &U::Store {
        &self.store
    }

    /// The read models that it keeps.
    pub fn views(&self) -> &[ShopView] {
        &self.views
    }
}

fn categories<E: Events>(name: &str) -> Result<Vec<&'static str>, ShopError> {
    let reads = E::reads().context(name)?;
    Ok(reads.into_iter().map(|reads| reads.category).collect())
}
