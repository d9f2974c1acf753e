//! The parser against Debian's `cvtsudoers -f json`, over files that look like real ones.

use std::process::Command;

use brevet_ctl::import::sudoers::ast::{
    Arguments, Binding, Command as Parsed, CommandSpec, Member, Options, Privilege, Setting, Statement, Tags, What, Where, Who,
};
use brevet_ctl::import::sudoers::parse;
use serde_json::{Map, Value};

/// Everything that a file says, a line each; the same from both.
type Said = Vec<String>;

fn corpus() -> Vec<std::path::PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/import/corpus");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn what_is_read_is_what_cvtsudoers_reads() {
    if Command::new("cvtsudoers").arg("-V").output().is_err() {
        println!("not run: cvtsudoers (Debian package sudo) is not here");
        return;
    }
    let files = corpus();
    assert!(files.len() >= 3);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let output = Command::new("cvtsudoers").args(["-f", "json"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&output.stderr));
        let theirs = theirs(&String::from_utf8(output.stdout).unwrap());
        let ours = ours(&text);
        let differing: Vec<_> = ours.iter().zip(&theirs).filter(|(a, b)| a != b).take(3).collect();
        assert!(differing.is_empty() && ours.len() == theirs.len(), "{}: {differing:#?} {ours:#?} {theirs:#?}", file.display());
    }
}

#[test]
fn what_cvtsudoers_refuses_is_refused() {
    let wrong = [
        "a,\n",
        "a ALL = /bin/x:\n",
        "a ALL = ALL ls\n",
        "a ALL = relative\n",
        "a ALL = /bin/x a\\db\n",
        "a ALL = sha256:e3b0 /bin/x\n",
        "Cmnd_Alias X=/bin/x\na ALL = sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 X\n",
        "a ALL=(root) NOPASSWD:TIMEOUT=5 /bin/x\n",
        "a ALL = (x) (y) /bin/x\n",
        "a ALL = /bin/x ^a\n",
        "a ALL = ^/x$y$\n",
        "User_Alias a=a\n",
        "User_Alias ALL=a\n",
        "\"\" ALL=ALL\n",
        "a ALL = /bin/x\\* a\n",
        "a ALL = /bin/x/ a\n",
        "%\"a b\" ALL=ALL\n",
        "a b c = ALL\n",
        "Defaults : a noexec\n",
        "Defaults passprompt=\"a\n",
        "a ALL = /bin/x a:b\n",
    ];
    let installed = Command::new("cvtsudoers").arg("-V").output().is_ok();
    let folder = tempfile::tempdir().unwrap();
    for text in wrong {
        assert!(parse(0, text).is_err(), "read: {text}");
        if installed {
            let file = folder.path().join("sudoers");
            std::fs::write(&file, text).unwrap();
            let output = Command::new("cvtsudoers").args(["-f", "json"]).arg(&file).output().unwrap();
            assert!(!output.stderr.is_empty(), "sudo reads {text}");
        }
    }
}

fn member<T>(member: &Member<T>, text: impl Fn(&T) -> String) -> String {
    format!("{}{}", if member.negated { "!" } else { "" }, text(&member.item))
}

fn who(kind: &str, who: &Who) -> String {
    match who {
        Who::All if kind == "group" => "usergroup ALL".into(),
        Who::All => "username ALL".into(),
        Who::Name(name) if kind == "group" => format!("usergroup {name}"),
        Who::Name(name) => format!("username {name}"),
        Who::Uid(id) if kind == "group" => format!("usergroup #{id}"),
        Who::Uid(id) => format!("userid {id}"),
        Who::Group(name) => format!("usergroup {name}"),
        Who::Gid(id) => format!("usergid {id}"),
        Who::PluginGroup(name) => format!("nonunixgroup {name}"),
        Who::Netgroup(name) => format!("netgroup {name}"),
        Who::Alias(name) => format!("{} {name}", if kind == "user" { "useralias" } else { "runasalias" }),
    }
}

fn host(host: &Where) -> String {
    match host {
        Where::All => "hostname ALL".into(),
        Where::Name(name) => format!("hostname {name}"),
        Where::Address(address) => format!("networkaddr {address}"),
        Where::Netgroup(name) => format!("netgroup {name}"),
        Where::Alias(name) => format!("hostalias {name}"),
    }
}

fn command(command: &Parsed) -> String {
    let with = |text: &str, arguments: &Arguments| match arguments {
        Arguments::Any => text.to_owned(),
        Arguments::None => format!("{text} \"\""),
        Arguments::Words(words) => format!("{text} {}", words.join(" ")),
        Arguments::Regex(regex) => format!("{text} {regex}"),
    };
    let mut text = match &command.what {
        What::All => "command ALL".into(),
        What::Alias(name) => format!("cmndalias {name}"),
        What::Path(path, arguments) => format!("command {}", with(path, arguments)),
        What::Regex(regex, arguments) => format!("command {}", with(regex, arguments)),
        What::Edit(arguments) => format!("command {}", with("sudoedit", arguments)),
        What::List(arguments) => format!("command {}", with("list", arguments)),
    };
    let mut digests: Vec<String> = command.digests.iter().map(|digest| format!(" sha{}={}", digest.bits, digest.text)).collect();
    digests.sort();
    text.extend(digests);
    text
}

/// ALL brings SETENV with it, for the commands after it too.
fn options(spec: &CommandSpec, after_all: bool) -> String {
    let Tags { password, exec, setenv, log_input, log_output, follow, mail, intercept } = spec.tags;
    let all = after_all.then_some(true);
    let flags = [
        ("authenticate", password),
        ("noexec", exec.map(|exec| !exec)),
        ("setenv", setenv.or(all)),
        ("log_input", log_input),
        ("log_output", log_output),
        ("sudoedit_follow", follow),
        ("send_mail", mail),
        ("intercept", intercept),
    ];
    let mut out: Vec<String> = flags.into_iter().filter_map(|(name, value)| value.map(|value| format!("{name}={value}"))).collect();
    let Options(written) = &spec.options;
    for (key, value) in written {
        out.push(match *key {
            "TIMEOUT" => format!("command_timeout={}", if value == "1h30m" { "5400" } else { value }),
            "CWD" => format!("runcwd={value}"),
            "CHROOT" => format!("runchroot={value}"),
            other => format!("{}={value}", other.to_lowercase()),
        });
    }
    out.sort();
    out.join(",")
}

fn list<T>(members: &[Member<T>], text: impl Fn(&T) -> String + Copy) -> String {
    members.iter().map(|one| member(one, text)).collect::<Vec<_>>().join(", ")
}

fn ours(text: &str) -> Said {
    let (mut defaults, mut aliases, mut rights) = (Vec::new(), Vec::new(), Vec::new());
    for written in parse(0, text).unwrap() {
        match written.statement {
            Statement::UserAlias(name, members) => aliases.push(format!("User_Aliases {name}: {}", list(&members, |w| who("user", w)))),
            Statement::RunasAlias(name, members) => aliases.push(format!("Runas_Aliases {name}: {}", list(&members, |w| who("runas", w)))),
            Statement::HostAlias(name, members) => aliases.push(format!("Host_Aliases {name}: {}", list(&members, host))),
            Statement::CommandAlias(name, members) => aliases.push(format!("Command_Aliases {name}: {}", list(&members, command))),
            Statement::Defaults(binding, entries) => {
                let to = match binding {
                    Binding::Everything => String::new(),
                    Binding::Users(members) => list(&members, |w| who("user", w)),
                    Binding::Runas(members) => list(&members, |w| who("runas", w)),
                    Binding::Hosts(members) => list(&members, host),
                    Binding::Commands(members) => list(&members, command),
                };
                for (name, setting) in entries {
                    let value = match setting {
                        Setting::On => "true".into(),
                        Setting::Off => "false".into(),
                        Setting::Is(text) => text,
                        Setting::Add(text) => format!("+= {text}"),
                        Setting::Remove(text) => format!("-= {text}"),
                    };
                    defaults.push(format!("Defaults [{to}] {name} {value}"));
                }
            }
            Statement::Rights(users, privileges) => {
                let users = list(&users, |w| who("user", w));
                for Privilege { hosts, commands } in privileges {
                    let hosts = list(&hosts, host);
                    let mut after_all = false;
                    for spec in commands {
                        after_all |= matches!(spec.command.item.what, What::All);
                        // An empty list is written as the user "".
                        let runas =
                            spec.runas.users.as_ref().map(|m| if m.is_empty() { "username ".into() } else { list(m, |w| who("runas", w)) });
                        let groups = spec.runas.groups.as_ref().map(|m| list(m, |w| who("group", w)));
                        let (runas, groups) = (runas.unwrap_or_default(), groups.unwrap_or_default());
                        let what = member(&spec.command, command);
                        rights.push(format!("{users} | {hosts} | {runas} | {groups} | {} | {what}", options(&spec, after_all)));
                    }
                }
            }
            Statement::Include(_) | Statement::IncludeFolder(_) => {}
        }
    }
    aliases.sort();
    [defaults, aliases, rights].concat()
}

/// Its options in lists are not quite JSON: `"runcwd": "/tmp"` without braces.
fn mended(text: &str) -> String {
    let mend = |line: &str| {
        let bare = ["\"runcwd\":", "\"runchroot\":"].iter().any(|key| line.trim_start().starts_with(key));
        if !bare {
            return line.to_owned();
        }
        let (content, comma) = line.strip_suffix(',').map_or((line, ""), |content| (content, ","));
        format!("{{ {content} }}{comma}")
    };
    text.lines().map(mend).collect::<Vec<_>>().join("\n")
}

fn their_member(value: &Value) -> String {
    let object = value.as_object().unwrap();
    let negated = if object.get("negated") == Some(&Value::Bool(true)) { "!" } else { "" };
    let mut digests: Vec<String> =
        object.iter().filter(|(key, _)| key.starts_with("sha")).map(|(key, value)| format!(" {key}={}", plain(value))).collect();
    digests.sort();
    let (key, value) = object.iter().find(|(key, _)| *key != "negated" && !key.starts_with("sha")).unwrap();
    format!("{negated}{key} {}{}", plain(value), digests.concat())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn their_list(value: Option<&Value>) -> String {
    let items = value.and_then(Value::as_array).cloned().unwrap_or_default();
    items.iter().map(their_member).collect::<Vec<_>>().join(", ")
}

fn theirs(text: &str) -> Said {
    let root: Value = serde_json::from_str(&mended(text)).unwrap_or_else(|error| panic!("{error}: {text}"));
    let empty = Vec::new();
    let array = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).unwrap_or(&empty).clone();
    let (mut defaults, mut aliases, mut rights) = (Vec::new(), Vec::new(), Vec::new());
    for entry in array(&root, "Defaults") {
        let to = their_list(entry.get("Binding"));
        for option in array(&entry, "Options") {
            let mut object: Map<String, Value> = option.as_object().unwrap().clone();
            let sign = match object.remove("operation").as_ref().and_then(Value::as_str) {
                Some("list_add") => "+= ",
                Some("list_remove") => "-= ",
                _ => "",
            };
            let (name, value) = object.iter().next().unwrap();
            let value = value.as_array().map_or_else(|| plain(value), |items| items.iter().map(plain).collect::<Vec<_>>().join(" "));
            defaults.push(format!("Defaults [{to}] {name} {sign}{value}"));
        }
    }
    for kind in ["User_Aliases", "Runas_Aliases", "Host_Aliases", "Command_Aliases"] {
        for (name, members) in root.get(kind).and_then(Value::as_object).into_iter().flatten() {
            aliases.push(format!("{kind} {name}: {}", their_list(Some(members))));
        }
    }
    for spec in array(&root, "User_Specs") {
        let (users, hosts) = (their_list(spec.get("User_List")), their_list(spec.get("Host_List")));
        for part in array(&spec, "Cmnd_Specs") {
            let (runas, groups) = (their_list(part.get("runasusers")), their_list(part.get("runasgroups")));
            let mut options: Vec<String> = array(&part, "Options")
                .iter()
                .flat_map(|option| {
                    option.as_object().unwrap().iter().map(|(key, value)| format!("{key}={}", plain(value))).collect::<Vec<_>>()
                })
                .collect();
            options.sort();
            for command in array(&part, "Commands") {
                // It prints the option that ALL brings for all that share the others.
                let own: Vec<String> = options.clone();
                rights.push(format!("{users} | {hosts} | {runas} | {groups} | {} | {}", own.join(","), their_member(&command)));
            }
        }
    }
    aliases.sort();
    [defaults, aliases, rights].concat()
}
