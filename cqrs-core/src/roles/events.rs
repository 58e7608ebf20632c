//! The events that a reader reads: those of one category, or a union of several.

use crate::{
    codec::{self, CodecError},
    model::{self, Decoded, Event, EventFilter, RecordedEvent, steps},
    ports::StoreError,
};

/// An event enum, or a union of event enums declared with [`events!`](crate::events).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither an event enum nor a union of them",
    note = "implement `Event` for it, or declare a union: events! {{ enum {Self} {{ .. }} }}"
)]
pub trait Events: Sized + Send + Sync + 'static {
    /// The categories and types to read.
    ///
    /// # Errors
    /// When a member is not an externally tagged enum: its types are unknown then.
    fn reads() -> Result<Vec<EventFilter>, CodecError>;

    /// The types that are passed over on purpose; see [`Event::IGNORED`].
    fn ignores() -> Vec<EventFilter> {
        Vec::new()
    }

    /// The typed event: nothing for an event that this reader does not read, several for one that an
    /// [`Upcaster`](crate::model::Upcaster) splits.
    ///
    /// # Errors
    /// [`NewerEvent`](crate::StoreErrorKind::NewerEvent) when newer code wrote the event;
    /// [`Undecodable`](crate::StoreErrorKind::Undecodable) when the reader reads this category but the type is unknown, an upcaster
    /// fails, or the payload does not decode.
    fn decode(recorded: &RecordedEvent) -> Result<Decoded<Self>, StoreError>;
}

impl<E: Event> Events for E {
    fn reads() -> Result<Vec<EventFilter>, CodecError> {
        reads_one::<E>()
    }

    fn ignores() -> Vec<EventFilter> {
        ignores_one::<E>()
    }

    fn decode(recorded: &RecordedEvent) -> Result<Decoded<Self>, StoreError> {
        decode_one(recorded)
    }
}

/// The filters for a reader of `E` alone: a partial one also reads the older types that become one of its own. The expansion of
/// [`events!`](crate::events) calls it.
///
/// # Errors
/// When `E` is not an externally tagged enum.
pub fn reads_one<E: Event>() -> Result<Vec<EventFilter>, CodecError> {
    let known = codec::event_types::<E>()?;
    if !E::PARTIAL {
        return Ok(vec![EventFilter::new(E::CATEGORY, &[])]);
    }
    let older = steps::older_types(E::UPCASTERS, known).map(std::slice::from_ref);
    let types = std::iter::once(known).chain(older);
    Ok(types
        .map(|types| EventFilter::new(E::CATEGORY, types))
        .collect())
}

/// The types that a reader of `E` passes over on purpose. The expansion of [`events!`](crate::events) calls it.
#[must_use]
pub fn ignores_one<E: Event>() -> Vec<EventFilter> {
    const {
        assert!(
            E::PARTIAL || E::IGNORED.is_empty(),
            "only a PARTIAL event can have IGNORED types: every other reader parks the streams with a type that it does not know"
        );
    }
    // A filter without types would mean all of them.
    let ignored = Some(E::IGNORED).filter(|ignored| !ignored.is_empty());
    let ignored = ignored.map(|ignored| EventFilter::new(E::CATEGORY, ignored));
    ignored.into_iter().collect()
}

/// The event as an `E`; nothing when `E` does not read it.
///
/// # Errors
/// As for [`Events::decode`].
fn decode_one<E: Event>(recorded: &RecordedEvent) -> Result<Decoded<E>, StoreError> {
    if recorded.stream.category().as_str() != E::CATEGORY {
        return Ok(Decoded::Nothing);
    }
    model::decode(&recorded.stored()).map_err(|error| StoreError::undecodable::<E>(recorded, error))
}

/// What the next member of a union reads of an event, if the members before it do not read all of it. The expansion of
/// [`events!`](crate::events) calls it.
///
/// # Errors
/// As for [`Events::decode`].
pub fn decode_rest<E: Event, U: From<E>>(
    before: Decoded<U>,
    recorded: &RecordedEvent,
) -> Result<Decoded<U>, StoreError> {
    match before {
        Decoded::One(event) => Ok(Decoded::One(event)),
        before => Ok(before.or(decode_one::<E>(recorded)?.map(U::from))),
    }
}

/// Declares a union of event enums, for a view or reactor over several categories.
///
/// ```
/// # use cqrs_core::{events, Event};
/// # #[derive(serde::Serialize, serde::Deserialize)] pub enum AccountEvent { Opened }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(serde::Serialize, serde::Deserialize)] pub enum BonusEvent { Granted }
/// # impl Event for BonusEvent { const CATEGORY: &'static str = "bonus"; }
/// events! {
///     /// Everything that moves money.
///     pub enum Money {
///         Account(AccountEvent),
///         Bonus(BonusEvent),
///     }
/// }
/// ```
#[macro_export]
macro_rules! events {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$variant_meta:meta])* $variant:ident($event:ty)),+ $(,)? }) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$variant_meta])* $variant($event)),+ }

        impl $crate::roles::Events for $name {
            fn reads() -> ::core::result::Result<::std::vec::Vec<$crate::model::EventFilter>, $crate::codec::CodecError> {
                let members = [$($crate::__private::reads_one::<$event>()?),+];
                ::core::result::Result::Ok(members.into_iter().flatten().collect())
            }

            fn ignores() -> ::std::vec::Vec<$crate::model::EventFilter> {
                let members = [$($crate::__private::ignores_one::<$event>()),+];
                members.into_iter().flatten().collect()
            }

            fn decode(
                recorded: &$crate::RecordedEvent,
            ) -> ::core::result::Result<$crate::model::Decoded<Self>, $crate::StoreError> {
                let decoded = $crate::model::Decoded::Nothing;
                $(let decoded = $crate::__private::decode_rest::<$event, Self>(decoded, recorded)?;)+
                ::core::result::Result::Ok(decoded)
            }
        }

        $(
            impl ::core::convert::From<$event> for $name {
                fn from(event: $event) -> Self {
                    $name::$variant(event)
                }
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Serialize, serde::Deserialize)]
    enum OrderNews {
        Placed,
    }

    impl Event for OrderNews {
        const CATEGORY: &'static str = "order";
        const PARTIAL: bool = true;
        const IGNORED: &'static [&'static str] = &["Archived"];
    }

    #[derive(serde::Serialize, serde::Deserialize)]
    enum StockNews {
        Reserved,
    }

    impl Event for StockNews {
        const CATEGORY: &'static str = "stock";
        const PARTIAL: bool = true;
    }

    crate::events! {
        enum News {
            Order(OrderNews),
            Stock(StockNews),
        }
    }

    #[test]
    fn a_union_ignores_what_its_members_ignore() {
        let ignored = vec![EventFilter::new("order", &["Archived"])];
        assert_eq!(OrderNews::ignores(), ignored);
        assert_eq!(
            StockNews::ignores(),
            Vec::new(),
            "an empty list is not all types"
        );
        assert_eq!(News::ignores(), ignored);
    }
}
