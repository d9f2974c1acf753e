//! Revoking many grants: says first which, then goes on until none is left, with what became of each.

use std::collections::BTreeSet;

use brevet_api::rest::grant::{RevokeAll, RevokeResult, RevokedAll, RevokedOne};

use crate::cli::Session;
use crate::client::Client;
use crate::error::{CtlError, Result};
use crate::known;
use crate::output::{shown, table, word};

/// Asks with `dry_run` first, then revokes.
pub(super) fn run(session: &Session, client: &Client, body: RevokeAll) -> Result<()> {
    let before = client.post(&["grants", "revoke"], &RevokeAll { dry_run: true, limit: Some(500), ..body.clone() });
    let before: RevokedAll = before.or_else(|error: CtlError| match error.exit_status() {
        3 => known::refuse_unknown(client, &body).and(Err(error)),
        _ => Err(error),
    })?;
    let count = total(&before);
    if count == 0 {
        known::refuse_unknown(client, &body)?;
    }
    if count > 0 {
        eprintln!("{}", announced(&before, body.now));
        session.output.confirm_many("revoke them all")?;
    }
    let mut all = RevokedAll { dry_run: false, items: Vec::new(), left: before.left };
    let mut failed = BTreeSet::new();
    let mut more = count > 0;
    while more {
        let part: RevokedAll = client.post(&["grants", "revoke"], &body)?;
        let fresh = part.items.iter().filter(|one| one.result != RevokeResult::Failed || failed.insert(one.id.to_string()));
        let fresh: Vec<RevokedOne> = fresh.cloned().collect();
        let moved = !fresh.is_empty();
        all.items.extend(fresh);
        all.left = part.left;
        if part.left > 0 {
            eprintln!("{} of about {} done", all.items.len(), count.max(u64::try_from(all.items.len()).unwrap_or(u64::MAX)));
        }
        // A part in which everything failed again will not do better next time.
        more = part.left > 0 && moved;
    }
    session.output.print(&all, described)?;
    if all.left > 0 || all.items.iter().any(|one| one.result == RevokeResult::Failed) {
        return Err(CtlError::Failed("some grants are not revoked: see above, and try again".into()));
    }
    Ok(())
}

fn total(found: &RevokedAll) -> u64 {
    found.left.saturating_add(u64::try_from(found.items.len()).unwrap_or(u64::MAX))
}

fn announced(found: &RevokedAll, now: bool) -> String {
    let computers: BTreeSet<&str> = found.items.iter().map(|one| one.computer.name.as_str()).collect();
    let users: BTreeSet<&str> = found.items.iter().map(|one| one.user.as_str()).collect();
    let how = if now { "at once" } else { "after their grace" };
    let some = |names: BTreeSet<&str>| {
        let few: Vec<String> = names.iter().take(5).map(|name| shown(name)).collect();
        let more = names.len().saturating_sub(few.len());
        if more == 0 { few.join(", ") } else { format!("{} and {more} more", few.join(", ")) }
    };
    let count = total(found);
    let grants = if count == 1 { "1 grant".to_owned() } else { format!("{count} grants") };
    format!("{grants} of {} on {}; what runs under them is ended {how}", some(users), some(computers))
}

fn described(all: &RevokedAll) -> String {
    if all.items.is_empty() {
        return "no grant is open there\n".into();
    }
    let row = |one: &RevokedOne| {
        let result = one.because.as_ref().map_or_else(|| word(&one.result), |why| format!("{}: {}", word(&one.result), shown(why)));
        vec![one.id.to_string(), result, shown(&one.computer.name), shown(&one.user), shown(&one.command)]
    };
    let mut text = table(&["id", "result", "computer", "user", "command"], all.items.iter().map(row).collect());
    let revoked = all.items.iter().filter(|one| one.result == RevokeResult::Revoked).count();
    text.push_str(&format!("revoked {revoked}; whether their computers have heard of it: brevetctl grant list --state revoked\n"));
    text
}
