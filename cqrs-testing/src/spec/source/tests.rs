use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug")]
enum Happened {
    Named { name: String },
    Nothing,
}

#[derive(Debug)]
struct Unit;

#[test]
fn debug_text_becomes_source() {
    let named = Happened::Named {
        name: "say \"hi\"".to_owned(),
    };
    assert_eq!(
        sources(&[named]),
        r#"[Happened::Named { name: "say \"hi\"".into() }]"#
    );
    assert_eq!(source(&Happened::Nothing), "Happened::Nothing");
    assert_eq!(source(&Unit), "Unit");
    assert_eq!(source(&5), "5");
}

#[test]
fn a_quotation_mark_as_a_character_begins_no_text() {
    let quoted = ('"', "a".to_owned(), '\'', '"');
    assert_eq!(source(&quoted), r#"('"', "a".into(), '\'', '"')"#);
}

#[test]
fn values_of_the_standard_library_have_no_name_before_them() {
    assert_eq!(source(&"ada".to_owned()), r#""ada".into()"#);
    assert_eq!(source(&vec![1, 2]), "[1, 2].into()");
    assert_eq!(source(&Some(5)), "Some(5)");
    assert_eq!(source(&None::<u8>), "None");
}

#[test]
fn times_and_json_become_source() {
    let time_after = |after| time(SystemTime::UNIX_EPOCH + after);
    assert_eq!(
        time_after(Duration::ZERO),
        "std::time::SystemTime::UNIX_EPOCH"
    );
    assert_eq!(
        time_after(Duration::from_secs(9)),
        "std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9)"
    );
    assert_eq!(
        time(SystemTime::UNIX_EPOCH - Duration::new(1, 5)),
        "std::time::SystemTime::UNIX_EPOCH - std::time::Duration::new(1, 5)"
    );
    assert_eq!(raw(r#"{"a":1}"#), r##"r#"{"a":1}"#"##);
    assert_eq!(raw(r##"{"a":"#"}"##), r###"r##"{"a":"#"}"##"###);
}

#[test]
fn collections_become_source() {
    let sets: Vec<BTreeSet<u8>> = vec![[1, 2].into(), BTreeSet::new()];
    assert_eq!(source(&sets), "[[1, 2].into(), [].into()].into()");
    let names = BTreeMap::from([(1, "a, {b}".to_owned())]);
    assert_eq!(source(&names), r#"[(1, "a, {b}".into())].into()"#);
    assert_eq!(source(&(5,)), "(5,)");
    assert_eq!(source(&((), -1.5, 'a')), "((), -1.5, 'a')");
}

#[test]
fn times_inside_of_a_value_become_source() {
    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug")]
    struct Due(Option<SystemTime>, Vec<Duration>);
    let due = Due(
        Some(SystemTime::UNIX_EPOCH + Duration::from_secs(9)),
        vec![Duration::from_micros(1_500), Duration::from_secs(3)],
    );
    assert_eq!(
        source(&due),
        "Due(Some(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9)), \
         [std::time::Duration::new(0, 1500000), std::time::Duration::from_secs(3)].into())"
    );
}

/// A text that no derive writes stays as it is.
#[test]
fn other_texts_stay_as_they_are() {
    struct Hidden;
    impl Debug for Hidden {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Hidden").finish_non_exhaustive()
        }
    }
    assert_eq!(source(&Hidden), "Hidden { .. }");
}

#[test]
fn a_generic_aggregate_has_its_arguments() {
    struct Of<T>(std::marker::PhantomData<T>);
    assert_eq!(
        constructor::<Of<(Option<String>, u8)>>(),
        "Spec::<Of<(Option<String>, u8)>>::new()"
    );
}
