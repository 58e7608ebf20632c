//! Other names of fields and variants: a field counts as renamed only if the type says so and keeps its value.

use cqrs_core::model;
use serde_json::json;

use super::*;

#[test]
fn a_lost_field_beside_a_flattened_one_is_refused() {
    let folder = Folder::new();
    let one = account!(folder, {
        enum AccountEvent {
            Deposited {
                #[serde(default)]
                amount: u64,
                #[serde(flatten)]
                more: More,
            },
        }
        struct More {
            note: String,
        }
    });
    let deposited = |amount| {
        #[derive(Debug, serde::Serialize, serde::Deserialize)]
        enum Written {
            Deposited { amount: u64, note: String },
        }
        impl Event for Written {
            const CATEGORY: &'static str = "account";
        }
        let note = "a".to_owned();
        model::NewEvent::encode(&Written::Deposited { amount, note }, Metadata::default())
            .expect("JSON")
    };
    let with_sample = |mut catalogue: Catalogue, sample| {
        catalogue.samples.0.push(crate::catalogue::samples::Sample {
            of: catalogue.enums[0].id,
            name: "AccountEvent",
            event: sample,
        });
        catalogue
    };
    accepted(&with_sample(one, deposited(7)));
    let renamed = account!(folder, {
        enum AccountEvent {
            Deposited {
                #[serde(default)]
                cents: u64,
                #[serde(flatten)]
                more: More,
            },
        }
        struct More {
            note: String,
        }
    });
    let reason = refused(&folder, &with_sample(renamed, deposited(7)));
    assert!(
        reason.contains("the field `amount` of account/Deposited@1 would be lost"),
        "{reason}"
    );
    accepted(&with_sample(
        account!(folder, {
            enum AccountEvent {
                Deposited {
                    #[serde(default, alias = "amount")]
                    cents: u64,
                    #[serde(flatten)]
                    more: More,
                },
            }
            struct More {
                note: String,
            }
        }),
        deposited(7),
    ));
}

#[test]
fn a_field_that_is_read_but_no_longer_written_is_lost() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Deposited { amount: u64 },
        }
    }));
    let reason = refused(
        &folder,
        &account!(folder, {
            enum AccountEvent {
                Deposited {
                    #[serde(default, skip_serializing)]
                    amount: u64,
                },
            }
        }),
    );
    assert!(
        reason.contains("the field `amount` of account/Deposited@1 would be lost"),
        "{reason}"
    );
}

#[test]
fn a_renamed_field_keeps_its_value() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Deposited { amount: u64 },
        }
    }));
    fn doubled<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        <u64 as serde::Deserialize>::deserialize(deserializer).map(|cents| cents * 2)
    }
    let reason = refused(
        &folder,
        &account!(folder, {
            enum AccountEvent {
                Deposited {
                    #[serde(alias = "amount", deserialize_with = "doubled")]
                    cents: u64,
                },
            }
        }),
    );
    assert!(reason.contains("would change from 1 to 2"), "{reason}");
}

#[test]
fn aliases_of_fields_in_fields_and_of_variants_are_followed() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Closed { reason: Reason, to: Vec<Place> },
        }
        enum Reason {
            Moved,
            Died { on: String },
        }
        struct Place {
            town: String,
        }
    }));
    accepted(&account!(folder, {
        enum AccountEvent {
            Closed {
                reason: Reason,
                #[serde(alias = "to")]
                places: Vec<Place>,
            },
        }
        enum Reason {
            #[serde(alias = "Moved")]
            Left,
            #[serde(alias = "Died")]
            Deceased {
                #[serde(alias = "on")]
                day: String,
            },
        }
        struct Place {
            #[serde(alias = "town")]
            city: String,
        }
    }));
}

#[test]
fn another_variant_is_no_alias() {
    let folder = Folder::new();
    let reason = || {
        account!(folder, {
            enum AccountEvent {
                Closed { reason: Reason },
            }
            enum Reason {
                Moved,
                Left,
            }
        })
    };
    accepted(&reason());
    let swapped = account!(folder, {
        enum AccountEvent {
            Closed { reason: Reason },
        }
        enum Reason {
            #[serde(rename(serialize = "Left"))]
            Moved,
            #[serde(rename(serialize = "Moved"))]
            Left,
        }
    });
    let reason = refused(&folder, &swapped);
    assert!(
        reason.contains("would change from \"Moved\" to \"Left\""),
        "{reason}"
    );
}

#[test]
fn an_event_without_fields_may_say_so_in_two_ways() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Opened {},
        }
    }));
    accepted(&account!(folder, {
        enum AccountEvent {
            Opened,
        }
    }));
}

#[test]
fn what_is_required_and_aliases_are_part_of_a_shape_line() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Deposited { amount: u64 },
        }
    }));
    let notes = accepted(&account!(folder, {
        enum AccountEvent {
            Deposited {
                #[serde(default)]
                amount: u64,
            },
        }
    }));
    let line = "account/Deposited@1 shape";
    assert!(
        notes.contains(line) && notes.contains("\"required\":false"),
        "{notes}"
    );
}

#[test]
fn a_line_of_a_shape_does_not_prove_a_step() {
    let folder = Folder::new();
    accepted(&account!(folder, {
        enum AccountEvent {
            Deposited { euros: u64 },
        }
    }));
    let shapes: Vec<_> = folder
        .lock()
        .lines()
        .filter(|line| !line.contains(" event "))
        .map(str::to_owned)
        .collect();
    folder.write("events.lock", &shapes.join("\n"));
    let raised = account!(
        folder,
        { enum AccountEvent { Deposited { cents: u64 } } }
        Upcaster::json("Deposited", 1, |payload| *payload = json!({ "cents": payload["euros"] }))
    );
    let reason = refused(&folder, &raised);
    assert!(
        reason.contains("no line shows an event account/Deposited@1"),
        "{reason}"
    );
}
