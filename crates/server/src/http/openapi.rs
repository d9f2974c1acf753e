//! OpenAPI 3.1, made from the route table and the types: what is not in the table is not described, and nothing in it is left out.

mod forms;
mod schemas;

use std::collections::BTreeMap;

use brevet_api::rest::Code;
use serde_json::{Map, Value, json};
use utoipa::openapi::path::Parameter;

use super::routes::{Doc, Operation};
use super::sort::both_ways;

/// One example of each body and answer, by the name of its schema.
const EXAMPLES: &str = include_str!("openapi/examples.json");

const SAID: &str = "Everything that `brevetctl` and the console do. Answers that are no success are `application/problem+json` with a stable \
`code`. Unknown query parameters and unknown fields are refused. Lists are pages: `next` goes into `cursor`. Every answer has an \
`X-Request-Id`, which the server's log has too. What is stored shows an `ETag`; `If-Match` keeps somebody else's change from being lost. \
A repeated `Idempotency-Key` does nothing twice.";

/// The document as JSON text.
pub(super) fn document(operations: &[Operation], url: &str) -> String {
    let examples: Map<String, Value> = serde_json::from_str(EXAMPLES).unwrap_or_default();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut tags: Vec<&str> = operations.iter().map(tag).collect();
    tags.dedup();
    for operation in operations {
        let item = paths.entry(format!("/api/v1{}", operation.path)).or_default();
        item.insert(operation.method.as_str().to_ascii_lowercase(), described(operation, &examples));
    }
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Brevet", "version": env!("CARGO_PKG_VERSION"), "description": SAID,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": url }],
        "security": [{ "token": [] }],
        "tags": tags.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>(),
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer", "description": "An API token: `brv_…`" } },
            "schemas": schemas::all(operations),
            "headers": headers(),
        },
    });
    unsigned(&mut document);
    document.to_string()
}

/// The types' numbers that are never negative reach further than the formats say that are for both signs.
fn unsigned(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("minimum") == Some(&json!(0)) {
                for (signed, unsigned) in [("int64", "uint64"), ("int32", "uint32")] {
                    if fields.get("format") == Some(&json!(signed)) {
                        fields.insert("format".into(), json!(unsigned));
                    }
                }
            }
            fields.values_mut().for_each(unsigned);
        }
        Value::Array(items) => items.iter_mut().for_each(unsigned),
        _ => {}
    }
}

fn tag(operation: &Operation) -> &'static str {
    operation.path.trim_start_matches('/').split('/').next().unwrap_or_default()
}

fn headers() -> Value {
    let text = |said: &str| json!({ "description": said, "schema": { "type": "string" } });
    json!({
        "RequestId": { "description": "Names this call in the server's log.", "required": true, "schema": { "type": "string" } },
        "ETag": { "description": "The version of what is shown, for If-Match.", "required": true, "schema": { "type": "string", "pattern": "^\".+\"$" } },
        "Location": { "description": "Where what was created is.", "required": true, "schema": { "type": "string" } },
        "RetryAfter": {
            "description": "In how many seconds to try again.", "required": true, "schema": { "type": "string", "pattern": "^[0-9]+$" },
        },
        "Authenticate": text("Bearer"),
        "Replayed": text("`true` for an answer that was kept under the call's Idempotency-Key."),
    })
}

fn described(operation: &Operation, examples: &Map<String, Value>) -> Value {
    let doc = &operation.doc;
    let words: Vec<String> = operation.path.split('/').filter(|part| !part.is_empty()).map(|part| part.replace(['{', '}'], "")).collect();
    let id = format!("{}_{}", operation.method.as_str().to_ascii_lowercase(), words.join("_").replace('-', "_"));
    let mut parameters: Vec<Value> = path_parameters(operation.path);
    parameters.extend(query_parameters(doc));
    parameters.extend(header_parameters(doc));
    let mut out = json!({
        "operationId": id, "tags": [tag(operation)], "summary": doc.summary, "security": [{ "token": [] }],
        "parameters": parameters, "responses": responses(operation, examples),
        "x-brevet-action": format!("{:?}", operation.action),
    });
    if let (Some(name), Some(out)) = (&doc.body, out.as_object_mut()) {
        let content = content(name, false, examples);
        out.insert("requestBody".into(), json!({ "required": true, "content": { "application/json": content } }));
    }
    out
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn content(name: &str, page: bool, examples: &Map<String, Value>) -> Value {
    let example = examples.get(name).cloned().unwrap_or(Value::Null);
    if page {
        let schema = json!({
            "type": "object", "required": ["items"], "additionalProperties": false,
            "properties": {
                "items": { "type": "array", "items": reference(name) },
                "next": { "type": "string", "description": "For `cursor`, to have the next page; absent on the last." },
            },
        });
        return json!({ "schema": schema, "example": { "items": [example] } });
    }
    json!({ "schema": reference(name), "example": example })
}

/// What a part of a path may be, by where it stands.
fn path_parameters(path: &str) -> Vec<Value> {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let named = |name: &str| {
        let id = match first {
            "requests" => Some("RequestId"),
            "grants" => Some("GrantId"),
            "sessions" => Some("SessionId"),
            "events" => Some("EventId"),
            "tokens" => Some("TokenId"),
            "enrolment-tokens" => Some("EnrolmentTokenId"),
            _ => None,
        };
        match (name, id) {
            ("id", Some(schema)) => reference(schema),
            ("reference", _) => {
                json!({ "type": "string", "minLength": 1, "maxLength": 200, "description": "An id or a name; an id is tried first." })
            }
            ("name", _) => json!({ "type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$" }),
            _ => json!({ "type": "string", "minLength": 1, "maxLength": 256 }),
        }
    };
    let parts = path.split('/').filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')));
    parts.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": named(name) })).collect()
}

fn query_parameters(doc: &Doc) -> Vec<Value> {
    let typed = |name: &str| doc.query.iter().find(|parameter| parameter.name == name).map(without_null);
    let plain = |name: &str| match name {
        "limit" => json!({ "type": "integer", "format": "int32", "minimum": 1, "maximum": 500 }),
        "cursor" => json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]*$", "maxLength": 1000 }),
        _ => json!({ "type": "string" }),
    };
    let sorted = |name: &str| {
        let (names, usual) = doc.sorted.filter(|_| name == "sort")?;
        let schema = json!({ "type": "string", "enum": both_ways(names), "default": usual });
        let said = "The order; after - the other way round.";
        Some(json!({ "name": name, "in": "query", "required": false, "description": said, "schema": schema }))
    };
    let shown = |name: String| {
        sorted(&name)
            .or_else(|| typed(&name))
            .unwrap_or_else(|| json!({ "name": name, "in": "query", "required": false, "schema": plain(&name) }))
    };
    doc.query_names().into_iter().map(shown).collect()
}

/// A query has no null: what may be absent is only not required.
fn without_null(parameter: &Parameter) -> Value {
    let mut value = serde_json::to_value(parameter).unwrap_or_default();
    let Some(schema) = value.get_mut("schema") else { return value };
    let types = schema.get("type").and_then(Value::as_array).cloned();
    if let Some(one) = types.and_then(|types| types.into_iter().find(|name| name != "null"))
        && let Some(schema) = schema.as_object_mut()
    {
        schema.insert("type".into(), one);
    }
    if let Some(Value::Array(names)) = schema.get_mut("enum") {
        names.retain(|name| !name.is_null());
    }
    let forms = schema.get("oneOf").and_then(Value::as_array).cloned();
    if let Some(one) = forms.and_then(|forms| forms.into_iter().find(|form| form.get("type") != Some(&json!("null")))) {
        *schema = one;
    }
    value
}

fn header_parameters(doc: &Doc) -> Vec<Value> {
    let mut out = Vec::new();
    if doc.creates {
        let said = "The same key and body within 24 hours are done once. 1 to 200 visible ASCII characters of your choice.";
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$" });
        out.push(json!({ "name": "Idempotency-Key", "in": "header", "required": false, "description": said, "schema": schema }));
    }
    if doc.takes_match {
        let said = "The ETag that you saw, or * for whatever is there.";
        let schema = json!({ "anyOf": [
            { "type": "string", "enum": ["*"] },
            { "type": "string", "pattern": "^\"[!#-~]+\"$", "examples": ["\"1\""] },
        ] });
        out.push(json!({ "name": "If-Match", "in": "header", "required": doc.needs_match, "description": said, "schema": schema }));
    }
    out
}

fn responses(operation: &Operation, examples: &Map<String, Value>) -> Value {
    let doc = &operation.doc;
    let mut out = Map::new();
    let header = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    let mut shown = Map::from_iter([("X-Request-Id".to_owned(), header("RequestId"))]);
    if doc.tagged {
        shown.insert("ETag".into(), header("ETag"));
    }
    if doc.creates {
        shown.insert("Idempotency-Replayed".into(), header("Replayed"));
    }
    match &doc.answer {
        Some((status, name)) => {
            if *status == 201 {
                shown.insert("Location".into(), header("Location"));
            }
            let content = content(name, doc.page, examples);
            let answer = json!({ "description": "Done.", "headers": shown, "content": { "application/json": content } });
            out.insert(status.to_string(), answer);
        }
        None if !doc.streams.is_empty() => {
            let text = |kind: &&str| ((*kind).to_owned(), json!({ "schema": { "type": "string" } }));
            let content: Map<String, Value> = doc.streams.iter().map(text).collect();
            out.insert("200".into(), json!({ "description": "A stream of text.", "headers": shown, "content": content }));
        }
        None => {
            out.insert("204".into(), json!({ "description": "Done.", "headers": shown }));
        }
    }
    if doc.proposes {
        let said = "With the setting `four_eyes` on: nothing has changed, and this waits for a second person.";
        let headers = json!({ "X-Request-Id": header("RequestId") });
        let content = content("Proposal", false, examples);
        out.insert("202".into(), json!({ "description": said, "headers": headers, "content": { "application/json": content } }));
    }
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in doc.codes(operation.path) {
        by_status.entry(code.status()).or_default().push(code);
    }
    out.extend(by_status.into_iter().map(|(status, codes)| (status.to_string(), problem(status, &codes))));
    Value::Object(out)
}

fn problem(status: u16, codes: &[Code]) -> Value {
    let header = |name: &str| json!({ "$ref": format!("#/components/headers/{name}") });
    let mut headers = Map::from_iter([("X-Request-Id".to_owned(), header("RequestId"))]);
    match status {
        401 => headers.insert("WWW-Authenticate".into(), header("Authenticate")),
        429 => headers.insert("Retry-After".into(), header("RetryAfter")),
        _ => None,
    };
    let names: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let titles: Vec<&str> = codes.iter().map(|code| code.title()).collect();
    let examples: Map<String, Value> = codes.iter().map(|code| (code.as_str().to_owned(), json!({ "value": example(*code) }))).collect();
    let schema = json!({ "allOf": [
        reference("Problem"),
        { "type": "object", "properties": { "status": { "type": "integer", "enum": [status] }, "code": { "type": "string", "enum": names } } },
    ] });
    let content = json!({ "application/problem+json": { "schema": schema, "examples": examples } });
    json!({ "description": titles.join("; "), "headers": headers, "content": content })
}

fn example(code: Code) -> Value {
    json!({
        "type": format!("https://brevet.example.org:8443/problems/{}", code.as_str()), "title": code.title(), "status": code.status(),
        "code": code.as_str(), "request_id": "8f14e45fceea167a",
    })
}

#[cfg(test)]
mod tests;
