//! What is lost beside an upcaster, an alias or `#[serde(other)]`, which must not hide it.

use serde_json::{Value, json};

use super::*;

#[track_caller]
fn refused_with(folder: &Folder, catalogue: &Catalogue, words: &str) {
    let reason = refused(folder, catalogue);
    assert!(reason.contains(words), "{reason}");
}

#[test]
fn a_step_does_not_excuse_the_loss_of_another_field() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Deposited {
                cents: u32,
                note: String,
                reason: Reason,
            },
        }
        enum Reason {
            Gift,
            Salary,
        }
    }));
    macro_rules! with_currency {
        ($($fields:tt)*) => {
            account!(
                folder,
                { enum AccountEvent { Deposited { $($fields)* reason: Reason, currency: String } } enum Reason { Gift, #[serde(other)] Other } }
                Upcaster::json("Deposited", 1, |payload| payload["currency"] = "EUR".into())
            )
        };
    }
    let reason = refused(
        &folder,
        &with_currency!(cents: u64, #[serde(default)] comment: String,),
    );
    for words in [
        "the field `note` of account/Deposited@1 would be lost: the upcasters make {\"cents\":1,\"currency\":\"EUR\",\"note\":\"a\",",
        "If it has no meaning any more, let the newest upcaster take it out.",
        "the field `reason` of account/Deposited@1 would change from \"Salary\" to \"Other\": the upcasters make ",
    ] {
        assert!(reason.contains(words), "{reason}");
    }
    // A number in another form is no loss, and neither is a field that is taken out or left out.
    accepted(&account!(
        folder,
        {
            enum AccountEvent {
                Deposited {
                    cents: f64,
                    reason: Reason,
                    #[serde(default, skip_serializing_if = "Vec::is_empty")]
                    tags: Vec<String>,
                    #[serde(alias = "currency")]
                    unit: String,
                },
            }
            enum Reason { Gift, Salary }
        }
        Upcaster::json("Deposited", 1, |payload| {
            *payload = json!({ "cents": payload["cents"], "reason": payload["reason"], "tags": [], "currency": "EUR" });
        })
    ));
}

#[test]
fn a_variant_is_not_kept_by_the_one_for_all_others() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Closed { reason: Reason },
        }
        enum Reason {
            Died,
            Moved,
            #[serde(other)]
            Other,
        }
    }));
    for catalogue in [
        account!(folder, {
            enum AccountEvent {
                Closed { reason: Reason },
            }
            enum Reason {
                Moved,
                #[serde(other)]
                Other,
            }
        }),
        account!(folder, {
            enum AccountEvent {
                Closed { reason: Reason },
            }
            enum Reason {
                Deceased,
                Moved,
                #[serde(other)]
                Other,
            }
        }),
    ] {
        refused_with(
            &folder,
            &catalogue,
            "the field `reason` of account/Closed@1 would change from \"Died\" to \"Other\": {\"reason\":\"Died\"} would be read as Closed@1 \
             {\"reason\":\"Other\"}.\n  If the variant has another name now, keep the old one: `#[serde(alias = \"Died\")]`.",
        );
    }
    accepted(&account!(folder, {
        enum AccountEvent {
            Closed { reason: Reason },
        }
        enum Reason {
            #[serde(alias = "Died")]
            Deceased,
            Moved,
            #[serde(other)]
            Other,
        }
    }));
}

#[test]
fn an_alias_does_not_swallow_another_type() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Opened { owner: String },
            Founded { owner: String },
        }
    }));
    let words = "account/Founded@1 {\"owner\":\"a\"} would be read as Opened@1 {\"owner\":\"a\"} by `#[serde(alias = \"Founded\")]`, as \
                 account/Opened is, which is another event type of the file: nobody could tell them apart.\n  Restore the event type. If the \
                 two shall be one, remove the alias, and add `Upcaster::renamed(\"Founded\", 1, \"Opened\", 1)`.";
    let merged = account!(folder, {
        enum AccountEvent {
            #[serde(alias = "Founded")]
            Opened { owner: String },
        }
    });
    refused_with(&folder, &merged, words);
    let both = account!(folder, {
        enum AccountEvent {
            #[serde(alias = "Founded", alias = "Opened")]
            Begun { owner: String },
        }
    });
    refused_with(&folder, &both, "which is another event type of the file");
    accepted(&account!(
        folder,
        { enum AccountEvent { Opened { owner: String } } }
        Upcaster::renamed("Founded", 1, "Opened", 1)
    ));
}

#[test]
fn a_type_may_be_renamed_by_aliases_twice() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Founded { owner: String },
        }
    }));
    accepted(&account!(folder, {
        enum AccountEvent {
            #[serde(alias = "Founded")]
            Opened { owner: String },
        }
    }));
    accepted(&account!(folder, {
        enum AccountEvent {
            #[serde(alias = "Founded", alias = "Opened")]
            Begun { owner: String },
        }
    }));
}

#[test]
fn an_alias_does_not_go_round_steps() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Paid { amount: u64 },
        }
    }));
    fn to_cents(payload: &mut Value) {
        *payload = json!({ "amount": payload["amount"].as_u64().expect("a number") * 100 });
    }
    let alias = || {
        account!(
            folder,
            { enum AccountEvent { #[serde(alias = "Paid")] Deposited { amount: u64 } } }
            Upcaster::json("Deposited", 1, to_cents)
        )
        .older::<Older1>("Deposited", 1, r#"{"amount":1}"#)
    };
    refused_with(
        &folder,
        &alias(),
        "account/Paid@1 {\"amount\":1} would be read as Deposited@2 {\"amount\":1} by `#[serde(alias = \"Paid\")]`, and go round the upcasters \
         of `Deposited`.\n  Remove the alias, and add `Upcaster::renamed(\"Paid\", 1, \"Deposited\", ..)` with the schema version of \
         `Deposited` that has its shape.",
    );
    accepted(
        &account!(
            folder,
            { enum AccountEvent { Deposited { amount: u64 } } }
            Upcaster::json("Deposited", 1, to_cents),
            Upcaster::renamed("Paid", 1, "Deposited", 1)
        )
        .older::<Older1>("Deposited", 1, r#"{"amount":1}"#),
    );
}

/// Names the category alone.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
enum Older1 {}

impl Event for Older1 {
    const CATEGORY: &'static str = "account";
}

#[test]
fn a_step_to_a_type_that_is_only_read_as_other_is_refused() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Opened,
            Pinged,
        }
    }));
    refused_with(
        &folder,
        &account!(
            folder,
            { enum AccountEvent { Opened, #[serde(other)] Unknown } }
            Upcaster::renamed("Pinged", 1, "Unlocked", 1)
        ),
        "account/Pinged@1 null would be read as Unknown@1 null, because the enum has no event type `Unlocked`",
    );
}
