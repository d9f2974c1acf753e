//! A policy as a form: every field of it, in the order in which people think of one: what it is called, who, where, what, how, when.

use brevet_api::rest::check::Definition;
use brevet_api::rest::error::FieldError;
use brevet_core::file::File;
use brevet_core::policy::{
    Applications, AtExpiry, Binds, Children, ClockTime, Containment, Elevation, FixedFrom, Mode, Policy, RequestTerms, Starts, Uses,
    Validity, Weekday,
};
use brevet_core::time::{Length, Timestamp};
use brevet_core::zone;

use crate::console::Place;
use crate::definitions::form::{Control, Entered, Reader, Section};
use crate::definitions::formed::{Formed, Names};

impl Formed for Policy {
    const BASE: &'static str = "/policies";
    const PLACE: Place = Place::Policies;
    const WORD: &'static str = "policy";

    fn fresh() -> Entered {
        let fresh = Self {
            name: String::new(),
            description: String::new(),
            message: String::new(),
            enabled: true,
            computers: brevet_core::policy::Scope::Named(Vec::new()),
            users: brevet_core::policy::Scope::Named(Vec::new()),
            mode: Mode::Request,
            authentication: None,
            remember: None,
            applications: Applications::Rules(Vec::new()),
            exceptions: Vec::new(),
            validity: Validity::Always,
            staleness: Length::from_hours(7 * 24),
            elevation: Elevation::default(),
            request: RequestTerms::default(),
        };
        let mut entered = fresh.entered();
        entered.change_rows("add applications");
        entered
    }

    fn entered(&self) -> Entered {
        let mut out = Entered::default();
        out.set("name", &self.name);
        out.set("description", &self.description);
        out.set("message", &self.message);
        out.switch("enabled", self.enabled);
        out.scope("users", &self.users);
        out.scope("computers", &self.computers);
        out.applications("applications", &self.applications);
        out.rules("except", &self.exceptions);
        out.word("mode", &self.mode);
        match &self.authentication {
            Some(authentication) => out.word("authentication", authentication),
            None => out.set("authentication", "default"),
        }
        out.set("remember", length(self.remember));
        validity(&mut out, &self.validity);
        out.set("staleness", self.staleness.to_string());
        elevation(&mut out, &self.elevation);
        request(&mut out, &self.request);
        out
    }

    fn localise(entered: &mut Entered, zone: &str) {
        for field in ["validity.start", "validity.end"] {
            let local = Timestamp::parse(entered.text(field)).map(|at| typed_exactly(at, zone));
            if let Ok(local) = local {
                entered.set(field, local);
            }
        }
        entered.set(WINDOW_ZONE, zone);
    }

    fn read(entered: &Entered) -> Result<Self, Vec<FieldError>> {
        let mut from = Reader::new(entered);
        let authentication = match from.text("authentication").as_str() {
            "default" | "" => None,
            _ => Some(from.word("authentication", brevet_core::policy::Authentication::Password)),
        };
        let policy = Self {
            name: from.text("name"),
            description: from.text("description"),
            message: from.text("message"),
            enabled: entered.is("enabled"),
            computers: from.scope("computers"),
            users: from.scope("users"),
            mode: from.word("mode", Mode::Deny),
            authentication,
            remember: from.optional_length("remember"),
            applications: from.applications("applications"),
            exceptions: from.rules("except"),
            validity: read_validity(&mut from),
            staleness: from.length("staleness"),
            elevation: read_elevation(&mut from),
            request: read_request(&mut from),
        };
        from.end(policy)
    }

    fn sections(names: &Names) -> Vec<Section> {
        vec![what_it_is(), who(names), what(), how(), rights(), when(), asking()]
    }

    fn definition(self) -> Definition {
        Definition::Policy(Box::new(self))
    }

    fn file(self) -> File {
        File { policy: vec![self], ..File::default() }
    }
}

fn length(length: Option<Length>) -> String {
    length.map(|length| length.to_string()).unwrap_or_default()
}

/// The zone that the moments of a window are typed in.
const WINDOW_ZONE: &str = "validity.in_zone";

/// As it is typed in a zone; exactly, where that would be another moment: with seconds, or in an hour that comes twice.
fn typed_exactly(at: Timestamp, zone: &str) -> String {
    let typed = zone::typed(at, zone);
    if zone::moment(&typed, zone) == Some(at) { typed } else { at.to_string() }
}

fn validity(out: &mut Entered, validity: &Validity) {
    let kind = match validity {
        Validity::Always => "always",
        Validity::Fixed { duration, from } => {
            out.set("validity.duration", duration.to_string());
            out.word("validity.from", from);
            "fixed"
        }
        Validity::Window { start, end } => {
            out.set("validity.start", start.to_string());
            out.set("validity.end", end.to_string());
            "window"
        }
        Validity::Recurring { days, start, end, zone } => {
            out.days("validity.days", days);
            out.set("validity.from_time", String::from(*start));
            out.set("validity.to_time", String::from(*end));
            out.set("validity.zone", zone);
            "recurring"
        }
    };
    out.set("validity.kind", kind);
}

fn read_validity(from: &mut Reader<'_>) -> Validity {
    match from.text("validity.kind").as_str() {
        "fixed" => Validity::Fixed { duration: from.length("validity.duration"), from: from.word("validity.from", FixedFrom::Delivery) },
        "window" => {
            let zone = from.zone(WINDOW_ZONE);
            Validity::Window { start: from.moment("validity.start", &zone), end: from.moment("validity.end", &zone) }
        }
        "recurring" => Validity::Recurring {
            days: from.days("validity.days"),
            start: from.clock("validity.from_time"),
            end: from.clock("validity.to_time"),
            zone: from.text("validity.zone"),
        },
        _ => Validity::Always,
    }
}

fn elevation(out: &mut Entered, elevation: &Elevation) {
    out.set("elevation.run_as", &elevation.run_as);
    out.lines("elevation.capabilities", &elevation.capabilities);
    out.lines("elevation.keep_environment", &elevation.keep_environment);
    out.word("elevation.containment", &elevation.containment);
    out.word("elevation.children", &elevation.children);
    out.rules("elevation.children_listed", &elevation.children_listed);
    out.switch("elevation.record", elevation.record);
    out.word("elevation.at_expiry", &elevation.at_expiry);
    out.set("elevation.finish_within", length(elevation.finish_within));
    out.set("elevation.warn_before", elevation.warn_before.to_string());
    out.set("elevation.grace", elevation.grace.to_string());
}

fn read_elevation(from: &mut Reader<'_>) -> Elevation {
    let run_as = from.text("elevation.run_as");
    let children = from.word("elevation.children", Children::Allow);
    let at_expiry = from.word("elevation.at_expiry", AtExpiry::Terminate);
    Elevation {
        // What belongs to another choice stays in the form and out of the policy.
        capabilities: if run_as == "self" { from.lines("elevation.capabilities") } else { Vec::new() },
        keep_environment: from.lines("elevation.keep_environment"),
        containment: from.word("elevation.containment", Containment::Cgroup),
        children_listed: if children == Children::Listed { from.rules("elevation.children_listed") } else { Vec::new() },
        children,
        record: from.entered.is("elevation.record"),
        finish_within: if at_expiry == AtExpiry::LetFinish { from.optional_length("elevation.finish_within") } else { None },
        at_expiry,
        warn_before: from.length("elevation.warn_before"),
        grace: from.length("elevation.grace"),
        run_as,
    }
}

fn request(out: &mut Entered, terms: &RequestTerms) {
    out.set("request.max_duration", terms.max_duration.to_string());
    out.word("request.starts", &terms.starts);
    out.word("request.binds", &terms.binds);
    out.set("request.approvals", terms.approvals.to_string());
    out.lines("request.approvers", &terms.approvers);
    out.set("request.lapses_after", terms.lapses_after.to_string());
    out.set("request.use_within", terms.use_within.to_string());
    out.word("request.uses", &terms.uses);
    out.set("request.remind_after", length(terms.remind_after));
    out.set("request.escalate_after", length(terms.escalate_after));
    out.lines("request.escalate_to", &terms.escalate_to);
}

fn read_request(from: &mut Reader<'_>) -> RequestTerms {
    let approvals = from.optional_number("request.approvals");
    if approvals.is_none() && from.text("request.approvals").is_empty() {
        from.wrong("request.approvals", "is empty: write how many must approve");
    }
    RequestTerms {
        max_duration: from.length("request.max_duration"),
        starts: from.word("request.starts", Starts::FirstUse),
        binds: from.word("request.binds", Binds::Command),
        approvals: approvals.unwrap_or(1),
        approvers: from.lines("request.approvers"),
        lapses_after: from.length("request.lapses_after"),
        use_within: from.length("request.use_within"),
        uses: from.word("request.uses", Uses::Many),
        remind_after: from.optional_length("request.remind_after"),
        escalate_after: from.optional_length("request.escalate_after"),
        escalate_to: from.lines("request.escalate_to"),
    }
}

fn section(id: &'static str, title: &'static str, help: &'static str, controls: Vec<Control>) -> Section {
    Section { id, title, help, controls }
}

fn what_it_is() -> Section {
    let controls = vec![
        Control::text("name", "Name", "Unique among policies; people find it by this."),
        Control::lines("description", "Description", "For administrators."),
        Control::lines("message", "Message", "Whom to turn to: a user who waits or is refused reads it."),
        Control::switch("enabled", "Enabled", "Off keeps the policy and lets it match nothing."),
    ];
    section("name", "Name", "", controls)
}

fn who(names: &Names) -> Section {
    let users = [("named", "Those named below"), ("all", "Everybody")];
    let computers = [("named", "Those named below"), ("all", "Every computer")];
    let user_help = "One a line: a user's name, group:NAME for a group defined here, os-group:NAME for one of the computer.";
    let controls = vec![
        Control::choice("users.which", "Users", "", &users),
        Control::lines("users", "Users and groups", user_help)
            .known(names.user_groups.iter().map(|name| format!("group:{name}")))
            .when("users.which=named"),
        Control::choice("computers.which", "Computers", "", &computers),
        Control::lines("computers", "Computers and groups", "One a line: a computer's name, or group:NAME for a group defined here.")
            .known(names.computer_groups.iter().map(|name| format!("group:{name}")))
            .when("computers.which=named"),
    ];
    section("who", "Who and where", "", controls)
}

fn what() -> Section {
    let which = [("rules", "Those that match a rule"), ("all", "Any application")];
    let controls = vec![
        Control::choice("applications.which", "Applications", "", &which),
        Control::rules("applications", "Rules", "All conditions of one rule must hold; one rule is enough.")
            .when("applications.which=rules"),
        Control::rules("except", "But not", "Rules taken out of those above."),
    ];
    section("what", "What", "", controls)
}

fn how() -> Section {
    let modes = [
        ("request", "Request: they ask, somebody approves"),
        ("justify", "Justify: they give a reason, it runs at once"),
        ("automatic", "Automatic: it runs at once"),
        ("deny", "Deny: never, whatever other policies say"),
    ];
    let authentication =
        [("default", "As usual for the mode: the password, except for requests"), ("password", "Their password"), ("none", "None")];
    let controls = vec![
        Control::choice("mode", "Mode", "", &modes),
        Control::choice("authentication", "They prove who they are by", "", &authentication).when("mode=request|justify|automatic"),
        Control::text("remember", "Remembered for", "Like 15m: so long the password is not asked for again. Empty: it is each time.")
            .when("mode=request|justify|automatic"),
    ];
    section("how", "How", "", controls)
}

fn rights() -> Section {
    let containment = [
        ("cgroup", "Control group: ends daemons and what was forked"),
        ("pid_namespace", "Own process namespace: sees no other processes, all of it ends"),
        ("confined", "Confined: the same with fewer rights; no computer of this version enforces it"),
    ];
    // What no computer of this version enforces says so: a policy with it is refused.
    let children = [
        ("allow", "Any program"),
        ("listed", "Those listed (enforced by no computer yet)"),
        ("deny", "None (enforced by no computer yet)"),
    ];
    let at_expiry = [("terminate", "It is ended"), ("let_finish", "It may finish")];
    let controls = vec![
        Control::text(
            "elevation.run_as",
            "Runs as",
            "root, or another account. (self with capabilities is enforced by no computer of this version.)",
        ),
        Control::lines("elevation.capabilities", "Capabilities", "For self, one a line, such as CAP_NET_ADMIN.")
            .when("elevation.run_as=self"),
        Control::lines("elevation.keep_environment", "Environment to keep", "Names of variables that are passed on, one a line."),
        Control::choice("elevation.containment", "Containment", "What the end of a session reaches.", &containment),
        Control::choice("elevation.children", "It may start", "", &children),
        Control::rules("elevation.children_listed", "Programs it may start", "").when("elevation.children=listed"),
        Control::switch("elevation.record", "Record the terminal", "No computer of this version does; the policy would be refused."),
        Control::choice("elevation.at_expiry", "When time is over", "A revocation always ends it.", &at_expiry),
        Control::text("elevation.finish_within", "Finishes within", "The hard maximum after the end, like 1h.")
            .when("elevation.at_expiry=let_finish"),
        Control::text("elevation.warn_before", "Warning before the end", "Like 5m."),
        Control::text("elevation.grace", "Grace", "Between being asked to end and being killed, like 10s."),
    ];
    section("rights", "Rights", "With which rights it runs, and what its end reaches.", controls)
}

fn when() -> Section {
    let kinds =
        [("always", "Always"), ("fixed", "For a fixed time"), ("window", "Between two moments"), ("recurring", "On days and hours")];
    let from = [("delivery", "when the computer has it"), ("first_use", "each user's first use")];
    let controls = vec![
        Control::choice("validity.kind", "Holds", "", &kinds),
        Control::text("validity.duration", "For", "Like 2h.").when("validity.kind=fixed"),
        Control::choice("validity.from", "Counted from", "Once; editing does not start it anew, renewing does.", &from)
            .when("validity.kind=fixed"),
        Control::text("validity.start", "From when", "Like 2026-12-01T20:00.").when("validity.kind=window"),
        Control::text("validity.end", "Until when", "Like 2026-12-02T02:00.").when("validity.kind=window"),
        Control::text(WINDOW_ZONE, "Both in the zone", "In which these two are meant, like Europe/Berlin.").when("validity.kind=window"),
        Control::several("validity.days", "Days", "On which it begins.", &DAYS).when("validity.kind=recurring"),
        Control::text("validity.from_time", "From", "Like 09:00.").when("validity.kind=recurring"),
        Control::text("validity.to_time", "Until", "Like 17:00; not later than the beginning means the next day.")
            .when("validity.kind=recurring"),
        Control::text("validity.zone", "In the zone", "Like Europe/Berlin.").when("validity.kind=recurring"),
        Control::text(
            "staleness",
            "Usable without contact for",
            "So long a computer that hears nothing from here may still use it, like 7d.",
        ),
    ];
    section("when", "When", "", controls)
}

/// Days of the week as forms have them.
pub const DAYS: [(&str, &str); 7] =
    [("mon", "Mon"), ("tue", "Tue"), ("wed", "Wed"), ("thu", "Thu"), ("fri", "Fri"), ("sat", "Sat"), ("sun", "Sun")];

fn asking() -> Section {
    let starts = [("first_use", "the first use"), ("approval", "the approval")];
    let binds = [("command", "exactly the command that was asked for"), ("application", "the application with any arguments")];
    let uses = [("many", "as often as they like"), ("once", "once")];
    let controls = vec![
        Control::text("request.max_duration", "At most for", "Like 1h; bounds what runs at once too."),
        Control::choice("request.starts", "Counted from", "", &starts).when("mode=request"),
        Control::choice("request.binds", "An approval covers", "", &binds).when("mode=request"),
        Control::choice("request.uses", "It can be used", "", &uses).when("mode=request"),
        Control::text("request.approvals", "Approvals needed", "By so many different persons.").when("mode=request"),
        Control::lines("request.approvers", "Who may approve", "One a line: role:approver, or person:NAME.").when("mode=request"),
        Control::text("request.lapses_after", "Waits at most", "Then the request lapses, like 24h.").when("mode=request"),
        Control::text("request.use_within", "Used within", "So long an approval waits for its first use, like 8h.").when("mode=request"),
        Control::text("request.remind_after", "Reminder after", "Like 10m; empty for none.").when("mode=request"),
        Control::text("request.escalate_after", "Escalated after", "Like 30m; empty for never.").when("mode=request"),
        Control::lines("request.escalate_to", "Escalated to", "One a line; they may then approve too.").when("mode=request"),
    ];
    section("asking", "Time and approval", "", controls)
}

impl Entered {
    /// Any application, or those of rules.
    pub fn applications(&mut self, field: &str, applications: &Applications) {
        match applications {
            Applications::All => self.set(&format!("{field}.which"), "all"),
            Applications::Rules(rules) => {
                self.set(&format!("{field}.which"), "rules");
                self.rules(field, rules);
            }
        }
    }

    /// Days of the week.
    pub fn days(&mut self, field: &str, days: &[Weekday]) {
        for day in days {
            let word = serde_json::to_value(day).unwrap_or_default();
            self.push(field, word.as_str().unwrap_or_default());
        }
    }
}

impl Reader<'_> {
    /// Any application, or those of rules.
    pub fn applications(&mut self, field: &str) -> Applications {
        if self.entered.text(&format!("{field}.which")) == "all" { Applications::All } else { Applications::Rules(self.rules(field)) }
    }

    /// Days of the week.
    pub fn days(&mut self, field: &str) -> Vec<Weekday> {
        let mut days: Vec<Weekday> = Vec::new();
        for day in self.entered.all(field).iter().filter_map(|day| serde_json::from_value(day.as_str().into()).ok()) {
            if !days.contains(&day) {
                days.push(day);
            }
        }
        days
    }

    /// A time of day.
    pub fn clock(&mut self, field: &str) -> ClockTime {
        ClockTime::try_from(self.text(field)).unwrap_or_else(|why| {
            self.wrong(field, why);
            ClockTime::default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back(toml: &str) {
        let policy: Policy = toml::from_str(&format!("name = \"p\"\n{toml}")).unwrap();
        assert_eq!(Policy::read(&policy.entered()).unwrap(), policy);
        for zone in ["UTC", "Europe/Berlin", "America/St_Johns"] {
            let mut entered = policy.entered();
            Policy::localise(&mut entered, zone);
            assert_eq!(Policy::read(&entered).unwrap(), policy, "{zone}");
        }
    }

    #[test]
    fn a_window_is_typed_where_its_writer_is() {
        let mut entered = Policy::fresh();
        for (field, value) in
            [("name", "n"), ("users.which", "all"), ("computers.which", "all"), ("applications[0].value", "/usr/bin/true")]
        {
            entered.set(field, value);
        }
        Policy::localise(&mut entered, "Europe/Berlin");
        entered.set("validity.kind", "window");
        entered.set("validity.start", "2026-12-01T20:00");
        entered.set("validity.end", "2026-12-02T02:00:00Z");
        let window =
            |start: &str, end: &str| Validity::Window { start: Timestamp::parse(start).unwrap(), end: Timestamp::parse(end).unwrap() };
        let policy = Policy::read(&entered).unwrap();
        assert_eq!(policy.validity, window("2026-12-01T19:00:00Z", "2026-12-02T02:00:00Z"));
        let mut again = policy.entered();
        Policy::localise(&mut again, "Asia/Tokyo");
        assert_eq!((again.text("validity.start"), again.text(WINDOW_ZONE)), ("2026-12-02T04:00", "Asia/Tokyo"));
        again.set(WINDOW_ZONE, "Nowhere");
        let wrong = Policy::read(&again).unwrap_err();
        assert_eq!(wrong.iter().map(|error| error.field.as_str()).collect::<Vec<_>>(), [WINDOW_ZONE]);
    }

    #[test]
    fn every_policy_comes_back_from_the_form_as_it_was() {
        comes_back("computers = \"all\"\nusers = \"all\"\nmode = \"deny\"\napplications = \"all\"");
        comes_back(
            "description = \"two\\nlines\"\nmessage = \"m\"\nenabled = false\ncomputers = [\"group:web\", \"b\"]\nusers = [\"os-group:x\"]\n\
             mode = \"request\"\nauthentication = \"password\"\nremember = \"15m\"\napplications = [{ list = \"L\" }]\n\
             except = [{ file = \"/x\" }]\nstaleness = \"1d\"\n\
             validity = { kind = \"recurring\", days = [\"mon\", \"fri\"], start = \"09:00\", end = \"17:00\", zone = \"Europe/Berlin\" }\n\
             [elevation]\nrun_as = \"self\"\ncapabilities = [\"CAP_KILL\"]\nkeep_environment = [\"LANG\"]\ncontainment = \"pid_namespace\"\n\
             children = \"listed\"\nchildren_listed = [{ file = \"/y\" }]\nrecord = true\nat_expiry = \"let_finish\"\nfinish_within = \"1h\"\n\
             warn_before = \"1m\"\ngrace = \"2s\"\n[request]\nmax_duration = \"2h\"\nstarts = \"approval\"\nbinds = \"application\"\napprovals = 2\n\
             approvers = [\"person:Ann\"]\nlapses_after = \"2d\"\nuse_within = \"1h\"\nuses = \"once\"\nremind_after = \"10m\"\nescalate_after = \"30m\"\n\
             escalate_to = [\"role:owner\"]",
        );
        let with = |validity: &str| {
            comes_back(&format!(
                "computers = \"all\"\nusers = \"all\"\nmode = \"automatic\"\napplications = \"all\"\nvalidity = {validity}"
            ));
        };
        with("{ kind = \"fixed\", duration = \"2h\", from = \"first_use\" }");
        // In Berlin this hour comes twice.
        with("{ kind = \"window\", start = \"2026-10-25T01:30:00Z\", end = \"2026-10-25T03:00:00Z\" }");
        with("{ kind = \"window\", start = \"2026-12-01T20:00:00Z\", end = \"2026-12-02T02:00:00.5Z\" }");
    }

    #[test]
    fn a_fresh_form_has_the_defaults_and_asks_for_the_rest() {
        let mut entered = Policy::fresh();
        entered.set("users", "alice\n\n  bob ");
        entered.set("computers.which", "all");
        entered.set("applications[0].value", "/usr/bin/true");
        entered.set("name", "n");
        let policy = Policy::read(&entered).unwrap();
        let same: Policy = toml::from_str(
            "name = \"n\"\nusers = [\"alice\", \"bob\"]\ncomputers = \"all\"\nmode = \"request\"\napplications = [{ file = \"/usr/bin/true\" }]",
        )
        .unwrap();
        assert_eq!(policy, same);
        entered.set("request.approvals", "");
        entered.set("staleness", "soon");
        entered.set("mode", "allow");
        entered.set("validity.kind", "recurring");
        entered.set("validity.from_time", "9");
        let fields: Vec<String> = Policy::read(&entered).unwrap_err().into_iter().map(|error| error.field).collect();
        assert_eq!(fields, ["mode", "validity.from_time", "validity.to_time", "staleness", "request.approvals"]);
    }
}
