//! The same set in Cedar: a `permit` or `forbid` for each policy, its mode in an annotation that is looked up afterwards.
//!
//! Cedar only says yes or no and by which policies; what Brevet also finds (narrowest rule, terms, reasons) is not asked of it.

use std::fmt::Write as _;
use std::hint::black_box;
use std::str::FromStr as _;

use anyhow::{Context as _, Result, bail};
use brevet_core::policy::Mode;
use cedar_policy::{Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request, Response, RestrictedExpression};

use crate::Engine;
use crate::set::{Answer, Case, Written};

pub struct Cedar {
    authorizer: Authorizer,
    policies: PolicySet,
    asked: Vec<(Request, Entities)>,
}

impl Cedar {
    pub fn load(set: &[Written], cases: &[Case]) -> Result<Self> {
        let text = set.iter().map(policy).collect::<Result<String>>()?;
        let policies = PolicySet::from_str(&text).map_err(|e| anyhow::anyhow!("cedar: {e}"))?;
        drop(text);
        Ok(Self { authorizer: Authorizer::new(), policies, asked: cases.iter().map(request).collect::<Result<_>>()? })
    }

    fn run(&self, case: usize) -> Response {
        let (request, entities) = &self.asked[case];
        self.authorizer.is_authorized(request, &self.policies, entities)
    }
}

fn policy(written: &Written) -> Result<String> {
    let mut text = String::new();
    let mode = serde_json::to_value(written.mode)?;
    let effect = if written.mode == Mode::Deny { "forbid" } else { "permit" };
    let principal = written.user.as_ref().map_or("principal".to_owned(), |user| format!("principal == User::\"{user}\""));
    let rule = &written.rule;
    let condition = if let Some(hash) = rule.hash {
        format!("resource.sha256 == \"{hash}\"")
    } else if let Some(file) = &rule.file {
        format!("resource.names.contains(\"{file}\") && resource.chain")
    } else if let Some(product) = &rule.product {
        format!("resource.product == \"{product}\" && resource.chain")
    } else if let Some(vendor) = &rule.vendor {
        format!("resource.vendor == \"{vendor}\" && resource.chain")
    } else if let Some(folder) = &rule.folder {
        format!("resource.path like \"{folder}/*\" && resource.chain")
    } else {
        bail!("a rule of no kind")
    };
    writeln!(text, "@mode({mode}) {effect}({principal}, action == Action::\"run\", resource) when {{ {condition} }};")?;
    Ok(text)
}

fn request(case: &Case) -> Result<(Request, Entities)> {
    let facts = &case.launch.facts;
    let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
    let path = facts.path.as_str().context("a path")?;
    let package = facts.package.known().and_then(Option::as_ref).context("a package")?;
    let attributes = [
        ("sha256", text(&facts.sha256.to_string())),
        ("path", text(path)),
        ("names", RestrictedExpression::new_set([text(path)])),
        ("product", text(&package.name)),
        ("vendor", text(package.vendor.as_deref().unwrap_or_default())),
        ("chain", RestrictedExpression::new_bool(true)),
    ];
    let uid = |kind: &str, id: &str| EntityUid::from_str(&format!("{kind}::\"{id}\"")).map_err(|e| anyhow::anyhow!("cedar: {e}"));
    let application = uid("Application", "asked")?;
    let entity = Entity::new(application.clone(), attributes.into_iter().map(|(n, v)| (n.to_owned(), v)).collect(), Default::default())?;
    let request = Request::new(uid("User", &case.launch.member.user.name)?, uid("Action", "run")?, application, Context::empty(), None)?;
    Ok((request, Entities::from_entities([entity], None)?))
}

impl Engine for Cedar {
    fn answer(&mut self, case: usize) -> Result<Answer> {
        let response = self.run(case);
        if let Some(error) = response.diagnostics().errors().next() {
            bail!("cedar: {error}");
        }
        if response.decision() == Decision::Deny {
            return Ok(Answer::Refuse);
        }
        let modes: Vec<&str> = response.diagnostics().reason().filter_map(|id| self.policies.annotation(id, "mode")).collect();
        Ok(if modes.iter().any(|mode| *mode != "request") { Answer::Elevate } else { Answer::Ask })
    }

    fn decide(&mut self, case: usize) {
        let _ = black_box(self.run(black_box(case)));
    }
}
