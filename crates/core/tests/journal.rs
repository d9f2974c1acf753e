//! The journal's chain: nothing in it can be changed, removed, reordered or put in without being noticed.

#![expect(clippy::unwrap_used, reason = "a test that meets the unexpected fails")]

mod sample;

use brevet_core::id::{ComputerId, Incarnation};
use brevet_core::journal::{Chain, ChainError, Header, Record, SignedHead};
use brevet_core::record::{Body, BrokerStarted, ClockJumped};
use brevet_core::time::Timestamp;
use proptest::prelude::*;

fn body(n: u64) -> Body {
    Body::BrokerStarted(BrokerStarted { version: n.to_string(), kernel: "6".into(), rebooted: false, sessions: Vec::new() })
}

fn record(chain: &Chain, computer: &ComputerId, incarnation: &Incarnation, body: &Body) -> Record {
    let header = Header {
        computer: computer.clone(),
        incarnation: incarnation.clone(),
        seq: chain.seq + 1,
        prev: chain.head,
        time: Timestamp::from_millis(1_000),
        boot: "boot".into(),
        boottime: 5,
        kind: body.kind().into(),
        schema: 1,
    };
    Record::seal(&header, &[7; 32], body).unwrap()
}

fn journal(length: u64) -> Vec<Record> {
    let (computer, incarnation) = (sample::computer(1), sample::incarnation(1));
    let mut chain = Chain::new(computer.clone(), incarnation.clone());
    (1..=length)
        .map(|n| {
            let record = record(&chain, &computer, &incarnation, &body(n));
            chain.follow(&record).unwrap();
            record
        })
        .collect()
}

fn follow(records: &[Record]) -> Result<Chain, ChainError> {
    let mut chain = Chain::new(sample::computer(1), sample::incarnation(1));
    records.iter().try_for_each(|record| chain.follow(record).map(|_| ()))?;
    Ok(chain)
}

#[test]
fn a_whole_journal_verifies_and_its_bodies_read_back() {
    let records = journal(5);
    assert_eq!(follow(&records).unwrap().seq, 5);
    for (n, record) in (1u64..).zip(&records) {
        let header = record.parse_header().unwrap();
        assert_eq!(Body::parse(&header.kind, record.body.as_ref().unwrap()).unwrap(), Some(body(n)));
    }
    assert_eq!(Body::parse("kind.of_tomorrow", "{}").unwrap(), None);
}

#[test]
fn a_changed_body_or_salt_is_noticed() {
    let mut records = journal(3);
    records[1].body = records[1].body.take().map(|body| body.replace("\"version\":\"2\"", "\"version\":\"9\""));
    assert_eq!(follow(&records).unwrap_err(), ChainError::Body(2));
    let mut records = journal(3);
    records[1].salt = records[0].salt.clone().map(|salt| salt.replace('B', "C"));
    assert_eq!(follow(&records).unwrap_err(), ChainError::Body(2));
}

#[test]
fn a_body_that_was_put_in_with_its_own_hash_breaks_the_next_link() {
    let mut records = journal(3);
    let jumped = Body::ClockJumped(ClockJumped { expected: Timestamp::from_millis(0), found: Timestamp::from_millis(1) });
    let mut chain = follow(&records[..1]).unwrap();
    records[1] = record(&chain, &sample::computer(1), &sample::incarnation(1), &jumped);
    chain.follow(&records[1]).unwrap();
    assert_eq!(chain.follow(&records[2]).unwrap_err(), ChainError::Broken(3));
}

#[test]
fn a_changed_header_is_noticed_where_it_stands_or_at_the_next() {
    let mut records = journal(3);
    records[1].header = records[1].header.replace("\"boottime\":5", "\"boottime\":6");
    assert_eq!(follow(&records).unwrap_err(), ChainError::Broken(3));
    let mut records = journal(3);
    records[1].header = records[1].header.replacen('{', "{\"extra\":1,", 1);
    assert!(matches!(follow(&records).unwrap_err(), ChainError::Header { after: 1, .. }));
}

#[test]
fn removed_doubled_and_reordered_records_are_gaps() {
    let records = journal(4);
    let pick = |order: &[usize]| order.iter().map(|i| records[*i].clone()).collect::<Vec<_>>();
    assert_eq!(follow(&pick(&[0, 2, 3])).unwrap_err(), ChainError::Gap { expected: 2, found: 3 });
    assert_eq!(follow(&pick(&[0, 0, 1])).unwrap_err(), ChainError::Gap { expected: 2, found: 1 });
    assert_eq!(follow(&pick(&[0, 2, 1, 3])).unwrap_err(), ChainError::Gap { expected: 2, found: 3 });
    assert_eq!(follow(&pick(&[1, 2, 3])).unwrap_err(), ChainError::Gap { expected: 1, found: 2 });
}

#[test]
fn another_computers_or_lifes_record_is_foreign() {
    let chain = follow(&journal(1)).unwrap();
    for (computer, incarnation) in [(sample::computer(2), sample::incarnation(1)), (sample::computer(1), sample::incarnation(2))] {
        let foreign = record(&chain, &computer, &incarnation, &body(2));
        assert_eq!(chain.clone().follow(&foreign).unwrap_err(), ChainError::Foreign(2));
    }
    let fresh = |c, i| Chain::new(sample::computer(c), sample::incarnation(i)).head;
    assert_ne!(fresh(1, 1), fresh(1, 2));
    assert_ne!(fresh(1, 1), fresh(2, 1));
}

#[test]
fn a_redacted_body_leaves_the_chain_as_it_was() {
    let mut records = journal(4);
    let whole = follow(&records).unwrap();
    records[1].body = None;
    records[1].salt = None;
    assert_eq!(follow(&records).unwrap(), whole);
    records[2].salt = None;
    assert_eq!(follow(&records).unwrap_err(), ChainError::Body(3), "half a redaction is a change");
}

#[test]
fn a_chain_that_refused_a_record_stands_where_it_stood() {
    let records = journal(3);
    let mut chain = follow(&records[..1]).unwrap();
    let before = chain.clone();
    assert!(chain.follow(&records[2]).is_err());
    assert_eq!(chain, before);
    chain.follow(&records[1]).unwrap();
}

#[test]
fn a_head_is_signed_for_its_chain_alone() {
    let chain = follow(&journal(2)).unwrap();
    let head = SignedHead::sign(&chain, &sample::key(1));
    assert!(head.verifies(&sample::key(1).public()));
    assert!(!head.verifies(&sample::key(2).public()));
    for changed in [
        Chain { seq: 3, ..chain.clone() },
        Chain { computer: sample::computer(2), ..chain.clone() },
        Chain { incarnation: sample::incarnation(2), ..chain.clone() },
        Chain { head: brevet_core::digest::Digest::of(b"x"), ..chain },
    ] {
        assert!(!SignedHead { chain: changed, ..head.clone() }.verifies(&sample::key(1).public()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// One flipped bit anywhere in any header or body is noticed before the end, unless it is in the last record's header:
    /// then the head differs from the signed one.
    #[test]
    fn one_flipped_bit_is_always_noticed(index in 0usize..4, place in any::<prop::sample::Index>(), bit in 0u8..7, in_body in any::<bool>()) {
        let mut records = journal(4);
        let whole = follow(&records).unwrap();
        let text = if in_body { records[index].body.clone().unwrap() } else { records[index].header.clone() };
        let mut bytes = text.into_bytes();
        let at = place.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
        if in_body { records[index].body = Some(text) } else { records[index].header = text }
        match follow(&records) {
            Err(_) => {}
            Ok(chain) => prop_assert!(index == 3 && !in_body && chain != whole),
        }
    }
}
