//! The same set in Rego by regorus: the policies as data, one rule that goes through them.

use std::hint::black_box;

use anyhow::{Context as _, Result, bail};
use regorus::{Engine as Interpreter, Value};
use serde_json::json;

use crate::Engine;
use crate::set::{Answer, Case, Written};

const PROGRAM: &str = r#"
package brevet
import rego.v1

modes contains policy.mode if {
    some policy in data.policies
    meant(policy)
    matches(policy.rule)
}

meant(policy) if policy.user == "all"
meant(policy) if policy.user == input.user

matches(rule) if rule.hash == input.sha256
matches(rule) if { rule.file in input.names; input.chain }
matches(rule) if { rule.product == input.product; input.chain }
matches(rule) if { rule.vendor == input.vendor; input.chain }
matches(rule) if { startswith(input.path, rule.within); input.chain }

default decision := "refuse"
decision := "refuse" if "deny" in modes
else := "elevate" if "automatic" in modes
else := "elevate" if "justify" in modes
else := "ask" if "request" in modes
"#;

pub struct Rego {
    interpreter: Interpreter,
    asked: Vec<Value>,
}

impl Rego {
    pub fn load(set: &[Written], cases: &[Case]) -> Result<Self> {
        let mut interpreter = Interpreter::new();
        interpreter.add_policy("brevet.rego".into(), PROGRAM.into())?;
        let policies = set.iter().map(policy).collect::<Result<Vec<_>>>()?;
        interpreter.add_data_json(&json!({ "policies": policies }).to_string())?;
        drop(policies);
        Ok(Self { interpreter, asked: cases.iter().map(input).collect::<Result<_>>()? })
    }

    fn run(&mut self, case: usize) -> Result<Value> {
        self.interpreter.set_input(self.asked[case].clone());
        self.interpreter.eval_rule("data.brevet.decision".into())
    }
}

fn policy(written: &Written) -> Result<serde_json::Value> {
    let rule = &written.rule;
    let rule = if let Some(hash) = rule.hash {
        json!({ "hash": hash.to_string() })
    } else if let Some(file) = &rule.file {
        json!({ "file": file })
    } else if let Some(product) = &rule.product {
        json!({ "product": product })
    } else if let Some(vendor) = &rule.vendor {
        json!({ "vendor": vendor })
    } else if let Some(folder) = &rule.folder {
        json!({ "within": format!("{folder}/") })
    } else {
        bail!("a rule of no kind")
    };
    Ok(json!({ "mode": written.mode, "user": written.user.as_deref().unwrap_or("all"), "rule": rule }))
}

fn input(case: &Case) -> Result<Value> {
    let facts = &case.launch.facts;
    let package = facts.package.known().and_then(Option::as_ref).context("a package")?;
    let path = facts.path.as_str().context("a path")?;
    let input = json!({
        "user": case.launch.member.user.name, "sha256": facts.sha256.to_string(), "path": path, "names": [path],
        "product": package.name, "vendor": package.vendor, "chain": true,
    });
    Value::from_json_str(&input.to_string())
}

impl Engine for Rego {
    fn answer(&mut self, case: usize) -> Result<Answer> {
        let answer = self.run(case)?;
        match answer.as_string()?.as_ref() {
            "refuse" => Ok(Answer::Refuse),
            "elevate" => Ok(Answer::Elevate),
            "ask" => Ok(Answer::Ask),
            other => bail!("rego: {other}"),
        }
    }

    fn decide(&mut self, case: usize) {
        let _ = black_box(self.run(black_box(case)));
    }
}
