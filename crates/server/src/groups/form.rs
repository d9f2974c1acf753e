//! A group as a form.

use brevet_api::rest::check::Definition;
use brevet_api::rest::error::FieldError;
use brevet_core::file::{File, Group};

use crate::console::Place;
use crate::definitions::form::{Control, Entered, Reader, Section};
use crate::definitions::formed::{Formed, Names};

impl Formed for Group {
    const BASE: &'static str = "/groups";
    const PLACE: Place = Place::Computers;
    const WORD: &'static str = "group";

    fn fresh() -> Entered {
        let mut out = Entered::default();
        out.set("of", "computers");
        out
    }

    fn entered(&self) -> Entered {
        let mut out = Entered::default();
        out.set("name", &self.name);
        out.set("of", if self.users.is_some() { "users" } else { "computers" });
        if let Some(computers) = &self.computers {
            out.lines("computers", computers);
        }
        if let Some(users) = &self.users {
            out.lines("users", users);
        }
        out
    }

    fn read(entered: &Entered) -> Result<Self, Vec<FieldError>> {
        let from = Reader::new(entered);
        let of_users = from.text("of") == "users";
        let group = Self {
            name: from.text("name"),
            computers: (!of_users).then(|| from.lines("computers")),
            users: of_users.then(|| from.lines("users")),
        };
        from.end(group)
    }

    fn sections(_: &Names) -> Vec<Section> {
        let controls = vec![
            Control::text("name", "Name", "Unique among groups; policies name it as group:NAME."),
            Control::choice("of", "A group of", "", &[("computers", "computers"), ("users", "users")]),
            Control::lines("computers", "Computers", "One name a line; they need not be enrolled yet.").when("of=computers"),
            Control::lines("users", "Users", "One name a line, as computers know them.").when("of=users"),
        ];
        vec![Section { id: "group", title: "Group", help: "", controls }]
    }

    fn definition(self) -> Definition {
        Definition::Group(self)
    }

    fn file(self) -> File {
        File { group: vec![self], ..File::default() }
    }
}
