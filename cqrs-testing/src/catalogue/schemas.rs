//! JSON Schemas of published events, one file for each type and schema version.

use serde_json::{Map, Value, json};

use super::{
    current::Current,
    key::escape,
    reads::{Reads, Variants},
};

/// The name of the file: `order.Placed.1.json`.
pub(super) fn file_name(current: &Current) -> String {
    let key = &current.key;
    format!(
        "{}.{}.{}.json",
        escape(&key.category),
        escape(&key.event_type),
        key.schema_version
    )
}

/// The schema of a payload.
pub(super) fn schema(current: &Current) -> Value {
    let mut schema = of(&current.reads);
    if let Value::Object(entries) = &mut schema {
        entries.insert(
            "$schema".to_owned(),
            "https://json-schema.org/draft/2020-12/schema".into(),
        );
        entries.insert("title".to_owned(), current.key.to_string().into());
    }
    schema
}

/// The text of the file.
pub(super) fn text(current: &Current) -> String {
    format!("{:#}\n", schema(current))
}

fn of(reads: &Reads) -> Value {
    match reads {
        Reads::Leaf(kind) => leaf(kind),
        Reads::Option(content) => json!({ "anyOf": [of(content), { "type": "null" }] }),
        Reads::Seq(item) => json!({ "type": "array", "items": of(item) }),
        Reads::Tuple(parts) => {
            let items: Vec<_> = parts.iter().map(of).collect();
            json!({ "type": "array", "minItems": items.len(), "prefixItems": items })
        }
        Reads::Map(value) => json!({ "type": "object", "additionalProperties": of(value) }),
        Reads::Entries(entry) => {
            json!({ "type": "object", "additionalProperties": of(&entry.1) })
        }
        Reads::Struct(fields) => {
            let properties: Map<_, _> = fields
                .iter()
                .map(|(name, field)| (name.clone(), of(&field.reads)))
                .collect();
            let required = fields.iter().filter(|(_, field)| field.required);
            let required: Vec<_> = required.map(|(name, _)| name).collect();
            json!({
                "type": "object",
                "properties": properties,
                "required": required,
                "additionalProperties": true,
            })
        }
        Reads::Enum(variants) => of_enum(variants),
    }
}

fn of_enum(Variants { variants, open }: &Variants) -> Value {
    let mut alternatives: Vec<_> = variants
        .iter()
        .map(|(name, content)| match content {
            Reads::Leaf(kind) if kind == "bare" => json!({ "const": name }),
            content => json!({
                "type": "object",
                "properties": { name: of(content) },
                "required": [name],
                "additionalProperties": false,
            }),
        })
        .collect();
    if *open {
        alternatives.push(json!({ "description": "Other variants are read, too." }));
    }
    json!({ "anyOf": alternatives })
}

fn leaf(kind: &str) -> Value {
    match kind {
        "bool" => json!({ "type": "boolean" }),
        "f32" | "f64" => json!({ "type": "number" }),
        "string" => json!({ "type": "string" }),
        "char" => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        "bytes" => {
            json!({ "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 255 } })
        }
        "unit" => json!({ "type": "null" }),
        "bare" => json!({ "description": "The event has no content." }),
        "i8" => integer(i8::MIN.into(), i8::MAX.into()),
        "i16" => integer(i16::MIN.into(), i16::MAX.into()),
        "i32" => integer(i32::MIN.into(), i32::MAX.into()),
        "i64" => integer(i64::MIN.into(), i64::MAX.into()),
        "u8" => integer(0.into(), u8::MAX.into()),
        "u16" => integer(0.into(), u16::MAX.into()),
        "u32" => integer(0.into(), u32::MAX.into()),
        "u64" => integer(0.into(), u64::MAX.into()),
        "i128" => json!({ "type": "integer" }),
        "u128" => json!({ "type": "integer", "minimum": 0 }),
        _ => {
            json!({ "description": "Anything: serde buffers this value, so its shape is not known." })
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "`json!` takes values")]
fn integer(minimum: Value, maximum: Value) -> Value {
    json!({ "type": "integer", "minimum": minimum, "maximum": maximum })
}
