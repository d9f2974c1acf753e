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

fn verify_all(pages: Vec<JournalPage>) -> Vec<Verified> {
    verify(Box::new(pages.into_iter().map(Ok))).unwrap()
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
