//! What stands in a sudoers file, as sudo itself reads it: nothing is judged here.

/// Where a statement begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which of the files, from 0.
    pub file: usize,
    /// From 1.
    pub line: usize,
}

/// A member of a list, perhaps with `!` before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member<T> {
    /// After an odd number of `!`.
    pub negated: bool,
    /// What it is.
    pub item: T,
}

/// A user, in lists of users and of those as whom something runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// `ALL`
    All,
    /// `alice`
    Name(String),
    /// `#1000`
    Uid(String),
    /// `%wheel`
    Group(String),
    /// `%#27`
    Gid(String),
    /// `%:name`, `%:#27`: of a plug-in
    PluginGroup(String),
    /// `+admins`
    Netgroup(String),
    /// `ADMINS`
    Alias(String),
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// `ALL`
    All,
    /// `web1`, perhaps with wildcards
    Name(String),
    /// An address or a network
    Address(String),
    /// `+servers`
    Netgroup(String),
    /// `WEB`
    Alias(String),
}

/// A digest before a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// 224, 256, 384 or 512.
    pub bits: u16,
    /// Hexadecimal or base64, as written.
    pub text: String,
}

/// What may follow a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// Anything.
    Any,
    /// `""`: nothing.
    None,
    /// Patterns of `fnmatch(3)`, divided where white space stood.
    Words(Vec<String>),
    /// `^…$` over all of them.
    Regex(String),
}

/// A command without the digests before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// `ALL`
    All,
    /// `SHELLS`
    Alias(String),
    /// `/usr/bin/apt`, `/usr/bin/`, `/usr/bin/*`
    Path(String, Arguments),
    /// `^/usr/bin/(a|b)$`
    Regex(String, Arguments),
    /// `sudoedit /etc/motd`
    Edit(Arguments),
    /// `list`
    List(Arguments),
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Any of which the file must have.
    pub digests: Vec<FileDigest>,
    /// Which.
    pub what: What,
}

/// As whom: `(users : groups)`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runas {
    /// Absent: not written.
    pub users: Option<Vec<Member<Who>>>,
    /// Absent: not written.
    pub groups: Option<Vec<Member<Who>>>,
}

/// Tags, each as it was said last; `None` where it was not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tags {
    /// `PASSWD`, `NOPASSWD`
    pub password: Option<bool>,
    /// `EXEC`, `NOEXEC`
    pub exec: Option<bool>,
    /// `SETENV`, `NOSETENV`
    pub setenv: Option<bool>,
    /// `LOG_INPUT`, `NOLOG_INPUT`
    pub log_input: Option<bool>,
    /// `LOG_OUTPUT`, `NOLOG_OUTPUT`
    pub log_output: Option<bool>,
    /// `FOLLOW`, `NOFOLLOW`
    pub follow: Option<bool>,
    /// `MAIL`, `NOMAIL`
    pub mail: Option<bool>,
    /// `INTERCEPT`, `NOINTERCEPT`
    pub intercept: Option<bool>,
}

/// `KEY=VALUE` before a command, by key; values as written, without quotes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options(pub std::collections::BTreeMap<&'static str, String>);

/// One command with all that applies to it, what it takes over from the one before it included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandSpec {
    /// As whom.
    pub runas: Runas,
    /// How.
    pub tags: Tags,
    /// When, where, for how long.
    pub options: Options,
    /// What.
    pub command: Member<Command>,
}

/// `HOSTS = COMMANDS`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Privilege {
    /// Where.
    pub hosts: Vec<Member<Where>>,
    /// What.
    pub commands: Vec<CommandSpec>,
}

/// To what `Defaults` apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Binding {
    /// `Defaults`
    Everything,
    /// `Defaults:alice`
    Users(Vec<Member<Who>>),
    /// `Defaults@web1`
    Hosts(Vec<Member<Where>>),
    /// `Defaults!/usr/bin/vim`
    Commands(Vec<Member<Command>>),
    /// `Defaults>postgres`
    Runas(Vec<Member<Who>>),
}

/// How a setting is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// `noexec`
    On,
    /// `!noexec`
    Off,
    /// `umask = 022`
    Is(String),
    /// `env_keep += "A B"`
    Add(String),
    /// `env_keep -= "A B"`
    Remove(String),
}

/// A statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `User_Alias NAME = …`
    UserAlias(String, Vec<Member<Who>>),
    /// `Runas_Alias NAME = …`
    RunasAlias(String, Vec<Member<Who>>),
    /// `Host_Alias NAME = …`
    HostAlias(String, Vec<Member<Where>>),
    /// `Cmnd_Alias NAME = …`
    CommandAlias(String, Vec<Member<Command>>),
    /// `Defaults …`
    Defaults(Binding, Vec<(String, Setting)>),
    /// `USERS HOSTS = COMMANDS : HOSTS = COMMANDS`
    Rights(Vec<Member<Who>>, Vec<Privilege>),
    /// `@include FILE`
    Include(String),
    /// `@includedir FOLDER`
    IncludeFolder(String),
}

/// A statement, where it stands, and how it was written, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where.
    pub place: Place,
    /// As written, white space and continued lines made one space.
    pub text: String,
    /// What.
    pub statement: Statement,
}
