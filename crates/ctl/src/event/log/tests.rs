//! A log of twelve events, spoiled in each way that somebody with the server's database could think of.

use super::*;
use brevet_core::audit_log::{Checkpoint, text};
use brevet_core::document::Key;
use brevet_core::id::InstanceId;
use brevet_core::time::Timestamp;

fn key() -> Key {
    Key::from_seed(&[4; 32])
}

fn record(number: u8) -> Record {
    let kind = if number == 9 { "event.redacted" } else { "policy.created" };
    let header = format!(
        "{{\"id\":\"evt_{number}\",\"time\":\"2026-01-01T00:00:00.000Z\",\"recorded\":\"2026-01-01T00:00:00.000Z\",\"kind\":\"{kind}\",\"schema\":1,\"actor_kind\":\"server\",\"actor_name\":\"server\"}}"
    );
    Record::of(header, &[number; 32], text("a line", "{\"events\":1}").unwrap())
}

/// The second event's text was redacted, and the tenth says so.
fn records() -> Vec<Record> {
    let mut records: Vec<Record> = (0..12).map(record).collect();
    (records[1].body, records[1].salt) = (None, None);
    records
}

fn signed(records: &[Record], epoch: u64) -> SignedCheckpoint {
    let mut tree = Tree::default();
    records.iter().for_each(|record| drop(tree.push(leaf(record))));
    let it = Checkpoint {
        instance: InstanceId::new(1, [1; 10]),
        epoch,
        size: tree.size(),
        root: tree.root(),
        time: Timestamp::from_millis(1_790_000_000_000),
    };
    SignedCheckpoint::sign(it, &key())
}

fn page(records: Vec<Record>, epoch: u64) -> LogPage {
    LogPage { signed: signed(&records, epoch), key: key().public(), from: 0, records, next: None }
}

fn walked(pages: Vec<LogPage>, pins: &Pins) -> VerifiedLog {
    let mut walk = Walk::new(pins);
    pages.into_iter().for_each(|page| walk.take(page));
    walk.finish().unwrap()
}

fn problems(page: LogPage) -> String {
    let found = walked(vec![page], &Pins::default());
    assert_eq!(found.verified, found.findings.is_empty());
    found.findings.into_iter().map(|finding| finding.problem).collect::<Vec<_>>().join("; ")
}

fn pinned(records: &[Record], epoch: u64) -> Pins {
    let it = signed(records, epoch).checkpoint;
    let key = PinnedKey::Whole(Box::new(key().public()));
    Pins::of_log(LogPin { key, epoch, size: it.size, root: it.root })
}

#[test]
fn an_untouched_log_verifies_also_in_several_pages() {
    assert_eq!(problems(page(records(), 1)), "");
    let whole = page(records(), 1);
    // The first page was put together when there was less.
    let first = LogPage { signed: signed(&records()[..6], 1), records: records()[..5].to_vec(), next: Some(5), ..whole.clone() };
    let second = LogPage { from: 5, records: records()[5..].to_vec(), ..whole };
    let found = walked(vec![first, second], &Pins::default());
    assert!(found.verified && found.events == 12 && found.redacted == 1, "{found:?}");
}

#[test]
fn every_change_shows() {
    let spoilt = |change: &dyn Fn(&mut LogPage)| {
        let mut page = page(records(), 1);
        change(&mut page);
        problems(page)
    };
    let not_signed = "the events are not those that the server signed: one was changed, added, left out or moved";
    assert_eq!(spoilt(&|page| page.records[3].header = page.records[3].header.replace("policy", "person")), not_signed);
    assert_eq!(spoilt(&|page| page.records.swap(3, 4)), not_signed);
    assert_eq!(spoilt(&|page| page.records[3].body = Some("{}".into())), "the text of event 3 is not the one that was hashed");
    assert_eq!(spoilt(&|page| drop(page.records.pop())), "the server signed 12 events, and there are 11");
    assert!(spoilt(&|page| drop(page.records.remove(3))).starts_with("the server signed 12 events, and there are 11"));
    assert_eq!(spoilt(&|page| page.from = 2), "events 0 to 1 are missing");
    assert_eq!(spoilt(&|page| page.signed.checkpoint.epoch = 9), "the signature of the checkpoint is not the server's");
    let silent = |page: &mut LogPage| (page.records[5].body, page.records[5].salt) = (None, None);
    assert_eq!(spoilt(&silent), "2 events have no text, and the log tells of 1 that were redacted");
}

#[test]
fn what_was_verified_before_must_be_there_still() {
    let pins = pinned(&records()[..7], 1);
    assert!(walked(vec![page(records(), 1)], &pins).verified);
    let rolled_back = walked(vec![page(records()[..6].to_vec(), 1)], &pins);
    assert!(rolled_back.findings.iter().any(|finding| finding.problem.contains("rolled back, or written anew")), "{rolled_back:?}");
    // Written anew from the fifth event on, and signed with the right key.
    let mut other = records();
    other[4] = record(77);
    assert!(!walked(vec![page(other.clone(), 1)], &pins).verified);
    let restored = walked(vec![page(other, 2)], &pins);
    assert!(restored.findings[0].problem.contains("put back to a backup since (epoch 1 then, 2 now)"), "{restored:?}");
    // A backup that had all of it loses nothing.
    assert!(walked(vec![page(records(), 2)], &pins).verified);
    let mut foreign = page(records(), 1);
    let theirs = Key::from_seed(&[5; 32]);
    foreign.signed = SignedCheckpoint::sign(foreign.signed.checkpoint, &theirs);
    foreign.key = theirs.public();
    assert!(walked(vec![foreign], &pins).findings[0].problem.contains("not the one that is known from elsewhere"));
}
