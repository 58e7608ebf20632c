//! Changes that only other values than the usual ones show: each is planted, and must be named.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    num::NonZeroU64,
};

use serde_json::Value;

use super::*;

/// An enum whose one event has these fields.
macro_rules! event {
    ($folder:expr, { $($fields:tt)* }) => {
        account!($folder, { enum AccountEvent { Deposited { $($fields)* } } })
    };
}

#[track_caller]
fn refused_with(folder: &Folder, catalogue: &Catalogue, words: &str) {
    let reason = refused(folder, catalogue);
    assert!(reason.contains(words), "{reason}");
}

/// An upcaster in use that swaps two fields of one kind gave the same event as before.
#[test]
fn a_step_that_swaps_two_fields_is_refused() {
    fn kept(_: &mut Value) {}
    fn swapped(payload: &mut Value) {
        let Value::Object(fields) = payload else {
            panic!("an object")
        };
        for (one, other) in [("from", "to"), ("debit", "credit"), ("first", "third")] {
            let (one_value, other_value) = (fields[one].clone(), fields[other].clone());
            fields.insert(one.to_owned(), other_value);
            fields.insert(other.to_owned(), one_value);
        }
    }
    let folder = Folder::new();
    accepted(
        &event!(folder, { from: String, to: String, debit: u64, credit: u64, first: bool, second: bool, third: bool }),
    );
    macro_rules! with_step {
        ($step:expr) => {
            account!(
                folder,
                { enum AccountEvent { Deposited {
                    from: String, to: String, debit: u64, credit: u64, first: bool, second: bool, third: bool, more: bool,
                } } }
                Upcaster::json("Deposited", 1, |payload| {
                    $step(payload);
                    payload["more"] = true.into();
                })
            )
        };
    }
    accepted(&with_step!(kept));
    let reason = refused(&folder, &with_step!(swapped));
    for change in [
        "the field `from` of account/Deposited@1 would change from \"a\" to \"b\"",
        "the field `debit` of account/Deposited@1 would change from 2 to 1",
        "the field `first` of",
    ] {
        assert!(reason.contains(change), "{change}: {reason}");
    }
}

#[test]
fn a_field_with_a_generated_value_as_its_default_is_seen() {
    fn one() -> u64 {
        1
    }
    fn two() -> u64 {
        2
    }
    fn is_one(value: &u64) -> bool {
        *value == 1
    }
    fn is_two(value: &u64) -> bool {
        *value == 2
    }
    let folder = Folder::new();
    let before =
        || event!(folder, { #[serde(default = "one", skip_serializing_if = "is_one")] count: u64 });
    accepted(&before());
    refused_with(
        &folder,
        &event!(folder, { #[serde(default = "one", skip_serializing_if = "is_one")] number: u64 }),
        "the field `count` of account/Deposited@1 would be lost",
    );
    refused_with(
        &folder,
        &event!(folder, { #[serde(default = "two", skip_serializing_if = "is_two")] count: u64 }),
        "the default of the field `count` of account/Deposited@1 has changed",
    );
}

#[test]
fn a_default_that_changes_is_refused() {
    fn five() -> u64 {
        5
    }
    fn is_none(value: &u64) -> bool {
        *value == 0
    }
    fn is_five(value: &u64) -> bool {
        *value == 5
    }
    let folder = Folder::new();
    accepted(&event!(folder, { #[serde(default, skip_serializing_if = "is_none")] count: u64 }));
    refused_with(
        &folder,
        &event!(folder, { #[serde(default = "five", skip_serializing_if = "is_five")] count: u64 }),
        "the default of the field `count` of account/Deposited@1 has changed: {\"count\":0} was read as Deposited@1 {}",
    );
}

#[test]
fn a_type_that_reads_fewer_values_is_refused() {
    let folder = Folder::new();
    accepted(&event!(folder, { tags: Vec<String> }));
    refused_with(
        &folder,
        &event!(folder, { tags: BTreeSet<String> }),
        "the field `tags` of account/Deposited@1 would change",
    );
    let folder = Folder::new();
    accepted(&event!(folder, { cents: u64 }));
    refused_with(
        &folder,
        &event!(folder, { cents: NonZeroU64 }),
        "account/Deposited@1 {\"cents\":0} may be stored, and no longer decodes",
    );
    let folder = Folder::new();
    accepted(&event!(folder, { from: IpAddr }));
    refused_with(
        &folder,
        &event!(folder, { from: Ipv4Addr }),
        "account/Deposited@1 {\"from\":\"::1\"} may be stored, and no longer decodes",
    );
    let folder = Folder::new();
    accepted(&event!(folder, { by: String }));
    refused_with(
        &folder,
        &event!(folder, { by: Name }),
        "account/Deposited@1 {\"by\":\"\"} may be stored, and no longer decodes",
    );
}

/// A name that is not empty.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            Err("it is empty")
        } else {
            Ok(Self(text))
        }
    }
}

/// An enum that is stored as numbers.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "u8", into = "u8")]
struct Numbered<const FIRST: u8, const LAST: u8>(u8);

impl<const FIRST: u8, const LAST: u8> TryFrom<u8> for Numbered<FIRST, LAST> {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if (FIRST..=LAST).contains(&number) {
            Ok(Self(number))
        } else {
            Err("no variant has this number")
        }
    }
}

impl<const FIRST: u8, const LAST: u8> From<Numbered<FIRST, LAST>> for u8 {
    fn from(Numbered(number): Numbered<FIRST, LAST>) -> Self {
        number
    }
}

#[test]
fn a_number_that_is_no_variant_any_more_is_refused() {
    let folder = Folder::new();
    accepted(&event!(folder, { reason: Numbered<0, 3>, other: Numbered<0, 1> }));
    refused_with(
        &folder,
        &event!(folder, { reason: Numbered<0, 2>, other: Numbered<0, 1> }),
        "{\"reason\":3,\"other\":1} may be stored, and no longer decodes",
    );
    let folder = Folder::new();
    accepted(&event!(folder, { percent: Numbered<0, 100> }));
    refused_with(
        &folder,
        &event!(folder, { percent: Numbered<0, 99> }),
        "{\"percent\":100} may be stored, and no longer decodes",
    );
}

/// No line may depend on the order in which a set gives its items.
#[test]
fn the_items_of_a_set_are_not_kept_in_order() {
    let folder = Folder::new();
    let set = || event!(folder, { tags: std::collections::HashSet<String> });
    for _ in 0..20 {
        accepted(&set());
    }
    assert!(!folder.lock().contains(r#"["a","a"]"#));
}
