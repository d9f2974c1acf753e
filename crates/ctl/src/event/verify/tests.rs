//! A journal of ten records, spoiled in each way that somebody with the server's database could think of.

use super::*;
use brevet_api::rest::computer::ComputerRef;
use brevet_core::document::Key;
use brevet_core::id::ComputerId;
use brevet_core::journal::Header;
use brevet_core::time::Timestamp;

fn key() -> Key {
    Key::from_seed(&[4; 32])
}

fn append(chain: &mut Chain, body: &str) -> Record {
    let header = Header {
        computer: chain.computer.clone(),
        incarnation: chain.incarnation.clone(),
        seq: chain.seq + 1,
        prev: chain.head,
        time: Timestamp::from_millis(0),
        boot: "boot".into(),
        boottime: chain.seq,
        kind: "test".into(),
        schema: 1,
    };
    let record = Record::seal(&header, &[chain.seq as u8; 32], &body).unwrap();
    chain.follow(&record).unwrap();
    record
}

fn page() -> JournalPage {
    let (id, incarnation) = (ComputerId::new(1, [1; 10]), Incarnation::new(1, [1; 10]));
    let mut chain = Chain::new(id.clone(), incarnation.clone());
    let records = (0..10).map(|n| append(&mut chain, &format!("body {n}"))).collect();
    JournalPage {
        computer: ComputerRef { id, name: "web-1".into() },
        incarnation: incarnation.clone(),
        incarnations: vec![incarnation],
        journal_key: key().public(),
        records,
        head: Some(SignedHead::sign(&chain, &key())),
        next: None,
    }
}

fn verify_with(pages: Vec<JournalPage>, pins: &Pins) -> Vec<Verified> {
    verify(Box::new(pages.into_iter().map(|page| Ok(Line::Journal(Box::new(page))))), pins).unwrap().0
}

fn verify_all(pages: Vec<JournalPage>) -> Vec<Verified> {
    verify_with(pages, &Pins::default())
}

fn findings(page: JournalPage) -> Vec<(Option<u64>, String)> {
    let mut found = verify_all(vec![page]);
    let item = found.pop().unwrap();
    assert_eq!(item.verified, item.findings.is_empty());
    item.findings.into_iter().map(|finding| (finding.record, finding.problem)).collect()
}

fn spoil(change: impl FnOnce(&mut JournalPage)) -> Vec<(Option<u64>, String)> {
    let mut page = page();
    change(&mut page);
    let found = findings(page);
    assert!(!found.is_empty());
    found
}

#[test]
fn an_untouched_journal_verifies_also_in_several_pages_and_with_redacted_bodies() {
    assert_eq!(findings(page()), vec![]);
    let mut first = page();
    let mut second = page();
    first.records.truncate(4);
    second.records.drain(..4);
    assert!(verify_all(vec![first, second])[0].verified);
    let mut redacted = page();
    redacted.records[3].body = None;
    redacted.records[3].salt = None;
    assert_eq!(verify_all(vec![redacted])[0].redacted, 1);
}

#[test]
fn a_journal_that_grows_while_it_is_read_verifies_by_the_newer_head() {
    let mut first = page();
    let mut chain = first.head.clone().unwrap().chain;
    first.records.push(append(&mut chain, "newer than the head"));
    assert!(!verify_all(vec![first.clone()])[0].verified);
    let second = JournalPage { records: vec![], head: Some(SignedHead::sign(&chain, &key())), ..first.clone() };
    assert!(verify_all(vec![first, second])[0].verified);
}

#[test]
fn a_changed_body_is_found_at_its_record() {
    let found = spoil(|page| page.records[4].body = Some("\"something else\"".into()));
    assert_eq!(found, vec![(Some(5), "the body of record 5 was changed".to_owned())]);
}

#[test]
fn a_changed_header_is_found_at_the_record_after_it() {
    let found = spoil(|page| page.records[4].header = page.records[4].header.replace("\"test\"", "\"best\""));
    assert_eq!(found[0].0, Some(6));
}

#[test]
fn a_rewritten_body_with_its_hash_is_found_by_the_record_after_it() {
    let found = spoil(|page| {
        let other = page.records[7].clone();
        page.records[4].body = other.body;
        page.records[4].salt = other.salt;
        page.records[4].body_hash = other.body_hash;
    });
    assert_eq!(found[0].0, Some(6));
}

#[test]
fn a_missing_a_doubled_and_a_reordered_record_are_found() {
    assert!(spoil(|page| drop(page.records.remove(4)))[0].1.contains("expected record 5, found 6"));
    assert!(spoil(|page| page.records.insert(4, page.records[3].clone()))[0].1.contains("expected record 5, found 4"));
    assert!(spoil(|page| page.records.swap(4, 5))[0].1.contains("expected record 5, found 6"));
    assert!(spoil(|page| drop(page.records.remove(0)))[0].1.contains("expected record 1, found 2"));
}

#[test]
fn records_cut_off_at_the_end_are_missed_and_unsigned_ones_found() {
    assert!(spoil(|page| page.records.truncate(7))[0].1.contains("records 8 to 10 are missing"));
    let found = spoil(|page| {
        let mut chain = page.head.clone().unwrap().chain;
        page.records.push(append(&mut chain, "made up"));
    });
    assert!(found[0].1.contains("after 10 are not signed"));
    assert!(spoil(|page| page.head = None)[0].1.contains("no signed head"));
}

#[test]
fn a_journal_that_was_made_anew_has_no_signature_of_the_computers() {
    let found = spoil(|page| {
        let mut chain = Chain::new(page.computer.id.clone(), page.incarnation.clone());
        page.records = (0..10).map(|n| append(&mut chain, &format!("invented {n}"))).collect();
    });
    assert!(found[0].1.contains("record 10 is not the one that the computer signed"), "{found:?}");
    let found = spoil(|page| {
        let chain = page.head.clone().unwrap().chain;
        page.head = Some(SignedHead::sign(&chain, &Key::from_seed(&[5; 32])));
    });
    assert!(found[0].1.contains("signature"), "{found:?}");
}

fn against(pins: &str, page: JournalPage) -> (Verified, usize) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pins");
    std::fs::write(&file, pins).unwrap();
    let pins = Pins::read(Some(&file), None).unwrap();
    let found = verify_with(vec![page], &pins);
    let missing = pins.missing(&found, false).len();
    (found.into_iter().next().unwrap(), missing)
}

fn line(page: &JournalPage, seq: u64, head: &str) -> String {
    format!("web-1 {} {} {seq} {head}\n", key().public().id(), page.incarnation)
}

#[test]
fn a_key_from_elsewhere_is_believed_and_the_servers_is_not() {
    let own = format!("web-1 {}\n", key().public().id());
    let (found, _) = against(&own, page());
    assert!(found.verified && found.pinned);
    // A server that made the whole journal anew, with a key of its own.
    let other = Key::from_seed(&[5; 32]);
    let mut forged = page();
    forged.journal_key = other.public();
    forged.head = Some(SignedHead::sign(&forged.head.clone().unwrap().chain, &other));
    assert!(verify_all(vec![forged.clone()])[0].verified, "by itself it is a good journal");
    let (found, _) = against(&own, forged);
    assert!(!found.verified && found.findings[0].problem.contains("not the one that is known from elsewhere"), "{found:?}");
    let (found, _) = against("web-2 00112233445566778899aabbccddeeff\n", page());
    assert!(found.verified && !found.pinned);
}

#[test]
fn what_was_verified_before_must_still_be_there() {
    let whole = page();
    let chain = |count: usize| {
        let mut chain = Chain::new(whole.computer.id.clone(), whole.incarnation.clone());
        whole.records[..count].iter().for_each(|record| drop(chain.follow(record).unwrap()));
        chain
    };
    let before = |count: usize| line(&whole, count as u64, &chain(count).head.to_string());
    for count in [4, 10] {
        assert!(against(&before(count), page()).0.verified, "{count}");
    }
    // Cut off after the fourth, with the head that the computer signed then.
    let mut shorter = page();
    shorter.records.truncate(4);
    shorter.head = Some(SignedHead::sign(&chain(4), &key()));
    assert!(verify_all(vec![shorter.clone()])[0].verified, "by itself it is a good journal");
    let (found, _) = against(&before(7), shorter);
    assert_eq!((found.verified, found.findings[0].record), (false, Some(7)));
    assert!(found.findings[0].problem.contains("ends at 4 now"), "{found:?}");
    // A copy that went another way from the fifth on.
    let mut forked = page();
    forked.records.truncate(4);
    let mut other = chain(4);
    forked.records.extend((0..6).map(|n| append(&mut other, &format!("other {n}"))));
    forked.head = Some(SignedHead::sign(&other, &key()));
    assert!(verify_all(vec![forked.clone()])[0].verified, "by itself it is a good journal");
    let (found, _) = against(&before(7), forked.clone());
    assert!(!found.verified && found.findings[0].problem.contains("forked, or written anew"), "{found:?}");
    assert!(against(&before(4), forked).0.verified, "up to there it is the same");
    // A life that is gone.
    let elsewhere = format!("web-1 {} {} 3 {}\n", key().public().id(), Incarnation::new(9, [9; 10]), chain(3).head);
    assert_eq!(against(&elsewhere, page()).1, 1);
}

#[test]
fn a_life_that_another_computer_claims_is_gone_all_the_same() {
    let before = page();
    let pinned = format!("web-9 {} {} 3 {}\n", key().public().id(), before.incarnation, before.head.as_ref().unwrap().chain.head);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pins");
    std::fs::write(&file, pinned).unwrap();
    let pins = Pins::read(Some(&file), None).unwrap();
    let found = verify_with(vec![page()], &pins);
    assert!(found[0].verified);
    assert_eq!(pins.missing(&found, true).len(), 1);
}

#[test]
fn what_is_written_keeps_what_is_known_of_computers_that_were_not_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pins");
    let chain = page().head.unwrap().chain;
    let elsewhere = format!("db-1 {} {} 3 {}\n", key().public().fingerprint(), Incarnation::new(9, [9; 10]), chain.head);
    std::fs::write(&file, format!("web-1 {}\n{elsewhere}db-2 00112233445566778899aabbccddeeff\n", key().public().id())).unwrap();
    let pins = Pins::read(Some(&file), None).unwrap();
    let found = verify_with(vec![page()], &pins);
    super::super::pins::write(file.clone(), &found, None, &pins).unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(&elsewhere) && text.contains("db-2 00112233445566778899aabbccddeeff\n"), "{text}");
    assert_eq!((text.matches("\nweb-1 ").count(), text.matches(&page().incarnation.to_string()).count()), (0, 1), "{text}");
    assert_eq!(Pins::read(Some(&file), None).unwrap().missing(&found, false).len(), 0);
}

#[test]
fn a_file_without_an_end_is_refused_and_not_kept_in_memory() {
    let found = crate::event::journal::from_file(std::path::Path::new("/dev/zero")).unwrap().next().unwrap();
    assert!(matches!(found, Err(CtlError::Io { .. })), "{:?}", found.err());
}
