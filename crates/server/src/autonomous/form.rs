//! An autonomous rule as a form: whose requests for what answer themselves, and within which bounds.

use brevet_api::rest::check::Definition;
use brevet_api::rest::error::FieldError;
use brevet_core::autonomous::{AutonomousRule, Hours};
use brevet_core::file::File;
use brevet_core::policy::{Applications, Scope};
use brevet_core::time::Length;

use crate::console::Place;
use crate::definitions::form::{Control, Entered, Reader, Section};
use crate::definitions::formed::{Formed, Names};
use crate::policies::form::DAYS;

impl Formed for AutonomousRule {
    const BASE: &'static str = "/settings/autonomous";
    const PLACE: Place = Place::Settings;
    const WORD: &'static str = "rule";

    fn fresh() -> Entered {
        let fresh = Self {
            name: String::new(),
            enabled: true,
            // Whoever writes a rule sees first what it would do.
            shadow: true,
            users: Scope::Named(Vec::new()),
            computers: Scope::Named(Vec::new()),
            applications: Applications::Rules(Vec::new()),
            max_duration: Length::from_minutes(30),
            unchanged_only: true,
            hours: None,
            per_user_per_day: None,
        };
        let mut entered = fresh.entered();
        entered.change_rows("add applications");
        entered
    }

    fn entered(&self) -> Entered {
        let mut out = Entered::default();
        out.set("name", &self.name);
        out.switch("enabled", self.enabled);
        out.switch("shadow", self.shadow);
        out.scope("users", &self.users);
        out.scope("computers", &self.computers);
        out.applications("applications", &self.applications);
        out.set("max_duration", self.max_duration.to_string());
        out.switch("unchanged_only", self.unchanged_only);
        out.set("hours.which", if self.hours.is_some() { "within" } else { "always" });
        if let Some(hours) = &self.hours {
            out.days("hours.days", &hours.days);
            out.set("hours.start", String::from(hours.start));
            out.set("hours.end", String::from(hours.end));
            out.set("hours.zone", &hours.zone);
        }
        out.set("per_user_per_day", self.per_user_per_day.map(|number| number.to_string()).unwrap_or_default());
        out
    }

    fn read(entered: &Entered) -> Result<Self, Vec<FieldError>> {
        let mut from = Reader::new(entered);
        let rule = Self {
            name: from.text("name"),
            enabled: entered.is("enabled"),
            shadow: entered.is("shadow"),
            users: from.scope("users"),
            computers: from.scope("computers"),
            applications: from.applications("applications"),
            max_duration: from.length("max_duration"),
            unchanged_only: entered.is("unchanged_only"),
            hours: (from.text("hours.which") == "within").then(|| Hours {
                days: from.days("hours.days"),
                start: from.clock("hours.start"),
                end: from.clock("hours.end"),
                zone: from.text("hours.zone"),
            }),
            per_user_per_day: from.optional_number("per_user_per_day"),
        };
        from.end(rule)
    }

    fn sections(names: &Names) -> Vec<Section> {
        let which = [("named", "Those named below"), ("all", "Everybody")];
        let where_ = [("named", "Those named below"), ("all", "Every computer")];
        let what = [("rules", "Those that match a rule"), ("all", "Any application")];
        let when = [("always", "Always"), ("within", "On days and hours")];
        let groups = |names: &[String]| names.iter().map(|name| format!("group:{name}")).collect::<Vec<_>>();
        let name = vec![
            Control::text("name", "Name", "Unique among autonomous rules; each approval is recorded with it."),
            Control::switch("enabled", "Enabled", "Off keeps the rule and lets it answer nothing."),
            Control::switch("shadow", "In shadow", "It records what it would have approved, and approves nothing."),
        ];
        let who = vec![
            Control::choice("users.which", "Users", "", &which),
            Control::lines("users", "Users and groups", "One a line: a user's name, group:NAME, or os-group:NAME for one of the computer.")
                .known(groups(&names.user_groups))
                .when("users.which=named"),
            Control::choice("computers.which", "Computers", "", &where_),
            Control::lines("computers", "Computers and groups", "One a line: a computer's name, or group:NAME.")
                .known(groups(&names.computer_groups))
                .when("computers.which=named"),
        ];
        let what = vec![
            Control::choice("applications.which", "Applications", "", &what),
            Control::rules("applications", "Rules", "All conditions of one rule must hold; one rule is enough.")
                .when("applications.which=rules"),
            Control::switch("unchanged_only", "Only unchanged files", "The content must be as the package manager installed it."),
        ];
        let bounds = vec![
            Control::text("max_duration", "At most for", "Like 30m. A longer request goes to a person; it is never shortened."),
            Control::text("per_user_per_day", "So often a day", "For each user on one computer; empty for no limit."),
            Control::choice("hours.which", "When", "", &when),
            Control::several("hours.days", "Days", "On which it begins.", &DAYS).when("hours.which=within"),
            Control::text("hours.start", "From", "Like 08:00.").when("hours.which=within"),
            Control::text("hours.end", "Until", "Like 18:00; not later than the beginning means the next day.").when("hours.which=within"),
            Control::text("hours.zone", "In the zone", "Like Europe/Berlin.").when("hours.which=within"),
        ];
        let section = |id, title, help, controls| Section { id, title, help, controls };
        vec![
            section("name", "Name", "", name),
            section("who", "Whose requests", "Only of those that some policy allowed to ask.", who),
            section("what", "For what", "", what),
            section("bounds", "Within which bounds", "", bounds),
        ]
    }

    fn definition(self) -> Definition {
        Definition::Autonomous(Box::new(self))
    }

    fn file(self) -> File {
        File { autonomous: vec![self], ..File::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_comes_back_from_the_form_as_it_was() {
        let rule = "name = \"a\"\nenabled = false\nshadow = true\nusers = [\"os-group:x\"]\ncomputers = \"all\"\napplications = [{ list = \"L\" }]\n\
                    max_duration = \"30m\"\nunchanged_only = true\nper_user_per_day = 5\n\
                    hours = { days = [\"mon\", \"sun\"], start = \"22:00\", end = \"06:00\", zone = \"UTC\" }";
        for text in [rule, "name = \"a\"\nusers = \"all\"\ncomputers = [\"b\"]\napplications = \"all\"\nmax_duration = \"1h\""] {
            let rule: AutonomousRule = toml::from_str(text).unwrap();
            assert_eq!(AutonomousRule::read(&rule.entered()).unwrap(), rule);
        }
    }
}
