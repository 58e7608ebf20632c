//! The events that a reader reads: those of one category, or a union of several.

use crate::{
    codec::{self, CodecError},
    model::{Event, EventFilter, RecordedEvent},
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

    /// The typed event, or `None` for an event that this reader does not read.
    ///
    /// # Errors
    /// When the reader reads this category but the type is unknown, or the payload does not decode.
    fn decode(recorded: &RecordedEvent) -> Result<Option<Self>, StoreError>;
}

impl<E: Event> Events for E {
    fn reads() -> Result<Vec<EventFilter>, CodecError> {
        Ok(vec![reads_one::<E>()?])
    }

    fn decode(recorded: &RecordedEvent) -> Result<Option<Self>, StoreError> {
        decode_one(recorded)
    }
}

/// The filter for a reader of `E` alone. The expansion of [`events!`](crate::events) calls it.
///
/// # Errors
/// When `E` is not an externally tagged enum.
pub fn reads_one<E: Event>() -> Result<EventFilter, CodecError> {
    let known = codec::event_types::<E>()?;
    Ok(EventFilter {
        category: E::CATEGORY,
        types: if E::PARTIAL { known } else { &[] },
    })
}

/// The event as an `E`, or `None` when `E` does not read it. The expansion of [`events!`](crate::events) calls it.
///
/// # Errors
/// When the type is unknown to an `E` that is not partial, or the payload does not decode.
pub fn decode_one<E: Event>(recorded: &RecordedEvent) -> Result<Option<E>, StoreError> {
    if recorded.stream.category().as_str() != E::CATEGORY {
        return Ok(None);
    }
    match codec::decode(
        &recorded.event_type,
        recorded.schema_version,
        &recorded.payload,
    ) {
        Ok(event) => Ok(Some(event)),
        Err(CodecError::UnknownType { .. }) if E::PARTIAL => Ok(None),
        Err(error) => Err(StoreError::undecodable::<E>(recorded, error)),
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
                ::core::result::Result::Ok(::std::vec![$($crate::__private::reads_one::<$event>()?),+])
            }

            fn decode(
                recorded: &$crate::RecordedEvent,
            ) -> ::core::result::Result<::core::option::Option<Self>, $crate::StoreError> {
                $(
                    if let ::core::option::Option::Some(event) = $crate::__private::decode_one::<$event>(recorded)? {
                        return ::core::result::Result::Ok(::core::option::Option::Some($name::$variant(event)));
                    }
                )+
                ::core::result::Result::Ok(::core::option::Option::None)
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
