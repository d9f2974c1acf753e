//! What `apply` takes, as written and as stored: the same fields, beside id, version and moments.

use std::collections::BTreeMap;

use brevet_core::autonomous::AutonomousRule;
use brevet_core::file::{File, Group, List};
use brevet_core::id::{AutonomousId, GroupId, ListId, PolicyId};
use brevet_core::policy::Policy;
use serde_json::{Value, json};
use utoipa::openapi::{RefOr, schema::Schema};

use super::schemas::add;

/// Names as stored, as written, and of the id.
const STORED: [(&str, &str, &str); 4] = [
    ("StoredPolicy", "Policy", "PolicyId"),
    ("StoredList", "List", "ListId"),
    ("StoredGroup", "Group", "GroupId"),
    ("StoredAutonomous", "AutonomousRule", "AutonomousId"),
];

pub(super) fn written(schemas: &mut Vec<(String, RefOr<Schema>)>) {
    add::<Policy>(schemas);
    add::<List>(schemas);
    add::<Group>(schemas);
    add::<AutonomousRule>(schemas);
    add::<File>(schemas);
    add::<PolicyId>(schemas);
    add::<ListId>(schemas);
    add::<GroupId>(schemas);
    add::<AutonomousId>(schemas);
}

pub(super) fn stored(all: &mut BTreeMap<String, Value>) {
    for (name, form, id) in STORED {
        let mut schema = all.get(form).cloned().unwrap_or_default();
        let moment = json!({ "$ref": "#/components/schemas/Timestamp" });
        let own = [
            ("id", json!({ "$ref": format!("#/components/schemas/{id}") })),
            ("version", json!({ "type": "integer", "format": "int64", "minimum": 1 })),
            ("created", moment.clone()),
            ("changed", moment),
        ];
        // Only in the answer to a change.
        let findings = json!({
            "type": "array", "items": { "$ref": "#/components/schemas/Finding" },
            "description": "In the answer to a change: what it gives beyond what its author may mean, where it is in force; the gravest first.",
        });
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.insert("findings".to_owned(), findings);
        }
        // Each form has fields that it needs: its name at least.
        for (field, said) in own {
            if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
                properties.insert(field.to_owned(), said);
            }
            if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
                required.push(field.into());
            }
        }
        all.insert(name.into(), schema);
    }
}
