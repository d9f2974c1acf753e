//! An application list as a form.

use brevet_api::rest::check::Definition;
use brevet_api::rest::error::FieldError;
use brevet_core::file::{File, List};

use crate::console::Place;
use crate::definitions::form::{Control, Entered, Reader, Section};
use crate::definitions::formed::{Formed, Names};

impl Formed for List {
    const BASE: &'static str = "/lists";
    const PLACE: Place = Place::Applications;
    const WORD: &'static str = "list";

    fn fresh() -> Entered {
        let mut entered = Self { name: String::new(), rules: Vec::new() }.entered();
        entered.change_rows("add rules");
        entered
    }

    fn entered(&self) -> Entered {
        let mut out = Entered::default();
        out.set("name", &self.name);
        out.rules("rules", &self.rules);
        out
    }

    fn read(entered: &Entered) -> Result<Self, Vec<FieldError>> {
        let mut from = Reader::new(entered);
        let list = Self { name: from.text("name"), rules: from.rules("rules") };
        from.end(list)
    }

    fn sections(_: &Names) -> Vec<Section> {
        let controls = vec![
            Control::text("name", "Name", "Unique among lists; policies name it."),
            Control::rules("rules", "Rules", "The list matches when any of them does."),
        ];
        vec![Section { id: "list", title: "Application list", help: "", controls }]
    }

    fn definition(self) -> Definition {
        Definition::List(self)
    }

    fn file(self) -> File {
        File { list: vec![self], ..File::default() }
    }
}
