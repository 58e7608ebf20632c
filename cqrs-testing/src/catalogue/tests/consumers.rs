//! What consumers read, and what they no longer get.

use serde::{Deserialize, Serialize};

use super::*;
use crate::ConsumerContract;

mod older;

impl Folder {
    fn contract(&self) -> ConsumerContract {
        ConsumerContract::new(&self.0, "contracts/payment.json")
    }
}

/// What `payment` reads of orders.
#[derive(Debug, Serialize, Deserialize)]
enum OrderNews {
    Placed {
        cents: u64,
        note: Option<String>,
        reason: Reason,
    },
}

#[derive(Debug, Serialize, Deserialize)]
enum Reason {
    Web,
    Shop,
}

impl Event for OrderNews {
    const CATEGORY: &'static str = "account";
    const PARTIAL: bool = true;
}

fn agreed(folder: &Folder) {
    let contract = folder.contract().reads::<OrderNews>();
    let missing = contract.run(&settings("")).expect_err("there is no file");
    let begin = "contracts/payment.json does not say what the code reads now:\n{\n  \"consumer\": \"payment\",\n";
    assert!(missing.starts_with(begin), "{missing}");
    let in_ci = Settings::new(Some("accept"), Some("1")).expect("valid");
    assert!(contract.run(&in_ci).is_err());
    assert_eq!(contract.run(&settings("accept")), Ok(()));
    assert_eq!(contract.run(&settings("")), Ok(()));
}

#[test]
fn a_consumer_is_named_with_the_field_that_it_misses() {
    let folder = Folder::new();
    agreed(&folder);
    let kept = account!(folder, {
        enum AccountEvent {
            Placed {
                cents: u64,
                reason: Reason,
                sku: String,
            },
            Paid,
        }
        enum Reason {
            Web,
            Shop,
        }
    });
    accepted(&kept.contracts("*"));
    let elsewhere = Folder::new();
    let contracts = folder
        .0
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let pattern = format!("../{contracts}/*");
    for (catalogue, found) in [
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Placed { euros: u64, reason: Reason },
                }
                enum Reason {
                    Web,
                }
            }),
            "`payment` reads account/Placed.cents (u64): no longer written.\n  Keep the field, or change the consumer first.",
        ),
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Placed { cents: i64, reason: Reason },
                }
                enum Reason {
                    Web,
                }
            }),
            "`payment` reads account/Placed.cents (u64): written as i64.\n  Keep the field, or change the consumer first.",
        ),
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Placed { cents: String, reason: Reason },
                }
                enum Reason {
                    Web,
                }
            }),
            "`payment` reads account/Placed.cents (u64): written as string.\n  Keep the field, or change the consumer first.",
        ),
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Placed { cents: u64, reason: Reason },
                }
                enum Reason {
                    Web,
                    Phone,
                }
            }),
            "`payment` reads account/Placed.reason (enum): written with the variant `Phone`, which it does not know.\n  Keep the field, \
             or change the consumer first.",
        ),
        (
            account!(elsewhere, {
                enum AccountEvent {
                    Ordered { cents: u64 },
                }
            }),
            "`payment` reads account/Placed: no longer written.\n  Keep the event type, or change the consumer first.",
        ),
    ] {
        let reason = refused(&elsewhere, &catalogue.contracts(&pattern));
        assert_eq!(reason, format!("events.lock:\n- {found}"));
    }
}

#[test]
fn a_consumer_of_every_type_learns_of_new_ones() {
    #[derive(Debug, Serialize, Deserialize)]
    enum All {
        Placed { cents: u64 },
    }
    impl Event for All {
        const CATEGORY: &'static str = "account";
    }
    let folder = Folder::new();
    let contract = folder.contract().reads::<All>();
    contract.run(&settings("accept")).expect("is written");
    let more = account!(folder, {
        enum AccountEvent {
            Placed { cents: u64 },
            Paid,
        }
    });
    assert_eq!(
        refused(&folder, &more.contracts("contracts")),
        "events.lock:\n\
         - `payment` reads every event type of account, but not account/Paid: it would park the streams with one.\n  Let its enum be `PARTIAL`, or have \
         the type."
    );
}

#[test]
fn a_path_without_contracts_is_an_error() {
    let folder = Folder::new();
    let catalogue = account!(folder, {
        enum AccountEvent {
            Paid,
        }
    });
    assert_eq!(
        refused(&folder, &catalogue.contracts("../*/nobody-has-this-folder")),
        "no folder matches `.contracts(\"../*/nobody-has-this-folder\")`.\n  Correct the path: it begins at the crate."
    );
    folder.write("contracts/broken.json", "{}");
    let catalogue = account!(folder, {
        enum AccountEvent {
            Paid,
        }
    });
    let reason = refused(&folder, &catalogue.contracts("contracts"));
    assert!(
        reason.ends_with(
            "broken.json is no contract of a consumer: missing field `consumer` at line 1 column 2.\n  Run the test of the consumer with \
             `CQRS_CATALOGUE=accept`: it writes the file. Then copy it here."
        ),
        "{reason}"
    );
}
