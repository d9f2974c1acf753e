//! The form of a new one and of one that is there: what is wrong stands at its field, what it would say stands beside it, and nothing that
//! was filled in is lost, not even when somebody else changed the same meanwhile.

use askama::Template;
use axum::extract::RawQuery;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use brevet_api::rest::check::Finding;
use brevet_api::rest::error::FieldError;
use brevet_api::rest::policy::Mistake;
use brevet_api::rest::{Code, Page};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Any, Posted, checked};
use crate::console::{Made, Shell, Visitor, filters, page, part, zone};
use crate::definitions::differences::{Difference, between};
use crate::definitions::form::{Entered, Section, Shape, in_form, part_label};
use crate::definitions::formed::{Formed, Names};
use crate::http::extract::Path;
use crate::http::failure::{Failure, Outcome};

#[derive(Template)]
#[template(path = "definitions/edit.html")]
struct Edit {
    shell: Shell,
    word: &'static str,
    base: &'static str,
    back: String,
    action: String,
    seen: String,
    replaces: String,
    sections: Vec<Section>,
    names: Names,
    preview: Preview,
    failed: String,
    conflict: Option<Conflict>,
}

/// What stands beside a form.
#[derive(Template)]
#[template(path = "definitions/preview.html")]
struct Preview {
    summary: String,
    wrong: Vec<Wrong>,
    warnings: Vec<Mistake>,
    findings: Vec<Finding>,
    /// Whether they are about what names it.
    of_others: bool,
}

/// What is wrong, and where that is on the page.
struct Wrong {
    /// The field as the form calls it.
    field: String,
    place: String,
    reason: String,
}

/// Somebody else changed it since the form was opened.
struct Conflict {
    version: u64,
    left: String,
    /// What they have, and what was filled in here.
    differences: Vec<Difference>,
}

/// What is to be shown.
struct Filled {
    entered: Entered,
    errors: Vec<FieldError>,
    failed: Option<Failure>,
    /// Id, name and tag of what it takes the place of.
    old: Option<(String, String, String)>,
    conflict: Option<Conflict>,
}

impl Filled {
    const fn new(entered: Entered) -> Self {
        Self { entered, errors: Vec::new(), failed: None, old: None, conflict: None }
    }
}

/// A new one: empty, a copy, or with what the address says.
pub(super) async fn new<T: Formed>(visitor: Visitor, headers: HeaderMap, RawQuery(query): RawQuery) -> Outcome<Response> {
    let said = Entered::parse(query.unwrap_or_default().as_bytes());
    let mut entered = match said.text("copy") {
        "" => T::fresh(),
        id => {
            let old: Any = visitor.read(&format!("{}/{}", T::PLACES.0, part(id))).await?;
            let mut copy = content::<T>(&old)?.entered();
            copy.set("name", format!("{} (copy)", copy.text("name")));
            copy.switch("enabled", false);
            copy
        }
    };
    T::localise(&mut entered, &zone::of(&headers));
    entered.take(&said);
    show::<T>(&visitor, Filled::new(entered)).await
}

/// As it is, with the rules that the address adds.
pub(super) async fn edit<T: Formed>(
    visitor: Visitor,
    headers: HeaderMap,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Outcome<Response> {
    let said = Entered::parse(query.unwrap_or_default().as_bytes());
    let (tag, old): (String, Any) = visitor.read_tagged(&format!("{}/{}", T::PLACES.0, part(&id))).await?;
    let mut entered = content::<T>(&old)?.entered();
    T::localise(&mut entered, &zone::of(&headers));
    for field in ["applications", "rules"] {
        entered.append_rows(field, &said);
    }
    let name = name(&old);
    show::<T>(&visitor, Filled { old: Some((old.id, name, tag)), ..Filled::new(entered) }).await
}

pub(super) async fn create<T: Formed>(visitor: Visitor, Posted(mut entered): Posted) -> Outcome<Response> {
    if changes_rows(&mut entered) {
        return show::<T>(&visitor, Filled::new(entered)).await;
    }
    let it = match T::read(&entered) {
        Ok(it) => it,
        Err(errors) => return show::<T>(&visitor, Filled { errors, ..Filled::new(entered) }).await,
    };
    match visitor.change::<T, Any>(Method::POST, T::PLACES.0, None, &it).await {
        Ok(Made::Now(made)) => Ok(Redirect::to(&format!("{}/{}?said=created", T::BASE, part(&made.id))).into_response()),
        Ok(Made::Proposed(_)) => Ok(Redirect::to(&format!("{}?said=proposed", T::BASE)).into_response()),
        Err(failure) => show::<T>(&visitor, failed(failure.at_form()?, entered)).await,
    }
}

pub(super) async fn replace<T: Formed>(visitor: Visitor, Path(id): Path<String>, Posted(mut entered): Posted) -> Outcome<Response> {
    let place = format!("{}/{}", T::PLACES.0, part(&id));
    let seen = entered.text("seen").to_owned();
    let (tag, old): (String, Any) = visitor.read_tagged(&place).await?;
    let known = Some((old.id.clone(), name(&old), seen.clone()));
    if changes_rows(&mut entered) {
        return show::<T>(&visitor, Filled { old: known, ..Filled::new(entered) }).await;
    }
    let it = match T::read(&entered) {
        Ok(it) => it,
        Err(errors) => return show::<T>(&visitor, Filled { errors, old: known, ..Filled::new(entered) }).await,
    };
    match visitor.change::<T, Any>(Method::PUT, &place, Some(&seen), &it).await {
        Ok(Made::Now(made)) => {
            let said = if made.version == old.version && tag == seen { "unchanged" } else { "changed" };
            Ok(Redirect::to(&format!("{}/{}?said={said}", T::BASE, part(&made.id))).into_response())
        }
        Ok(Made::Proposed(_)) => Ok(Redirect::to(&format!("{}/{}?said=proposed", T::BASE, part(&id))).into_response()),
        Err(failure) if matches!(failure.code, Code::VersionMismatch | Code::PreconditionRequired) => {
            // What they have now is shown, and saving again says that this is meant.
            let (tag, now): (String, Any) = visitor.read_tagged(&place).await?;
            let differences = between(&now.content, &serde_json::to_value(&it)?);
            let conflict = Some(Conflict { version: now.version, left: format!("Version {} has", now.version), differences });
            let old = Some((now.id.clone(), name(&now), tag));
            show::<T>(&visitor, Filled { old, conflict, ..failed(failure, entered) }).await
        }
        Err(failure) => show::<T>(&visitor, Filled { old: known, ..failed(failure.at_form()?, entered) }).await,
    }
}

/// What the form would say as it is filled in now, while it is being filled in.
pub(super) async fn preview<T: Formed>(visitor: Visitor, Posted(entered): Posted) -> Outcome<Response> {
    let replaces = Some(entered.text("replaces")).filter(|id| !id.is_empty());
    page(&looked::<T>(&visitor, &entered, Vec::new(), replaces).await?.0)
}

fn changes_rows(entered: &mut Entered) -> bool {
    let what = entered.text("do").to_owned();
    entered.change_rows(&what)
}

fn failed(failure: Failure, entered: Entered) -> Filled {
    Filled { errors: failure.errors().to_vec(), failed: Some(failure), ..Filled::new(entered) }
}

pub(super) fn content<T: Formed>(old: &Any) -> Outcome<T> {
    Ok(serde_json::from_value(old.content.clone())?)
}

pub(super) fn name(old: &Any) -> String {
    old.content.get("name").and_then(|name| name.as_str()).unwrap_or_default().to_owned()
}

/// What there is to say, and every error.
async fn looked<T: Formed>(
    visitor: &Visitor,
    entered: &Entered,
    mut errors: Vec<FieldError>,
    replaces: Option<&str>,
) -> Outcome<(Preview, Vec<FieldError>)> {
    let (mut summary, mut warnings, mut findings) = (String::new(), Vec::new(), Vec::new());
    match T::read(entered) {
        Ok(it) => {
            let said = checked(visitor, it, replaces).await?;
            errors.extend(said.errors);
            (summary, warnings, findings) = (said.summary, said.warnings, said.findings);
        }
        Err(found) => errors.extend(found),
    }
    let mut all: Vec<FieldError> = Vec::with_capacity(errors.len());
    for error in errors {
        if !all.contains(&error) {
            all.push(error);
        }
    }
    let sections = T::sections(&Names::default());
    let wrong = all.iter().map(|error| Wrong {
        field: called(&sections, &error.field),
        place: place(&error.field),
        reason: in_form(&error.reason).to_owned(),
    });
    Ok((Preview { summary, wrong: wrong.collect(), warnings, findings, of_others: T::KIND == crate::definitions::Kind::List }, all))
}

/// What the form calls a field: `Rules, 1: Arguments` for `applications[0].arguments[2]`.
fn called(sections: &[Section], field: &str) -> String {
    let (id, entry) = field.split_once('[').map_or((field, None), |(id, entry)| (id, entry.split_once(']')));
    let labels = || sections.iter().flat_map(|section| &section.controls);
    let Some(label) = labels().find(|control| control.id == id).map(|control| control.label) else {
        // What stands below a control of its own, such as the rules that are written as TOML.
        let below = id.rsplit_once('.').and_then(|(id, part)| Some((labels().find(|control| control.id == id)?.label, part_label(part)?)));
        return below.map_or_else(|| field.to_owned(), |(label, part)| format!("{label}: {part}"));
    };
    let Some((number, rest)) = entry else { return label.to_owned() };
    let number = number.parse::<usize>().map_or_else(|_| number.to_owned(), |number| number.saturating_add(1).to_string());
    match part_label(rest.trim_start_matches('.')) {
        Some(part) => format!("{label}, {number}: {part}"),
        None => format!("{label}, {number}"),
    }
}

/// Where on the page a field is: a row for what is within a rule.
fn place(field: &str) -> String {
    let Some((before, rest)) = field.split_once('[') else { return field.to_owned() };
    let rows = ["applications", "except", "elevation.children_listed", "rules"].contains(&before);
    match rest.split_once(']') {
        Some((number, _)) if rows => format!("{before}[{number}]"),
        _ => before.to_owned(),
    }
}

async fn show<T: Formed>(visitor: &Visitor, filled: Filled) -> Outcome<Response> {
    let Filled { entered, errors, failed, old, conflict } = filled;
    let (status, said) = match (&failed, errors.is_empty()) {
        (Some(failure), _) => (StatusCode::from_u16(failure.code.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY), failure.words()),
        (None, false) => (StatusCode::UNPROCESSABLE_ENTITY, String::new()),
        (None, true) => (StatusCode::OK, String::new()),
    };
    let replaces = old.as_ref().map(|(id, _, _)| id.as_str());
    let ((preview, found), names) = tokio::try_join!(looked::<T>(visitor, &entered, errors.clone(), replaces), names(visitor))?;
    // A form that was just opened is not scolded for what is not filled in yet.
    let at_fields = if status == StatusCode::OK { errors } else { found };
    let (title, back, action) = match &old {
        Some((id, name, _)) => {
            let back = format!("{}/{}", T::BASE, part(id));
            (format!("Edit {name}"), back.clone(), format!("{back}/edit"))
        }
        None => (format!("New {}", T::WORD), T::BASE.to_owned(), format!("{}/new", T::BASE)),
    };
    let (replaces, _, seen) = old.unwrap_or_default();
    let response = page(&Edit {
        shell: visitor.shell(T::PLACE, title),
        word: T::WORD,
        base: T::BASE,
        back,
        action,
        seen,
        replaces,
        sections: T::sections(&names).into_iter().map(|section| section.filled(&entered, &at_fields)).collect(),
        names,
        preview,
        failed: said,
        conflict,
    })?;
    Ok((status, response).into_response())
}

/// What can be named in a form.
async fn names(visitor: &Visitor) -> Outcome<Names> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
        users: Option<IgnoredAny>,
    }
    let (groups, lists): (Page<Named>, Page<Named>) =
        tokio::try_join!(visitor.read("/groups?limit=500"), visitor.read("/lists?limit=500"))?;
    let (of_users, of_computers): (Vec<Named>, Vec<Named>) = groups.items.into_iter().partition(|group| group.users.is_some());
    let all = |named: Vec<Named>| named.into_iter().map(|one| one.name).collect();
    Ok(Names { user_groups: all(of_users), computer_groups: all(of_computers), lists: all(lists.items) })
}
