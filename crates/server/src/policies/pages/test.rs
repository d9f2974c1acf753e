//! The test box: who, where, what, and what the policies would decide of it. Nothing runs, and nothing is stored; its address can be kept.

use askama::Template;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Response};
use brevet_api::rest::check::{Test, Tested};
use brevet_core::application::{Fact, Facts, Interpreter, Package};
use brevet_core::digest::Digest;
use brevet_core::text::OsText;

use crate::console::{Made, Place, Shell, Visitor, filters, page, zone};
use crate::definitions::form::{Control, Entered, Reader, Section, Shape};
use crate::http::failure::{Failure, Outcome};

#[derive(Template)]
#[template(path = "policies/test.html")]
struct Page {
    shell: Shell,
    sections: Vec<Section>,
    failed: String,
    tested: Option<Tested>,
}

pub(super) async fn test(visitor: Visitor, headers: HeaderMap, RawQuery(query): RawQuery) -> Outcome<Response> {
    let mut entered = Entered::parse(query.unwrap_or_default().as_bytes());
    let asked = ["user", "computer", "file"].into_iter().any(|field| entered.is(field));
    // An address that says a moment and no zone means UTC.
    if !entered.is("zone") {
        entered.set("zone", if entered.is("at") { "UTC".into() } else { zone::of(&headers) });
    }
    let (mut errors, mut failed, mut tested) = (Vec::new(), None::<Failure>, None);
    if asked {
        match read(&entered) {
            Ok(body) => match visitor.change::<_, Tested>(Method::POST, "/test", None, &body).await {
                Ok(Made::Now(said)) => tested = Some(said),
                Ok(Made::Proposed(_)) => return Err(Failure::internal("a test became a proposal")),
                Err(failure) => {
                    errors = failure.errors().to_vec();
                    failed = Some(failure);
                }
            },
            Err(found) => errors = found,
        }
    }
    let wrong = failed.is_some() || !errors.is_empty();
    let response = page(&Page {
        shell: visitor.shell(Place::Policies, "Test the policies"),
        sections: sections().into_iter().map(|section| section.filled(&entered, &errors)).collect(),
        failed: failed.map(|failure| failure.words()).unwrap_or_default(),
        tested,
    })?;
    Ok(if wrong { (StatusCode::UNPROCESSABLE_ENTITY, response).into_response() } else { response })
}

fn sections() -> Vec<Section> {
    let who = vec![
        Control::text("user", "User", "By their name on the computer."),
        Control::lines("os_groups", "Their groups on the computer", "One a line; empty: none."),
        Control::text("computer", "Computer", "By its name; it need not be enrolled."),
        Control::text("as", "To run as", "Empty: as the policy says."),
    ];
    let unchanged = [("yes", "unchanged"), ("no", "changed"), ("unknown", "not known")];
    let chain = [("yes", "only root"), ("no", "somebody else too"), ("unknown", "not known")];
    let what = vec![
        Control::text("file", "File", "The absolute path that it ends at."),
        Control::lines("arguments", "Arguments", "One a line, each exactly as given."),
        Control::choice("chain", "Can be changed by", "", &chain),
        Control::text("hash", "Content", "sha256:…; empty: something that no rule names."),
        Control::text("package", "Package", "Empty: none."),
        Control::text("version", "Its version", ""),
        Control::text("vendor", "Its vendor", ""),
        Control::choice("unchanged", "Since it was installed", "", &unchanged),
        Control::text("interpreter", "Interpreter", "Of a script: an absolute path."),
    ];
    let when = vec![
        Control::text("at", "Moment", "Like 2026-12-01T20:00; empty: now."),
        Control::text("zone", "In the zone", "In which the moment is meant, like Europe/Berlin."),
    ];
    let section = |id, title, controls| Section { id, title, help: "", controls };
    vec![section("who", "Who and where", who), section("what", "What", what), section("when", "When", when)]
}

fn read(entered: &Entered) -> Result<Test, Vec<brevet_api::rest::error::FieldError>> {
    let mut from = Reader::new(entered);
    for (field, why) in [("user", "is empty: say who"), ("computer", "is empty: say where"), ("file", "is empty: say what")] {
        if from.text(field).is_empty() {
            from.wrong(field, why);
        }
    }
    if !from.text("file").is_empty() && !from.text("file").starts_with('/') {
        from.wrong("file", "is not an absolute path");
    }
    let zone = from.zone("zone");
    let at = from.optional("at").map(|_| from.moment("at", &zone));
    let arguments = entered.text("arguments").lines().map(OsText::from).collect();
    let facts = facts(&mut from);
    let test = Test {
        user: from.text("user"),
        os_groups: Some(from.lines("os_groups")),
        computer: from.text("computer"),
        target_user: from.optional("as"),
        facts,
        arguments,
        at,
    };
    from.end(test)
}

/// What a computer would have found out, as far as it is said; the rest is as of a file that is root's alone.
fn facts(from: &mut Reader<'_>) -> Facts {
    let path = OsText::from(from.text("file").as_str());
    let known = |word: &str| match word {
        "no" => Fact::Known(false),
        "unknown" => Fact::Unknown("not said".into()),
        _ => Fact::Known(true),
    };
    let sha256 = match from.optional("hash") {
        Some(text) => {
            let text = if text.contains(':') { text } else { format!("sha256:{text}") };
            serde_json::from_value(text.into()).unwrap_or_else(|_| {
                from.wrong("hash", "is not sha256: and 64 hexadecimal digits");
                Digest::of(b"")
            })
        }
        None => Digest::of(path.as_bytes()),
    };
    let chain = known(&from.text("chain"));
    let package = from.optional("package").map(|name| Package {
        name,
        version: from.text("version"),
        vendor: from.optional("vendor"),
        unchanged: known(&from.text("unchanged")),
    });
    let interpreter = from.optional("interpreter").map(|path| Interpreter {
        named: path.as_str().into(),
        path: path.as_str().into(),
        argument: None,
        sha256: Digest::of(path.as_bytes()),
        chain: Fact::Known(true),
    });
    Facts {
        names: vec![path.clone()],
        writable_by: (chain == Fact::Known(false)).then(|| "somebody else".into()),
        owner: if chain == Fact::Known(true) { Fact::Known("root".into()) } else { Fact::Unknown("not said".into()) },
        chain,
        sha256,
        size: 0,
        mode: 0o755,
        package: Fact::Known(package),
        interpreter,
        parent: Fact::Unknown("not said".into()),
        store: Fact::Known(None),
        path,
    }
}
