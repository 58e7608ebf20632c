//! A service: its own store, a relay that publishes its events, and the roles that run in it.

mod part;

use cqrs_core::{
    Event, EventStore, Position, Reactor, Relay, Runner, View,
    model::Slices,
    ports::{Documents, LogQuery},
    read::IntoHandler,
    role,
    roles::Events,
};

pub use self::part::{Failures, Input, Kind, Part};
use crate::{
    error::{At, ShopError},
    setup::Setup,
};

/// How many events are counted at a time.
const PAGE: usize = 5_000;

/// One service. Its roles are declared first; then all of them are started together.
pub struct Service<U: Setup> {
    setup: U,
    store: U::Store,
    /// The category of its own aggregates' events.
    category: &'static str,
    parts: Vec<Part>,
}

impl<U: Setup> Service<U> {
    /// The service called `name`, whose aggregates' events are `E`.
    pub async fn open<E: Event>(name: &'static str, setup: &U) -> Result<Self, ShopError> {
        let store = setup.open(name, E::CATEGORY).await?;
        let service = Self {
            setup: setup.clone(),
            store,
            category: E::CATEGORY,
            parts: Vec::new(),
        };
        Ok(service.relay(name))
    }

    /// Publishes every event of the store.
    fn relay(mut self, name: &'static str) -> Self {
        let (store, setup) = (self.store.clone(), self.setup.clone());
        self.parts.push(Part::new(
            name,
            Kind::Relay,
            Input::own_log(self.category),
            move |stop| {
                let relay = Relay::new(name, store.clone(), setup.publisher());
                async move { relay.run(stop).await.at("relay") }
            },
        ));
        self
    }

    /// Answers the events of topics with commands to the service's own aggregates.
    pub fn reactor<R: Reactor + Copy>(self, reactor: R) -> Result<Self, ShopError> {
        self.over_topics::<role::Reactor, R::Events>(R::NAME, Kind::Reactor, reactor)
    }

    /// Keeps a read model out of topics, whoever publishes them.
    pub fn view_over_topics<V: View + Copy>(self, view: V) -> Result<Self, ShopError> {
        self.over_topics::<role::View, V::Events>(V::NAME, Kind::View, view)
    }

    /// Keeps a read model out of the service's own log.
    pub fn view<V: View + Copy>(mut self, view: V) -> Self {
        let store = self.store.clone();
        let log = Input::own_log(self.category);
        self.parts
            .push(Part::new(V::NAME, Kind::View, log, move |stop| {
                let runner = Runner::over_log::<role::View>(&store, view);
                async move { runner.at("view")?.run(stop).await.at("view") }
            }));
        self
    }

    fn over_topics<Role, E: Events>(
        mut self,
        name: &'static str,
        kind: Kind,
        role: impl IntoHandler<U::Store, Role> + Copy + Send + Sync + 'static,
    ) -> Result<Self, ShopError> {
        let reads = E::reads().at(name)?;
        let categories: Vec<_> = reads.into_iter().map(|reads| reads.category).collect();
        let partitions = categories
            .iter()
            .flat_map(|category| self.setup.partitions(category));
        let input = Input {
            partitions: partitions.collect(),
            categories: categories.clone(),
        };
        let (store, setup) = (self.store.clone(), self.setup.clone());
        let part = Part::new(name, kind, input, move |stop| {
            let (store, setup, categories) = (store.clone(), setup.clone(), categories.clone());
            async move {
                let source = setup.source(name, &categories).await?;
                let runner = Runner::over(&store, role, source).at("topics")?;
                runner.run(stop).await.at("topics")
            }
        });
        self.parts.push(part);
        Ok(self)
    }

    /// Makes the read models' collections, so that they can be asked before anything has happened.
    pub async fn prepare(&mut self) -> Result<(), ShopError> {
        let (store, views) = self.views();
        for view in views {
            store.prepare_view(view.name()).await.at(view.name())?;
        }
        Ok(())
    }

    /// How many events its aggregates have recorded, and of which category they are.
    pub async fn events(&self) -> Result<(&'static str, u64), ShopError> {
        let (mut after, mut count) = (Position::START, 0);
        loop {
            let query = LogQuery {
                after,
                reads: &[],
                slices: Slices::ALL,
                limit: PAGE,
            };
            let page = self.store.read_log(query).await.at(self.category)?;
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

    /// What runs in it.
    pub fn parts(&mut self) -> impl Iterator<Item = &mut Part> {
        self.parts.iter_mut()
    }

    /// The read models it keeps, together with the store that holds them.
    pub fn views(&mut self) -> (&U::Store, impl Iterator<Item = &mut Part>) {
        let views = self
            .parts
            .iter_mut()
            .filter(|part| part.kind() == Kind::View);
        (&self.store, views)
    }
}
