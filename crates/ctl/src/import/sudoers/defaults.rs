//! What `Defaults` mean for a draft: what tightens is kept or bars the lines that it concerns, what loosens is left out.

use std::collections::BTreeMap;

use super::aliases::{Aliases, Budget, command_alias, flatten};
use super::ast::{Binding, Place, Setting, Statement, What, Written};
use super::rule;
use super::whom::{self, Groups, Named, Targets};

/// What becomes of one setting, for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// In the draft, or true of Brevet anyway.
    Kept(String),
    /// Not in the draft; it is less without, or concerns no right.
    LeftOut(String),
    /// Cannot be said, and somebody has to look.
    Lost(String),
}

/// What holds for one command, from `Defaults` alone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Held {
    /// `noexec`
    pub noexec: bool,
    /// `log_input`, `log_output`
    pub record: bool,
    /// `requiretty`
    pub terminal: bool,
    /// `command_timeout`, seconds
    pub timeout: Option<u64>,
    /// `targetpw`, `rootpw`, `runaspw`: whose password is asked for
    pub other_password: Option<String>,
    /// What no policy can say, and without which a draft would give more.
    pub barred: Vec<String>,
}

/// A setting with what it applies to.
struct Bound {
    binding: Reach,
    name: String,
    setting: Setting,
}

enum Reach {
    Everything,
    Users(Named),
    Hosts(Named),
    Targets(Targets),
    Commands(Vec<What>),
}

/// All `Defaults` of the files.
#[derive(Default)]
pub struct Defaults {
    bound: Vec<Bound>,
    /// What to say of each, by place.
    pub fates: BTreeMap<Place, Vec<Fate>>,
    /// Names for `keep_environment`.
    pub environment: Vec<String>,
    /// Minutes for which a proof counts.
    pub remember_minutes: Option<u64>,
    /// `!authenticate` for everything.
    pub no_password: bool,
    runas: Option<String>,
    runas_bound: bool,
}

/// To what a command's `Defaults` are asked for.
pub struct Concerned<'a> {
    pub users: &'a Named,
    pub hosts: &'a Named,
    pub targets: &'a Targets,
    pub what: &'a What,
}

impl Defaults {
    /// # Errors
    /// When aliases cannot be written out.
    pub fn of(statements: &[Written], aliases: &Aliases<'_>, budget: &mut Budget) -> Result<Self, String> {
        let mut all = Self::default();
        for written in statements {
            let Statement::Defaults(binding, entries) = &written.statement else { continue };
            let mut unused = Groups::new();
            for (name, setting) in entries {
                let reach = match binding {
                    Binding::Everything => Reach::Everything,
                    Binding::Users(members) => Reach::Users(whom::users(members, aliases, &mut unused, budget)?),
                    Binding::Hosts(members) => Reach::Hosts(whom::hosts(members, aliases, &mut unused, budget)?),
                    Binding::Runas(members) => {
                        let runas = super::ast::Runas { users: Some(members.clone()), groups: None };
                        Reach::Targets(whom::targets(&runas, Err(""), aliases, budget)?)
                    }
                    Binding::Commands(members) => {
                        let flat = flatten(members, &aliases.commands, command_alias, budget)?;
                        Reach::Commands(flat.into_iter().map(|member| member.item.what).collect())
                    }
                };
                let everywhere = matches!(reach, Reach::Everything);
                let fate = all.take(name, setting, everywhere);
                all.fates.entry(written.place).or_default().push(fate);
                all.bound.push(Bound { binding: reach, name: name.clone(), setting: setting.clone() });
            }
        }
        all.environment.retain(|name| brevet_core::policy::may_keep(name).is_ok());
        all.environment.truncate(64);
        Ok(all)
    }

    /// As whom a command runs where its line does not say.
    pub fn runas(&self) -> Result<&str, &str> {
        if self.runas_bound {
            return Err("Defaults change runas_default for some; write as whom on the line");
        }
        Ok(self.runas.as_deref().unwrap_or("root"))
    }

    /// What holds for a command: everything that tightens and may concern it.
    pub fn held(&self, concerned: &Concerned<'_>) -> Held {
        let mut held = Held::default();
        for bound in self.bound.iter().filter(|bound| bound.binding.may_concern(concerned)) {
            let everywhere = matches!(bound.binding, Reach::Everything);
            let on = bound.setting != Setting::Off;
            // WHY: what a narrower `Defaults` loosens again is left tight.
            let set = |flag: &mut bool| *flag = on || (*flag && !everywhere);
            match bound.name.as_str() {
                "noexec" => set(&mut held.noexec),
                "log_input" | "log_output" if on => held.record = true,
                "requiretty" => set(&mut held.terminal),
                "command_timeout" => {
                    if let Setting::Is(text) = &bound.setting {
                        match seconds(text) {
                            Some(0) => {}
                            Some(found) => held.timeout = Some(held.timeout.map_or(found, |before| before.min(found))),
                            None => held.barred.push(format!("Defaults command_timeout = {text} is not a time that can be read")),
                        }
                    }
                }
                "targetpw" | "rootpw" | "runaspw" if on => held.other_password = Some(bound.name.clone()),
                "runcwd" | "runchroot" if on && bound.setting != Setting::Is("*".into()) => {
                    held.barred.push(format!("Defaults {}: Brevet runs in the directory and root of the caller", bound.name));
                }
                "intercept" | "role" | "type" | "apparmor_profile" | "privs" | "limitprivs" | "runas_check_shell" if on => {
                    held.barred.push(format!("Defaults {} confines what runs, and a policy cannot say that", bound.name));
                }
                _ => {}
            }
        }
        held
    }

    /// Notes one setting, and says what becomes of it.
    fn take(&mut self, name: &str, setting: &Setting, everywhere: bool) -> Fate {
        let on = *setting != Setting::Off;
        let kept = |text: &str| Fate::Kept(format!("{name}: {text}"));
        let left = |text: &str| Fate::LeftOut(format!("{name}: {text}"));
        let lost = |text: &str| Fate::Lost(format!("{name}: {text}"));
        match (name, setting) {
            ("runas_default", Setting::Is(user)) if everywhere => {
                self.runas = Some(user.clone());
                kept("as whom commands run where a line does not say")
            }
            ("runas_default", _) => {
                self.runas_bound = true;
                lost("for some only; lines that do not say as whom are not translated")
            }
            ("authenticate", _) if everywhere => {
                self.no_password = !on;
                if on { kept("is Brevet's default") } else { kept("authentication = \"none\" where no PASSWD says otherwise") }
            }
            ("authenticate", Setting::Off) => left("for some only; the password stays asked for"),
            ("timestamp_timeout", Setting::Is(minutes)) if everywhere => match minutes.parse::<f64>() {
                Ok(found) if (1.0..=525_600.0).contains(&found) => {
                    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and a year of minutes")]
                    let whole = found as u64;
                    self.remember_minutes = Some(whole);
                    kept("remember, for each policy and terminal session")
                }
                _ => {
                    self.remember_minutes = None;
                    left("the password is asked for each time")
                }
            },
            ("env_keep", setting) if everywhere => self.keep_environment(setting),
            ("env_keep", _) => left("for some only; write the names into keep_environment"),
            ("noexec", _) if on => {
                kept("children = \"deny\", which this version's computers cannot promise: the server refuses such a policy")
            }
            ("log_input" | "log_output", _) if on => {
                kept("record = true, which this version's computers cannot promise: the server refuses such a policy")
            }
            ("command_timeout", Setting::Is(_)) => kept("the longest duration"),
            ("requiretty", _) if on => kept("lines without a password get one, which needs a terminal"),
            ("use_pty", _) if on => kept("every session has a terminal of its own"),
            ("env_reset", _) if on => kept("the environment is always built from nothing"),
            ("secure_path", _) => kept("commands are always looked up in the computer's own folders"),
            ("targetpw" | "rootpw" | "runaspw", _) if on => lost(
                "asks for another account's password; Brevet asks for the user's own, so lines that need a password are not translated",
            ),
            (
                "runcwd" | "runchroot" | "intercept" | "role" | "type" | "apparmor_profile" | "privs" | "limitprivs" | "runas_check_shell",
                _,
            ) if on => lost("confines what runs; lines that it may concern are not translated"),
            ("umask" | "umask_override", _) => lost("Brevet gives its own umask; a program that needs another has to set it"),
            ("log_subcmds", _) if on => lost("which programs a command starts is not recorded one by one"),
            _ if is_of_no_right(name) => left("concerns no right"),
            _ if !on => left("switched off"),
            _ => lost("not known to the import; look whether it takes anything away"),
        }
    }

    fn keep_environment(&mut self, setting: &Setting) -> Fate {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let added = match setting {
            Setting::Is(text) => {
                self.environment.clear();
                names(text)
            }
            Setting::Add(text) => names(text),
            Setting::Remove(text) => {
                let gone = names(text);
                self.environment.retain(|name| !gone.contains(name));
                return Fate::Kept("env_keep: taken out of keep_environment".into());
            }
            Setting::On | Setting::Off => {
                self.environment.clear();
                return Fate::Kept("env_keep: nothing is kept".into());
            }
        };
        let refused: Vec<&str> = added.iter().filter(|name| brevet_core::policy::may_keep(name).is_err()).map(String::as_str).collect();
        let fate = if refused.is_empty() {
            Fate::Kept("env_keep: keep_environment".into())
        } else {
            Fate::LeftOut(format!(
                "env_keep: {} may not be kept, because a program could be made to run something else by it",
                refused.join(", ")
            ))
        };
        for name in added {
            if !self.environment.contains(&name) {
                self.environment.push(name);
            }
        }
        fate
    }
}

impl Reach {
    fn may_concern(&self, concerned: &Concerned<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Users(users) => users.may_meet(concerned.users),
            Self::Hosts(hosts) => hosts.may_meet(concerned.hosts),
            Self::Targets(targets) => targets.may_meet(concerned.targets),
            Self::Commands(commands) => commands.iter().any(|what| rule::may_meet(what, concerned.what)),
        }
    }
}

/// Settings of messages, logs, prompts, look-ups and of an environment that is not carried over at all.
fn is_of_no_right(name: &str) -> bool {
    const EXACT: &[&str] = &[
        "always_query_group_plugin",
        "always_set_home",
        "badpass_message",
        "case_insensitive_group",
        "case_insensitive_user",
        "closefrom",
        "closefrom_override",
        "cmnd_no_wait",
        "compress_io",
        "editor",
        "env_check",
        "env_delete",
        "env_editor",
        "env_file",
        "exempt_group",
        "fast_glob",
        "fdexec",
        "fqdn",
        "group_plugin",
        "ignore_audit_errors",
        "ignore_dot",
        "ignore_local_sudoers",
        "ignore_logfile_errors",
        "ignore_unknown_defaults",
        "insults",
        "legacy_group_processing",
        "lecture",
        "lecture_file",
        "lecture_status_dir",
        "listpw",
        "logfile",
        "loglinelen",
        "long_otp_prompt",
        "match_group_by_gid",
        "maxseq",
        "netgroup_tuple",
        "noninteractive_auth",
        "passprompt",
        "passprompt_override",
        "passprompt_regex",
        "passwd_timeout",
        "passwd_tries",
        "path_info",
        "preserve_groups",
        "pwfeedback",
        "restricted_env_file",
        "root_sudo",
        "rlimit_core",
        "runas_allow_unknown_id",
        "selinux",
        "set_home",
        "set_logname",
        "set_utmp",
        "setenv",
        "shell_noargs",
        "stay_setuid",
        "sudoedit_checkdir",
        "sudoedit_follow",
        "sudoers_locale",
        "syslog",
        "timestamp_timeout",
        "timestamp_type",
        "timestampdir",
        "timestampowner",
        "tty_tickets",
        "use_loginclass",
        "use_netgroups",
        "user_command_timeouts",
        "utmp_runas",
        "verifypw",
        "visiblepw",
        "admin_flag",
        "authfail_message",
        "intercept_allow_setid",
        "intercept_authenticate",
        "intercept_type",
        "intercept_verify",
        "log_allowed",
        "log_denied",
        "log_exit_status",
        "log_format",
        "log_host",
        "log_passwords",
        "log_server_cabundle",
        "log_server_keepalive",
        "log_server_peer_cert",
        "log_server_peer_key",
        "log_server_timeout",
        "log_server_verify",
        "log_servers",
        "log_year",
    ];
    const BEGINNINGS: &[&str] = &["mail", "iolog_", "pam_", "syslog_"];
    EXACT.contains(&name) || BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

/// A time as `TIMEOUT` and `command_timeout` have it: `7d8h30m10s`, or a number of seconds.
pub fn seconds(text: &str) -> Option<u64> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let (mut total, mut number, mut last) = (0u64, String::new(), u64::MAX);
    for c in text.chars() {
        let unit: u64 = match c.to_ascii_lowercase() {
            '0'..='9' => {
                number.push(c);
                continue;
            }
            'd' => 86_400,
            'h' => 3_600,
            'm' => 60,
            's' => 1,
            _ => return None,
        };
        if unit >= last {
            return None;
        }
        last = unit;
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    (number.is_empty() && last != u64::MAX).then_some(total)
}
