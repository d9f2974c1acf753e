//! What is known of the file that would run or ran, and with which rights, in words for a page.

use brevet_core::application::{Fact, Facts};
use brevet_core::escape::terminal;
use brevet_core::policy::{AtExpiry, Children, Containment, Elevation};

/// A name and what stands beside it.
pub(crate) type Named = (&'static str, String);

fn shown<T>(fact: &Fact<T>, known: impl FnOnce(&T) -> String) -> String {
    match fact {
        Fact::Known(value) => known(value),
        Fact::Unknown(why) => format!("not known: {}", terminal(why.as_bytes())),
    }
}

/// Everything about a file.
pub(crate) fn of_file(it: &Facts) -> Vec<Named> {
    let mut all = vec![("File", it.path.to_string())];
    let way = it.way();
    if way.len() > 1 {
        all.push(("Reached as", way.iter().map(ToString::to_string).collect::<Vec<_>>().join(" → ")));
    }
    all.push(("SHA-256", it.sha256.to_string()));
    all.push(("Size", format!("{} bytes", it.size)));
    all.push(("Who can write it", who_can_write(it)));
    all.push(("Owner and mode", format!("{} {:04o}", shown(&it.owner, |owner| terminal(owner.as_bytes())), it.mode)));
    all.extend(of_package(it));
    if let Some(interpreter) = &it.interpreter {
        all.push(("Script, run by", interpreter.path.to_string()));
        all.push(("The interpreter's SHA-256", interpreter.sha256.to_string()));
        all.push(("The interpreter is root's alone", shown(&interpreter.chain, yes_or_no)));
    }
    if let Fact::Known(Some(store)) = &it.store {
        all.push(("Store application", terminal(store.as_bytes())));
    }
    if let Fact::Known(parent) = &it.parent {
        all.push(("Started from", parent.path.to_string()));
    }
    all
}

fn yes_or_no(yes: &bool) -> String {
    if *yes { "yes" } else { "NO" }.into()
}

fn who_can_write(it: &Facts) -> String {
    shown(&it.chain, |alone| match (alone, &it.writable_by) {
        (true, _) => "root alone, with every folder on the way".into(),
        (false, Some(who)) => format!("NOT root alone: {}", terminal(who.as_bytes())),
        (false, None) => "NOT root alone".into(),
    })
}

fn of_package(it: &Facts) -> Vec<Named> {
    let package = match &it.package {
        Fact::Known(Some(package)) => package,
        Fact::Known(None) => return vec![("Package", "none: no package manager installed it".into())],
        Fact::Unknown(why) => return vec![("Package", format!("not known: {}", terminal(why.as_bytes())))],
    };
    let text = |text: &str| terminal(text.as_bytes());
    let unchanged = |unchanged: &bool| if *unchanged { "yes" } else { "NO: it is not what the package installed" }.to_owned();
    vec![
        ("Package", format!("{} {}", text(&package.name), text(&package.version))),
        ("Vendor, as the package says", package.vendor.as_deref().map_or_else(|| "none".into(), text)),
        ("Unchanged since installation", shown(&package.unchanged, unchanged)),
    ]
}

/// With which rights it runs, and what its end reaches.
pub(crate) fn of_elevation(it: &Elevation) -> Vec<Named> {
    let contained = match it.containment {
        Containment::Cgroup => "a control group: its end reaches what it started, not a root that means to escape",
        Containment::PidNamespace => "a process namespace of its own: its end reaches every process in it",
        Containment::Confined => "a process namespace of its own, with fewer capabilities and without writing kernel settings",
    };
    let children = match it.children {
        Children::Allow => "any",
        Children::Listed => "only those that the policy lists",
        Children::Deny => "none",
    };
    let at_expiry = match (it.at_expiry, it.finish_within) {
        (AtExpiry::Terminate, _) => format!("it is ended, with {} of grace", it.grace),
        (AtExpiry::LetFinish, Some(within)) => format!("it may finish, within {within}"),
        (AtExpiry::LetFinish, None) => "it may finish".into(),
    };
    let mut all =
        vec![("Contained by", contained.into()), ("May start other programs", children.into()), ("When its time is over", at_expiry)];
    if !it.capabilities.is_empty() {
        all.push(("Capabilities", terminal(it.capabilities.join(" ").as_bytes())));
    }
    if it.record {
        all.push(("Recorded", "yes".into()));
    }
    all
}
