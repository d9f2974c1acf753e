//! The set of policies and the launches that are decided over it, the same for every engine.
//!
//! Five kinds of rule take turns: hash, file, product, vendor, folder. One policy in ten denies, four are automatic, two ask for a
//! reason, three for an approval. Every tenth names everyone, the others one of a thousand users.

use anyhow::Result;
use brevet_core::application::{Fact, Facts, Package, Rule};
use brevet_core::decide::{Launch, Standing};
use brevet_core::digest::Digest;
use brevet_core::document::PolicyDocument;
use brevet_core::id::PolicyId;
use brevet_core::policy::{Applications, Mode, Policy, Scope};
use brevet_core::time::Timestamp;
use brevet_core::user::{Member, User};

pub const KINDS: [&str; 5] = ["hash", "file", "product", "vendor", "folder"];

/// One policy, in a form that every engine is fed from.
pub struct Written {
    pub document: PolicyDocument,
    pub rule: Rule,
    /// `None` is everyone.
    pub user: Option<String>,
    pub mode: Mode,
}

/// What comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Refuse,
    Elevate,
    Ask,
}

/// One launch.
pub struct Case {
    /// Which kind of rule matches it, or that none does.
    pub kind: &'static str,
    pub launch: Launch,
    pub answer: Answer,
}

pub const STANDING: Standing =
    Standing { wall: Timestamp::from_millis(1_800_000_000_000), heartbeat_age_millis: Some(1_000), unreadable_deny: false };

fn user_of(index: usize) -> Option<String> {
    (index % 10 != 0).then(|| format!("user-{}", index % 1000))
}

fn mode_of(index: usize) -> Mode {
    match index / 5 % 10 {
        0 => Mode::Deny,
        1..=4 => Mode::Automatic,
        5 | 6 => Mode::Justify,
        _ => Mode::Request,
    }
}

fn rule_of(index: usize) -> Rule {
    let mut rule = Rule::default();
    match index % 5 {
        0 => rule.hash = Some(Digest::of(&index.to_be_bytes())),
        1 => rule.file = Some(format!("/opt/files/tool-{index}")),
        2 => rule.product = Some(format!("product-{index}")),
        3 => rule.vendor = Some(format!("Vendor {index}")),
        _ => (rule.folder, rule.subfolders) = (Some(format!("/opt/folders/team-{index}")), true),
    }
    rule
}

pub fn policies(count: usize) -> Result<Vec<Written>> {
    (0..count).map(written).collect()
}

fn written(index: usize) -> Result<Written> {
    let (rule, user, mode) = (rule_of(index), user_of(index), mode_of(index));
    let text =
        serde_json::json!({ "name": format!("Policy {index}"), "mode": mode, "computers": "all", "users": "all", "applications": "all" });
    let mut policy: Policy = serde_json::from_value(text)?;
    policy.message = "Questions: the operators".into();
    policy.applications = Applications::Rules(vec![rule.clone()]);
    policy.users = user.clone().map_or(Scope::All, |name| Scope::Named(vec![name]));
    let mut random = [0; 10];
    random.iter_mut().zip(index.to_be_bytes()).for_each(|(to, from)| *to = from);
    let document = PolicyDocument {
        schema: 1,
        requires: Vec::new(),
        id: PolicyId::new(1_800_000_000_000, random),
        version: 1,
        renewal: 0,
        policy,
        lists: Default::default(),
        user_groups: Default::default(),
    };
    Ok(Written { document, rule, user, mode })
}

/// For each kind of rule several launches that a policy of that kind matches, spread over the set, and as many that none does.
pub fn cases(count: usize) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (offset, kind) in KINDS.into_iter().enumerate() {
        let of_kind = count.div_ceil(5);
        for part in 0..8 {
            let index = (of_kind * part / 8) * 5 + offset;
            let answer = match mode_of(index) {
                Mode::Deny => Answer::Refuse,
                Mode::Automatic | Mode::Justify => Answer::Elevate,
                Mode::Request => Answer::Ask,
            };
            cases.push(Case { kind, launch: launch(index, Some(&rule_of(index)))?, answer });
        }
    }
    for part in 0..8 {
        cases.push(Case { kind: "none", launch: launch(part * 37 + 1, None)?, answer: Answer::Refuse });
    }
    Ok(cases)
}

/// A launch by somebody whom the policy names, of something that only this rule matches.
fn launch(index: usize, rule: Option<&Rule>) -> Result<Launch> {
    let rule = rule.cloned().unwrap_or_default();
    let in_folder = rule.folder.map(|folder| format!("{folder}/bin/tool"));
    let path = rule.file.or(in_folder).unwrap_or_else(|| format!("/usr/bin/other-{index}"));
    let name = user_of(index).unwrap_or_else(|| "user-5".into());
    let package = Package {
        name: rule.product.unwrap_or_else(|| "coreutils".into()),
        version: "9.1-1".into(),
        vendor: Some(rule.vendor.unwrap_or_else(|| "Michael Stone".into())),
        unchanged: Fact::Known(true),
    };
    Ok(Launch {
        member: Member { user: User { uid: 2000, name: name.clone() }, groups: Fact::Known(vec![name, "users".into()]) },
        facts: Facts {
            path: path.as_str().into(),
            names: vec![path.as_str().into()],
            chain: Fact::Known(true),
            writable_by: None,
            sha256: rule.hash.unwrap_or_else(|| Digest::of(b"another content")),
            size: 40_000,
            owner: Fact::Known("root".into()),
            mode: 0o755,
            package: Fact::Known(Some(package)),
            interpreter: None,
            parent: Fact::Unknown("not looked at".into()),
            store: Fact::Known(None),
        },
        arguments: vec!["--version".into()],
        directory: "/home/user".into(),
        target_user: None,
    })
}
