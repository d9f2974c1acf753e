//! Documents of older and newer servers, held against what this version of the broker reads and enforces (DESIGN section 3, "Versions").
//!
//! `recorded/policy-document-1.json` is the payload of a policy document as the first version signed it: never change it.

#![expect(clippy::unwrap_used, reason = "a test's part that fails is a failed test")]

use brevet_core::decide::unsupported;
use brevet_core::document::PolicyDocument;
use serde_json::{Value, json};

const RECORDED: &str = include_str!("recorded/policy-document-1.json");

fn read(value: &Value) -> Result<PolicyDocument, String> {
    brevet_core::json::parse(value.to_string().as_bytes()).map_err(|error| error.to_string())
}

fn recorded() -> Value {
    serde_json::from_str(RECORDED).unwrap()
}

fn fields(value: &Value) -> Vec<String> {
    unsupported(&read(value).unwrap()).into_iter().map(|error| error.field).collect()
}

#[test]
fn the_first_policy_document_is_still_read_and_wholly_enforced() {
    let document = read(&recorded()).unwrap();
    assert_eq!((document.version, document.renewal, document.lists["Package tools"].len()), (3, 1, 2));
    assert_eq!(unsupported(&document), []);
    assert_eq!(brevet_core::policy::validate(&document.policy), []);
    assert_eq!(serde_json::to_value(&document).unwrap(), recorded(), "nothing in it got another meaning");
}

#[test]
fn what_a_newer_document_requires_refuses_that_policy_by_name() {
    let mut newer = recorded();
    newer["requires"] = json!(["posture", "sealed_approvals"]);
    assert_eq!(fields(&newer), ["requires", "requires"]);
    let words: Vec<String> = unsupported(&read(&newer).unwrap()).into_iter().map(|error| error.reason).collect();
    assert!(words[0].contains("\"posture\"") && words[1].contains("\"sealed_approvals\""), "{words:?}");
}

#[test]
fn what_this_version_cannot_enforce_is_refused_by_its_field_and_what_it_cannot_read_is_not_read() {
    for (field, value) in
        [("run_as", json!("self")), ("containment", json!("confined")), ("children", json!("deny")), ("record", json!(true))]
    {
        let mut newer = recorded();
        newer["policy"]["elevation"][field] = value;
        assert_eq!(fields(&newer), [format!("elevation.{field}")]);
    }
    let mut newer = recorded();
    newer["policy"]["lists_of_lists"] = json!([]);
    assert!(read(&newer).unwrap_err().contains("lists_of_lists"));
    let mut newer = recorded();
    newer["policy"]["validity"] = json!({ "kind": "tides" });
    assert!(read(&newer).is_err());
    let twice = RECORDED.replacen("\"version\":3", "\"version\":3,\"version\":4", 1);
    assert!(brevet_core::json::parse::<PolicyDocument>(twice.as_bytes()).is_err());
}
