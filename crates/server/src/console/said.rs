//! What a page says was just done: an address carries a word, never a text, so that nobody can put words into the console's mouth.

/// The words for what an address says.
pub(super) fn words(said: &str) -> Option<&'static str> {
    Some(match said {
        "approved" => "Approved. The program starts by itself where somebody waits for it.",
        "approval-recorded" => "Your approval is recorded; more are needed.",
        "declined" => "Declined. The user reads your comment.",
        "extended" => "Extended.",
        "revoked" => "Revoked. The receipt appears here when the computer confirms.",
        "created" => "Created.",
        "changed" => "Changed.",
        "unchanged" => "Nothing changed.",
        "deleted" => "Deleted.",
        "proposed" => "Proposed. It takes effect when a second person confirms it.",
        "confirmed" => "Confirmed: the change is made.",
        "rejected" => "Rejected: nothing changed.",
        "withdrawn" => "Withdrawn: nothing changed.",
        "reviewed" => "Reviewed.",
        "enabled" => "Enabled.",
        "disabled" => "Disabled. What ran under it is ended as soon as each computer knows.",
        "rule-disabled" => "Disabled.",
        "shadow-on" => "In shadow: it records what it would do, and approves nothing.",
        "shadow-off" => "Out of shadow.",
        "renewed" => "Renewed: its time starts anew.",
        "revoked-some" => "Some could not be revoked. Do it again.",
        "password-set" => "Your password is set, and you are signed out everywhere else.",
        "passkey-added" => "The passkey is added.",
        "credential-removed" => "Removed, and you are signed out everywhere else.",
        "too-late" => "That took too long, or it was done already. Begin again.",
        "ended" => "Ended.",
        "opened" => "Opened. It ends by itself, everybody who was not asked is told, and another person reviews it.",
        "quarantined" => "Quarantined: its rights end as soon as it hears of it.",
        "released" => "Released: it gets its policies again.",
        "removed" => "Removed: it can no longer connect.",
        "token-revoked" => "Revoked: nothing enrols with it any more.",
        _ => return None,
    })
}
