//! Policies as they are written: every error names its field, and what the broker cannot enforce is said so.

mod sample;

use brevet_core::application::{Argument, Rule};
use brevet_core::decide::unsupported;
use brevet_core::policy::{self, Applications, Policy, Scope};

const SOUND: &str =
    "name = \"p\"\ncomputers = \"all\"\nusers = [\"alice\"]\nmode = \"request\"\napplications = [{ file = \"/usr/bin/id\" }]\n";

fn fields(policy: &Policy) -> Vec<String> {
    policy::validate(policy).into_iter().map(|error| error.field).collect()
}

#[test]
fn each_error_names_its_field_as_in_toml() {
    assert_eq!(fields(&sample::policy(SOUND)), [""; 0]);
    for (more, field) in [
        ("message = \"a\\u001bb\"", "message"),
        ("remember = \"15m\"", "remember"),
        ("authentication = \"password\"\nremember = \"0s\"", "remember"),
        ("except = [{ arguments = [] }]", "except[0]"),
        ("except = [{ file = \"x\" }]", "except[0].file"),
        ("staleness = \"0s\"", "staleness"),
        ("validity = { kind = \"fixed\", duration = \"0s\", from = \"delivery\" }", "validity.duration"),
        ("validity = { kind = \"window\", start = \"2026-01-01T00:00:00Z\", end = \"2026-01-01T00:00:00Z\" }", "validity.end"),
        ("validity = { kind = \"recurring\", days = [], start = \"09:00\", end = \"17:00\", zone = \"UTC\" }", "validity.days"),
        (
            "validity = { kind = \"recurring\", days = [\"mon\"], start = \"09:00\", end = \"17:00\", zone = \"Mars/Olympus\" }",
            "validity.zone",
        ),
        (
            "validity = { kind = \"recurring\", days = [\"mon\"], start = \"09:00\", end = \"17:00\", zone = \"../etc/localtime\" }",
            "validity.zone",
        ),
        ("elevation = { run_as = \"0\" }", "elevation.run_as"),
        ("elevation = { run_as = \"self\" }", "elevation.run_as"),
        ("elevation = { capabilities = [\"CAP_KILL\"] }", "elevation.capabilities"),
        ("elevation = { run_as = \"self\", capabilities = [\"CAP_EVERYTHING\"] }", "elevation.capabilities[0]"),
        ("elevation = { keep_environment = [\"LANG\", \"LD_PRELOAD\"] }", "elevation.keep_environment[1]"),
        ("elevation = { keep_environment = [\"LANG\", \"LANG\"] }", "elevation.keep_environment[1]"),
        ("elevation = { children = \"listed\" }", "elevation.children"),
        ("elevation = { children_listed = [{ file = \"/a\" }] }", "elevation.children_listed"),
        ("elevation = { at_expiry = \"let_finish\" }", "elevation.at_expiry"),
        ("elevation = { finish_within = \"1h\" }", "elevation.finish_within"),
        ("elevation = { grace = \"2h\" }", "elevation.grace"),
        ("request = { max_duration = \"0s\" }", "request.max_duration"),
        ("request = { lapses_after = \"0s\" }", "request.lapses_after"),
        ("request = { use_within = \"0s\" }", "request.use_within"),
        ("request = { approvals = 0 }", "request.approvals"),
        ("request = { approvers = [] }", "request.approvers"),
        ("request = { approvers = [\"bob\"] }", "request.approvers[0]"),
        ("request = { remind_after = \"0s\" }", "request.remind_after"),
        ("request = { escalate_after = \"1h\" }", "request.escalate_after"),
        ("request = { remind_after = \"24h\" }", "request.remind_after"),
        ("request = { escalate_after = \"25h\", escalate_to = [\"role:owner\"] }", "request.escalate_after"),
        ("request = { escalate_to = [\"role:owner\"] }", "request.escalate_to"),
    ] {
        assert_eq!(fields(&sample::policy(&format!("{SOUND}{more}"))), [field], "{more}");
    }
    for (old, new, field) in [
        ("\"p\"", "\"\"", "name"),
        ("\"p\"", "\" p\"", "name"),
        ("\"p\"", "\"a\\nb\"", "name"),
        ("\"p\"", "\"a\\u0000b\"", "name"),
        ("\"p\"", "\"pay\\u200Bpal\"", "name"),
        ("computers = \"all\"", "computers = []", "computers"),
        ("computers = \"all\"", "computers = [\"web 1\"]", "computers[0]"),
        ("[\"alice\"]", "[]", "users"),
        ("[\"alice\"]", "[\"alice\", \"0day\"]", "users[1]"),
        ("[\"alice\"]", "[\"4294967295\"]", "users[0]"),
        ("[\"alice\"]", "[\"alice\", \"alice\"]", "users[1]"),
        ("[{ file = \"/usr/bin/id\" }]", "[]", "applications"),
    ] {
        assert_eq!(fields(&sample::policy(&SOUND.replace(old, new))), [field], "{new}");
    }
    assert_eq!(fields(&sample::policy(&SOUND.replace("\"p\"", &format!("\"{}\"", "x".repeat(129))))), ["name"]);
}

#[test]
fn counts_are_bounded() {
    let mut policy = sample::policy(SOUND);
    policy.applications = Applications::Rules(vec![Rule { file: Some("/a".into()), ..Rule::default() }; 1001]);
    assert_eq!(fields(&policy), ["applications"]);
    let mut policy = sample::policy(SOUND);
    let arguments = Some(vec![Argument::Exact("x".into()); 65]);
    policy.applications = Applications::Rules(vec![Rule { file: Some("/a".into()), arguments, ..Rule::default() }]);
    assert_eq!(fields(&policy), ["applications[0].arguments"]);
    let mut policy = sample::policy(SOUND);
    policy.users = Scope::Named((0..10_001).map(|n| format!("u{n}")).collect());
    assert_eq!(fields(&policy), ["users"]);
}

#[test]
fn json_is_read_as_strictly_as_toml() {
    let json = serde_json::to_string(&sample::policy(SOUND)).unwrap();
    assert_eq!(policy::parse_json(&json).unwrap(), sample::policy(SOUND));
    let error = |old: &str, new: &str| {
        let changed = json.replacen(old, new, 1);
        assert_ne!(changed, json, "{old}");
        policy::parse_json(&changed).unwrap_err()
    };
    assert!(error("\"mode\":\"request\"", "\"mode\":\"request\",\"mode\":\"automatic\"").reason.contains("twice"));
    assert!(error("\"mode\":\"request\"", "\"mode\":\"request\",\"modus\":1").reason.contains("modus"));
    assert!(error("\"mode\":\"request\",", "").reason.contains("mode"));
    assert_eq!(error("\"enabled\":true", "\"enabled\":1").field, "enabled");
    assert_eq!(error("\"run_as\":\"root\"", "\"run_as\":0").field, "elevation.run_as");
    assert!(error("\"file\":", "\"flie\":").field.starts_with("applications[0]"));
    assert!(policy::parse_json("").is_err());
}

#[test]
fn what_the_broker_cannot_enforce_is_named() {
    let named = |more: &str| {
        let document = sample::document(1, sample::policy(&format!("{SOUND}{more}")));
        unsupported(&document).into_iter().map(|error| error.field).collect::<Vec<_>>()
    };
    for supported in [
        "",
        "elevation = { run_as = \"backup\", containment = \"pid_namespace\", at_expiry = \"let_finish\", finish_within = \"1h\" }",
        "request = { approvals = 2, binds = \"application\", uses = \"once\", starts = \"approval\" }",
        "except = [{ file = \"/a\", parent = { folder = \"/b\", subfolders = true } }]",
    ] {
        assert_eq!(named(supported), [""; 0], "{supported}");
    }
    assert_eq!(named("elevation = { run_as = \"self\", capabilities = [\"CAP_KILL\"] }"), ["elevation.run_as"]);
    assert_eq!(named("elevation = { containment = \"confined\" }"), ["elevation.containment"]);
    assert_eq!(named("elevation = { children = \"deny\" }"), ["elevation.children"]);
    assert_eq!(named("elevation = { record = true }"), ["elevation.record"]);
    assert_eq!(named("except = [{ store = \"snap:x\" }, { component = \"a.b\" }]"), ["except[0].store", "except[1].component"]);
    assert_eq!(named("except = [{ file = \"/a\", parent = { product = \"x\" } }]"), ["except[0].parent"]);
    let mut document = sample::document(1, sample::policy(SOUND));
    document.requires = vec!["tomorrow".into()];
    document.lists.insert("L".into(), vec![Rule { store: Some("snap:x".into()), ..Rule::default() }]);
    let fields: Vec<String> = unsupported(&document).into_iter().map(|e| e.field).collect();
    assert_eq!(fields, ["requires", "list \"L\".rules[0].store"]);
}
