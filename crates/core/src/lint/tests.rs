use super::*;

fn findings(toml: &str) -> Vec<(String, &'static str, Severity)> {
    let file = crate::file::check(toml).unwrap_or_else(|errors| panic!("{errors:?}"));
    lint(&file).into_iter().map(|f| (f.field, f.code, f.severity)).collect()
}

fn of(mode: &str, rest: &str) -> Vec<(String, &'static str, Severity)> {
    let more = if rest.contains("applications") { "" } else { "applications = [{ file = \"/usr/sbin/nginx\", arguments = [\"-t\"] }]" };
    let users = if rest.contains("users") { "" } else { "users = [\"alice\"]" };
    findings(&format!("[[policy]]\nname = \"P\"\ncomputers = \"all\"\nmode = \"{mode}\"\n{users}\n{more}\n{rest}"))
}

fn application(mode: &str, rule: &str) -> Vec<(String, &'static str, Severity)> {
    let mut found = of(mode, &format!("applications = [{rule}]"));
    found.retain(|(_, code, _)| *code != "leaves_cgroup");
    found
}

fn one(field: &str, code: &'static str, severity: Severity) -> Vec<(String, &'static str, Severity)> {
    vec![(field.into(), code, severity)]
}

#[test]
fn a_careful_policy_is_quiet() {
    assert_eq!(of("automatic", ""), []);
    assert_eq!(of("request", ""), []);
    assert_eq!(application("automatic", r#"{ file = "/usr/bin/systemctl", arguments = ["restart", "nginx.service"] }"#), []);
    assert_eq!(application("request", r#"{ folder = "/opt/tools", subfolders = true }"#), []);
    assert_eq!(application("automatic", r#"{ product = "nginx", vendor = "Debian Nginx Maintainers", arguments = [] }"#), []);
}

#[test]
fn programs_that_give_everything_are_told_by_any_of_their_names() {
    for (rule, field, code) in [
        (r#"{ file = "/usr/bin/bash" }"#, "file", "runs_code"),
        (r#"{ file = "/usr/bin/python3.11", arguments = ["-c", { any = true }] }"#, "file", "runs_code"),
        (r#"{ file = "/usr/bin/vim.tiny", arguments = ["/etc/hosts"] }"#, "file", "edits_files"),
        (r#"{ file = "/usr/bin/less", arguments = ["/var/log/syslog"] }"#, "file", "starts_shells"),
        (r#"{ product = "vim-tiny" }"#, "product", "edits_files"),
        (r#"{ executable = "find", product = "findutils" }"#, "executable", "runs_programs"),
        (r#"{ file = "/usr/bin/tee" }"#, "file", "writes_files"),
        (r#"{ file = "/usr/bin/chmod" }"#, "file", "changes_owners"),
        (r#"{ file = "/usr/bin/systemctl" }"#, "file", "hands_work_on"),
        (r#"{ product = "docker.io" }"#, "product", "hands_work_on"),
        (r#"{ file = "/usr/sbin/usermod" }"#, "file", "changes_accounts"),
        (r#"{ product = "apt" }"#, "product", "installs"),
        (r#"{ file = "/usr/bin/mount" }"#, "file", "changes_system"),
    ] {
        let found = application("automatic", rule);
        assert!(found.contains(&(format!("applications[0].{field}"), code, Severity::Danger)), "{rule}: {found:?}");
        assert!(application("request", rule).iter().any(|(_, c, severity)| *c == code && *severity == Severity::Warning), "{rule}");
        assert_eq!(application("deny", rule), [], "{rule}");
    }
}

#[test]
fn an_interpreter_with_one_script_of_roots_is_that_script() {
    assert_eq!(application("automatic", r#"{ file = "/usr/bin/python3", arguments = ["/opt/tools/report.py", "-v"] }"#), []);
    let in_home = application("automatic", r#"{ file = "/usr/bin/python3", arguments = ["/home/alice/report.py"] }"#);
    assert_eq!(in_home, one("applications[0].file", "runs_code", Severity::Danger));
}

#[test]
fn without_children_a_pager_starts_no_shell_and_an_editor_still_edits() {
    let with = |file: &str| of("automatic", &format!("applications = [{{ file = \"{file}\" }}]\nelevation = {{ children = \"deny\" }}"));
    assert_eq!(with("/usr/bin/less"), one("applications[0]", "any_arguments", Severity::Note));
    assert_eq!(with("/usr/bin/vim"), one("applications[0].file", "edits_files", Severity::Danger));
}

#[test]
fn no_advice_is_what_this_version_refuses_or_has_not() {
    for (name, ..) in programs::PROGRAMS {
        let file = format!(
            "[[policy]]\nname = \"P\"\ncomputers = \"all\"\nusers = [\"a\"]\nmode = \"automatic\"\napplications = [{{ file = \"/usr/bin/{name}\" }}]"
        );
        let found = lint(&crate::file::check(&file).unwrap_or_else(|errors| panic!("{errors:?}")));
        assert!(!found.is_empty(), "{name}");
        for advice in found.iter().map(|finding| &finding.instead) {
            assert_ne!(advice, "write its arguments exactly", "{name}");
            for absent in ["children", "record", "confined", "brevet edit"] {
                assert!(!advice.contains(absent), "{name}: {advice}");
            }
        }
    }
}

/// A rule of a program and its exact arguments, written as `su -`; `[]` where there are none.
fn exactly(line: &str) -> Vec<(String, &'static str, Severity)> {
    let mut words = line.split(' ');
    let program = words.next().unwrap();
    let arguments: Vec<String> = words.map(|word| format!("{word:?}")).collect();
    application("automatic", &format!("{{ file = \"/usr/bin/{program}\", arguments = [{}] }}", arguments.join(", ")))
}

fn cases(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
}

#[test]
fn exact_arguments_that_give_everything_are_told() {
    for line in include_str!("told.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let found = exactly(line);
        assert!(
            found.iter().any(|(field, _, severity)| field == "applications[0].file" && *severity == Severity::Danger),
            "{line}: {found:?}"
        );
    }
}

#[test]
fn exact_arguments_that_are_harmless_are_not_told() {
    let told: Vec<_> = cases(include_str!("quiet.txt")).filter(|line| !exactly(line).is_empty()).collect();
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_package_of_many_programs_takes_the_same_arguments_in_all_of_them() {
    for (product, arguments) in
        [("util-linux", ""), ("coreutils", "\"/etc/a\", \"/etc/b\""), ("passwd", "\"bob\""), ("systemd", "\"status\"")]
    {
        let found = application("automatic", &format!("{{ product = {product:?}, arguments = [{arguments}] }}"));
        assert!(found.iter().any(|(field, ..)| field == "applications[0].product"), "{product}: {found:?}");
    }
    assert_eq!(application("automatic", r#"{ product = "apt", arguments = ["update"] }"#), []);
    assert_eq!(
        application("automatic", r#"{ executable = "systemctl", product = "systemd", arguments = ["restart", "nginx.service"] }"#),
        []
    );
}

#[test]
fn packages_and_names_of_debian_are_known() {
    for product in ["vim-gtk3", "netcat-openbsd", "bsd-mailx"] {
        let found = application("automatic", &format!("{{ product = {product:?} }}"));
        assert!(found.iter().any(|(field, ..)| field == "applications[0].product"), "{product}: {found:?}");
    }
    for program in
        ["sudoedit", "rvim", "gvim", "systemd-nspawn", "run0", "byobu", "sponge", "dpkg-deb", "iptables-restore", "ifup", "apt-key"]
    {
        let found = application("automatic", &format!("{{ file = \"/usr/bin/{program}\" }}"));
        assert!(found.iter().any(|(_, _, severity)| *severity == Severity::Danger), "{program}: {found:?}");
    }
    for program in ["reboot", "shutdown", "poweroff"] {
        let found = application("automatic", &format!("{{ file = \"/usr/sbin/{program}\" }}"));
        assert!(found.iter().any(|(_, code, _)| *code == "changes_system"), "{program}: {found:?}");
    }
}

#[test]
fn any_arguments_are_told_where_nobody_looks() {
    let rule = r#"{ file = "/opt/tools/report" }"#;
    assert_eq!(application("automatic", rule), one("applications[0]", "any_arguments", Severity::Note));
    assert_eq!(application("justify", rule), one("applications[0]", "any_arguments", Severity::Note));
    assert_eq!(application("request", rule), []);
    assert_eq!(application("automatic", r#"{ file = "/opt/tools/report", arguments = [] }"#), []);
    // Of what is graver, nothing more is said.
    let bash = application("automatic", r#"{ file = "/usr/bin/bash" }"#);
    assert!(!bash.iter().any(|(_, code, _)| *code == "any_arguments"), "{bash:?}");
}

#[test]
fn what_the_user_writes_is_named_in_the_reason() {
    let file = "[[policy]]\nname = \"P\"\ncomputers = \"all\"\nusers = [\"a\"]\nmode = \"automatic\"\n\
                applications = [{ file = \"/usr/bin/cp\", arguments = [\"/home/alice/x\", \"/etc/x\"] }]";
    let found = lint(&crate::file::check(file).unwrap());
    assert!(found[0].reason.ends_with("; its argument \"/home/alice/x\": its users write there"), "{}", found[0].reason);
    assert_ne!(found[0].instead, "write its arguments exactly");
}

#[test]
fn what_starts_programs_as_root_can_leave_its_control_group() {
    let less = "applications = [{ file = \"/usr/bin/less\" }]";
    assert!(of("automatic", less).iter().any(|(_, code, _)| *code == "leaves_cgroup"));
    let held = of("automatic", &format!("{less}\nelevation = {{ containment = \"pid_namespace\" }}"));
    assert!(!held.iter().any(|(_, code, _)| *code == "leaves_cgroup"));
}

#[test]
fn lists_are_looked_into() {
    let found = findings(
        "[[list]]\nname = \"L\"\nrules = [{ file = \"/usr/sbin/nginx\" }, { file = \"/usr/bin/cp\" }]\n\
         [[policy]]\nname = \"P\"\ncomputers = \"all\"\nusers = [\"a\"]\nmode = \"justify\"\napplications = [{ list = \"L\" }]",
    );
    assert_eq!(
        found,
        [
            ("applications[0].list \"L\".rules[1].file".to_owned(), "writes_files", Severity::Danger),
            ("applications[0].list \"L\".rules[0]".to_owned(), "any_arguments", Severity::Note)
        ]
    );
}

#[test]
fn places_that_others_write_and_folders_that_hold_everything() {
    assert_eq!(
        application("request", r#"{ folder = "/home/alice/bin" }"#),
        one("applications[0].folder", "writable_place", Severity::Warning)
    );
    assert_eq!(application("request", r#"{ file = "/tmp/setup" }"#), one("applications[0].file", "writable_place", Severity::Warning));
    assert_eq!(application("automatic", r#"{ folder = "/usr/bin" }"#), one("applications[0].folder", "holds_shells", Severity::Danger));
    let root = application("automatic", r#"{ folder = "/", subfolders = true }"#);
    assert_eq!(root.iter().map(|(_, code, _)| *code).collect::<Vec<_>>(), ["holds_shells", "writable_place"]);
    assert_eq!(application("automatic", r#"{ folder = "/homestead", arguments = [] }"#), []);
    for wide in [r#"{ folder = "/opt", subfolders = true, arguments = [] }"#, r#"{ folder = "/", arguments = [] }"#] {
        assert_eq!(application("automatic", wide), one("applications[0].folder", "wide_folder", Severity::Warning), "{wide}");
        assert_eq!(application("request", wide), one("applications[0].folder", "wide_folder", Severity::Note), "{wide}");
    }
    assert_eq!(application("automatic", r#"{ folder = "/opt", arguments = [] }"#), []);
}

#[test]
fn everything_for_everybody_without_proof_is_the_worst() {
    let found =
        of("automatic", "users = \"all\"\nauthentication = \"none\"\napplications = \"all\"\nexcept = [{ file = \"/usr/bin/su\" }]");
    let codes: Vec<_> = found.iter().map(|(_, code, severity)| (*code, *severity)).collect();
    for code in ["no_authentication", "all_users", "all_applications"] {
        assert!(codes.contains(&(code, Severity::Danger)), "{code}: {codes:?}");
    }
    for code in ["exceptions_to_all", "standing"] {
        assert!(codes.contains(&(code, Severity::Warning)), "{code}: {codes:?}");
    }
    assert_eq!(of("request", "applications = \"all\""), one("applications", "all_applications", Severity::Note));
}

#[test]
fn wildcards_vendors_and_long_times() {
    let globs =
        application("automatic", r#"{ file = "/usr/sbin/nginx", arguments = [{ glob = "*" }, { glob = "web-*" }, { rest = true }] }"#);
    let fields: Vec<_> = globs.iter().map(|(field, code, _)| (field.as_str(), *code)).collect();
    assert_eq!(fields, [("applications[0].arguments[0]", "wildcard"), ("applications[0].arguments[2]", "wildcard")]);
    assert_eq!(application("request", r#"{ vendor = "Example" }"#), one("applications[0].vendor", "whole_vendor", Severity::Note));
    assert_eq!(of("request", "staleness = \"60d\""), one("staleness", "long_staleness", Severity::Warning));
    assert_eq!(of("request", "request = { max_duration = \"2d\" }"), one("request.max_duration", "long", Severity::Note));
    assert_eq!(of("automatic", "remember = \"8h\"\nauthentication = \"password\""), one("remember", "long_memory", Severity::Note));
}

#[test]
fn capabilities_that_equal_root() {
    let found = of("request", "elevation = { run_as = \"self\", capabilities = [\"CAP_NET_BIND_SERVICE\", \"CAP_SYS_ADMIN\"] }");
    assert_eq!(found, one("elevation.capabilities[1]", "equals_root", Severity::Danger));
    let found = of("request", "elevation = { keep_environment = [\"LANG\", \"SSH_AUTH_SOCK\"] }");
    assert_eq!(found, one("elevation.keep_environment[1]", "lends", Severity::Warning));
}

#[test]
fn autonomous_rules_are_looked_at_unless_they_only_watch() {
    let rule = |more: &str| {
        findings(&format!(
            "[[autonomous]]\nname = \"A\"\nusers = \"all\"\ncomputers = \"all\"\napplications = \"all\"\nmax_duration = \"1h\"\nunchanged_only = true\n{more}"
        ))
    };
    assert_eq!(rule(""), one("applications", "all_applications", Severity::Danger));
    assert_eq!(rule("shadow = true"), []);
}
