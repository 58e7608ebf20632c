//! JSON that is the same for equal values: the keys of each map are sorted.
//!
//! **Invariant**: the text does not depend on features of `serde_json`. `preserve_order` and `arbitrary_precision` change how
//! a `serde_json::Value` keeps maps and numbers, and any crate of a program can enable them. So no `Value` is used here.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Error, value::RawValue};

/// The value as JSON, with the keys of each map in order. Numbers and strings stay as the value wrote them.
pub(crate) fn sorted_json<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    let json = serde_json::value::to_raw_value(value)?;
    let mut sorted = Vec::with_capacity(json.get().len());
    sort(&json, &mut sorted)?;
    Ok(sorted)
}

fn sort(json: &RawValue, out: &mut Vec<u8>) -> Result<(), Error> {
    match json.get().as_bytes() {
        [b'{', ..] => sort_map(json, out),
        [b'[', ..] => sort_items(json, out),
        scalar => {
            out.extend_from_slice(scalar);
            Ok(())
        }
    }
}

fn sort_map(json: &RawValue, out: &mut Vec<u8>) -> Result<(), Error> {
    let map: BTreeMap<String, &RawValue> = serde_json::from_str(json.get())?;
    let mut before = b'{';
    for (key, value) in map {
        out.push(before);
        before = b',';
        serde_json::to_writer(&mut *out, &key)?;
        out.push(b':');
        sort(value, out)?;
    }
    close(b"{}", before, out);
    Ok(())
}

fn sort_items(json: &RawValue, out: &mut Vec<u8>) -> Result<(), Error> {
    let items: Vec<&RawValue> = serde_json::from_str(json.get())?;
    let mut before = b'[';
    for item in items {
        out.push(before);
        before = b',';
        sort(item, out)?;
    }
    close(b"[]", before, out);
    Ok(())
}

/// Ends a map or a list. Without entries it was not opened yet.
fn close(brackets: &[u8; 2], before: u8, out: &mut Vec<u8>) {
    if before == brackets[0] {
        out.push(before);
    }
    out.push(brackets[1]);
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde_json::json;

    use super::*;

    fn sorted(value: &impl Serialize) -> String {
        String::from_utf8(sorted_json(value).expect("JSON")).expect("UTF-8")
    }

    /// Run it with `--features serde_json/preserve_order` too.
    #[test]
    fn keys_are_sorted_at_every_depth() {
        #[derive(Serialize)]
        struct Order {
            zebra: u8,
            apple: HashMap<String, u32>,
            lines: Vec<serde_json::Value>,
            empty: HashMap<u8, [u8; 0]>,
        }
        let order = Order {
            zebra: 1,
            apple: (0..12).map(|n| (format!("{n:02}"), n)).collect(),
            lines: vec![json!({"b": [{"d": 1, "c\"": [[]]}], "a": {}}), json!(null)],
            empty: HashMap::new(),
        };
        assert_eq!(
            sorted(&order),
            r#"{"apple":{"00":0,"01":1,"02":2,"03":3,"04":4,"05":5,"06":6,"07":7,"08":8,"09":9,"10":10,"11":11},"#
                .to_owned()
                + r#""empty":{},"lines":[{"a":{},"b":[{"c\"":[[]],"d":1}]},null],"zebra":1}"#
        );
    }

    #[test]
    fn every_number_is_written_as_it_is() {
        assert_eq!(sorted(&u128::MAX), u128::MAX.to_string());
        assert_eq!(sorted(&[i128::MIN]), format!("[{}]", i128::MIN));
        assert_eq!(sorted(&0.1_f32), "0.1");
        assert_eq!(sorted(&1e300), "1e+300".to_owned());
    }
}
