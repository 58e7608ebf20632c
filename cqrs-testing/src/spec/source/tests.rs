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
    assert_eq!(source(&vec![1, 2]), "[1, 2]");
    assert_eq!(source(&Some(5)), "Some(5)");
    assert_eq!(source(&None::<u8>), "None");
}

#[test]
fn times_and_json_become_source() {
    let time_after = |after| time(SystemTime::UNIX_EPOCH + after);
    assert_eq!(time_after(Duration::ZERO), "SystemTime::UNIX_EPOCH");
    assert_eq!(
        time_after(Duration::from_secs(9)),
        "SystemTime::UNIX_EPOCH + Duration::from_secs(9)"
    );
    assert_eq!(
        time(SystemTime::UNIX_EPOCH - Duration::new(1, 5)),
        "SystemTime::UNIX_EPOCH - Duration::new(1, 5)"
    );
    assert_eq!(raw(r#"{"a":1}"#), r##"r#"{"a":1}"#"##);
    assert_eq!(raw(r##"{"a":"#"}"##), r###"r##"{"a":"#"}"##"###);
}
