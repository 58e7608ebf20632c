//! A kind that becomes narrower behind an upcaster, a new name or an alias.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;

fn deposited(folder: &Folder) {
    accepted(&account!(folder, {
        enum AccountEvent {
            Deposited { amount: u64, rate: f64, by: String },
        }
    }));
}

fn with_currency(payload: &mut Value) {
    payload["currency"] = "EUR".into();
}

#[track_caller]
fn refused_with(folder: &Folder, catalogue: &Catalogue, words: &str) {
    let reason = refused(folder, catalogue);
    assert!(reason.contains(words), "{words}: {reason}");
}

#[test]
fn a_number_that_becomes_smaller_behind_a_step_is_refused() {
    let folder = Folder::new();
    deposited(&folder);
    let narrowed = account!(
        folder,
        { enum AccountEvent { Deposited { amount: u32, rate: f32, by: char, currency: String } } }
        Upcaster::json("Deposited", 1, with_currency)
    );
    let reason = refused(&folder, &narrowed);
    for words in [
        "the field `amount` of account/Deposited@1 was u64, but 4294967296 there could not be read, or would be another value, in \
         Deposited@2.\n  Widen the type that reads it: in the enum, or in the upcaster. If no such event was ever stored, run \
         `CQRS_CATALOGUE=withdraw:account/Deposited@1 cargo test`.",
        "the field `rate` of account/Deposited@1 was f64, but 1e300 there",
        "the field `by` of account/Deposited@1 was string, but \"ab\" there",
    ] {
        // A `char` does not read the empty text, either.
        assert!(
            reason.contains(words) || words.contains("`by`") && reason.contains("character"),
            "{words}: {reason}"
        );
    }
    refused_with(
        &folder,
        &account!(
            folder,
            { enum AccountEvent { Deposited { amount: f64, rate: f64, by: String, currency: String } } }
            Upcaster::json("Deposited", 1, with_currency)
        ),
        "the field `amount` of account/Deposited@1 was u64, but 9007199254740993 there",
    );
    accepted(&account!(
        folder,
        { enum AccountEvent { Deposited { amount: u128, rate: f64, by: String, currency: String } } }
        Upcaster::json("Deposited", 1, with_currency)
    ));
}

#[test]
fn a_number_that_becomes_smaller_under_a_new_name_is_refused() {
    let folder = Folder::new();
    deposited(&folder);
    let words = "the field `amount` of account/Deposited@1 was u64, but 4294967296 there could not be read, or would be another value, in \
                 Paid@1";
    let renamed = account!(
        folder,
        { enum AccountEvent { Paid { amount: u32, rate: f64, by: String } } }
        Upcaster::renamed("Deposited", 1, "Paid", 1)
    );
    refused_with(&folder, &renamed, words);
    let alias = account!(folder, {
        enum AccountEvent {
            #[serde(alias = "Deposited")]
            Paid { amount: u32, rate: f64, by: String },
        }
    });
    refused_with(&folder, &alias, words);
}

#[test]
fn a_step_that_reads_a_smaller_number_is_refused() {
    #[derive(Deserialize)]
    struct Old {
        amount: i32,
        rate: f64,
        by: String,
    }
    #[derive(Serialize)]
    struct New {
        cents: i64,
        rate: f64,
        by: String,
    }
    impl From<Old> for New {
        fn from(Old { amount, rate, by }: Old) -> Self {
            Self {
                cents: i64::from(amount) * 100,
                rate,
                by,
            }
        }
    }
    let folder = Folder::new();
    deposited(&folder);
    refused_with(
        &folder,
        &account!(
            folder,
            { enum AccountEvent { Deposited { cents: i64, rate: f64, by: String } } }
            Upcaster::typed::<Old, New>("Deposited", 1)
        ),
        "the field `amount` of account/Deposited@1 was u64, but 2147483648 there",
    );
    #[expect(clippy::cast_possible_truncation, reason = "the planted mistake")]
    fn cut_off(payload: &mut Value) {
        let amount = payload["amount"].as_u64().expect("a number") as u16;
        *payload = json!({ "cents": amount, "rate": payload["rate"], "by": payload["by"] });
    }
    refused_with(
        &folder,
        &account!(
            folder,
            { enum AccountEvent { Deposited { cents: u64, rate: f64, by: String } } }
            Upcaster::json("Deposited", 1, cut_off)
        ),
        "the field `amount` of account/Deposited@1 was u64, but 65536 there",
    );
}

/// A calculation may fail for large values, and a type may have rules of its own, before and after.
#[test]
fn a_rule_of_a_type_is_no_smaller_number() {
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(try_from = "u64")]
    struct Small(u64);
    impl TryFrom<u64> for Small {
        type Error = &'static str;

        fn try_from(number: u64) -> Result<Self, Self::Error> {
            if number <= 0x7fff_ffff {
                Ok(Self(number))
            } else {
                Err("too large")
            }
        }
    }
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Deposited { amount: Small, euros: u64 },
        }
    }));
    accepted(&account!(
        folder,
        { enum AccountEvent { Deposited { amount: Small, cents: u64 } } }
        Upcaster::json("Deposited", 1, |payload| {
            let cents = payload["euros"].as_u64().and_then(|euros| euros.checked_mul(100)).expect("not so many");
            *payload = json!({ "amount": payload["amount"], "cents": cents });
        })
    ));
}

#[test]
fn a_number_that_is_too_large_for_a_consumer_is_named() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Reader {
        Deposited { amount: u32 },
    }
    impl Event for Reader {
        const CATEGORY: &'static str = "account";
        const PARTIAL: bool = true;
    }
    let folder = Folder::new();
    deposited(&folder);
    let contract =
        crate::ConsumerContract::new(&folder.0, "contracts/payment.json").reads::<Reader>();
    contract.run(&settings("accept")).expect("is written");
    let narrowed = account!(
        folder,
        { enum AccountEvent { Deposited { amount: u32, by: String } } }
        Upcaster::json("Deposited", 1, |payload| {
            let amount = u32::try_from(payload["amount"].as_u64().expect("a number")).unwrap_or(u32::MAX);
            *payload = json!({ "amount": amount, "by": payload["by"] });
        })
    );
    let reason = narrowed
        .contracts("contracts")
        .run(&settings(""))
        .expect_err("is refused");
    assert!(
        reason.contains("`payment` reads account/Deposited.amount (u32): written as u64 in stored events of schema version 1."),
        "{reason}"
    );
}

#[test]
fn the_keys_of_a_map_are_compared() {
    use std::collections::BTreeMap;
    macro_rules! prices {
        ($folder:expr, $key:ty) => {
            account!($folder, {
                enum AccountEvent {
                    Priced { prices: BTreeMap<$key, u64> },
                }
            })
        };
    }
    let folder = Folder::new();
    accepted(&prices!(folder, u64));
    refused_with(
        &folder,
        &prices!(folder, u8),
        "the field `prices{key}` of account/Priced@1 was u64 and is u8 now",
    );
    accepted(&prices!(folder, u128));
    #[derive(Debug, Serialize, Deserialize)]
    enum Reader {
        Priced { prices: BTreeMap<u8, u64> },
    }
    impl Event for Reader {
        const CATEGORY: &'static str = "account";
        const PARTIAL: bool = true;
    }
    let contract =
        crate::ConsumerContract::new(&folder.0, "contracts/payment.json").reads::<Reader>();
    contract.run(&settings("accept")).expect("is written");
    refused_with(
        &folder,
        &prices!(folder, u128).contracts("contracts"),
        "`payment` reads account/Priced.prices{key} (u8): written as u128",
    );
    let other = Folder::new();
    other.write(
        "contracts/payment.json",
        &folder.read("contracts/payment.json"),
    );
    refused_with(
        &other,
        &prices!(other, String).contracts("contracts"),
        "`payment` reads account/Priced.prices{key} (u8): written as string",
    );
}
