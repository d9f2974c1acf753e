//! Signed documents: what is not signed by the right key, not of the right kind, or readable in two ways, is refused.

mod sample;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use brevet_core::digest::Digest;
use brevet_core::document::{
    Decline, DocumentError, Envelope, Heartbeat, Key, KeyUse, Kind, MAX_DOCUMENT, MOST_NAMED, Manifest, ManifestEntry, PolicyDocument,
    PublicKey, SCHEMA, Signature, Trust, TrustedKey, digest_of, open, seal,
};
use brevet_core::id::{AutonomousId, InstanceId, PolicyId, RequestId};
use brevet_core::time::Timestamp;

fn heartbeat() -> Heartbeat {
    Heartbeat { schema: SCHEMA, computer: sample::computer(1), time: Timestamp::from_millis(1_000), epoch: 1, seq: 7, nonce: None }
}

/// An envelope over any payload, properly signed: what a careless issuer could make.
fn signed(payload: &str, kind: Kind, key: &Key) -> Envelope {
    let payload_type = kind.payload_type();
    let mut message = format!("DSSEv1 {} {} {} ", payload_type.len(), payload_type, payload.len()).into_bytes();
    message.extend_from_slice(payload.as_bytes());
    Envelope {
        payload_type: payload_type.into(),
        payload: STANDARD.encode(payload),
        signatures: vec![Signature { keyid: key.public().id(), sig: STANDARD.encode(key.sign(&message)) }],
    }
}

#[test]
fn what_was_sealed_opens_under_its_key_alone() {
    let (ours, other) = (sample::key(1), sample::key(2));
    let envelope = seal(&heartbeat(), &[&ours]).unwrap();
    assert_eq!(open::<Heartbeat>(&envelope, &[ours.public()]).unwrap(), heartbeat());
    assert_eq!(open::<Heartbeat>(&envelope, &[other.public(), ours.public()]).unwrap(), heartbeat());
    assert!(matches!(open::<Heartbeat>(&envelope, &[other.public()]), Err(DocumentError::NotSigned)));
    assert!(matches!(open::<Heartbeat>(&envelope, &[]), Err(DocumentError::NotSigned)));
}

#[test]
fn a_key_id_alone_proves_nothing() {
    let (ours, other) = (sample::key(1), sample::key(2));
    let mut forged = seal(&heartbeat(), &[&other]).unwrap();
    forged.signatures[0].keyid = ours.public().id();
    assert!(matches!(open::<Heartbeat>(&forged, &[ours.public()]), Err(DocumentError::NotSigned)));
    forged.signatures.clear();
    assert!(matches!(open::<Heartbeat>(&forged, &[ours.public()]), Err(DocumentError::NotSigned)));
}

#[test]
fn any_changed_byte_of_payload_or_signature_is_noticed() {
    let ours = sample::key(1);
    let envelope = seal(&heartbeat(), &[&ours]).unwrap();
    let payload = STANDARD.decode(&envelope.payload).unwrap();
    for index in 0..payload.len() {
        let mut changed = payload.clone();
        changed[index] ^= 1;
        let tampered = Envelope { payload: STANDARD.encode(changed), ..envelope.clone() };
        assert!(matches!(open::<Heartbeat>(&tampered, &[ours.public()]), Err(DocumentError::NotSigned)), "byte {index}");
        assert_ne!(tampered.digest().unwrap(), envelope.digest().unwrap());
    }
    let signature = STANDARD.decode(&envelope.signatures[0].sig).unwrap();
    for index in 0..signature.len() {
        let mut changed = signature.clone();
        changed[index] ^= 1;
        let mut tampered = envelope.clone();
        tampered.signatures[0].sig = STANDARD.encode(changed);
        assert!(matches!(open::<Heartbeat>(&tampered, &[ours.public()]), Err(DocumentError::NotSigned)), "signature byte {index}");
    }
}

#[test]
fn one_kind_is_never_read_as_another() {
    let ours = sample::key(1);
    let envelope = seal(&heartbeat(), &[&ours]).unwrap();
    assert!(matches!(open::<Decline>(&envelope, &[ours.public()]), Err(DocumentError::WrongKind { .. })));
    // Relabelled, the signature no longer holds: the kind is part of what is signed.
    let relabelled = Envelope { payload_type: Kind::Decline.payload_type().into(), ..envelope };
    assert!(matches!(open::<Decline>(&relabelled, &[ours.public()]), Err(DocumentError::NotSigned)));
}

#[test]
fn every_kind_has_a_type_of_its_own() {
    let kinds = [
        Kind::Trust,
        Kind::Policy,
        Kind::Autonomous,
        Kind::Settings,
        Kind::Manifest,
        Kind::Grant,
        Kind::Decline,
        Kind::Revocation,
        Kind::Heartbeat,
        Kind::Acknowledgement,
    ];
    for kind in kinds {
        assert_eq!(Kind::of_payload_type(kind.payload_type()), Some(kind));
    }
    assert_eq!(Kind::of_payload_type("application/vnd.brevet.grant+json "), None);
}

#[test]
fn a_key_signs_only_the_kinds_that_trust_gives_it() {
    let (issuer, policies) = (sample::key(1), sample::key(2));
    let trusted = |key: &Key, uses: &[KeyUse]| TrustedKey { id: key.public().id(), key: key.public(), uses: uses.to_vec() };
    let trust = Trust {
        schema: SCHEMA,
        instance: InstanceId::new(1, [1; 10]),
        version: 1,
        epoch: 1,
        keys: vec![trusted(&issuer, &[KeyUse::Issuer]), trusted(&policies, &[KeyUse::Policy])],
    };
    assert!(open::<Heartbeat>(&seal(&heartbeat(), &[&issuer]).unwrap(), &trust.keys_for(Kind::Heartbeat)).is_ok());
    assert!(matches!(
        open::<Heartbeat>(&seal(&heartbeat(), &[&policies]).unwrap(), &trust.keys_for(Kind::Heartbeat)),
        Err(DocumentError::NotSigned)
    ));
    let document = sample::document(1, sample::policy("name='p'\ncomputers='all'\nusers='all'\nmode='deny'\napplications='all'"));
    assert!(open::<PolicyDocument>(&seal(&document, &[&policies]).unwrap(), &trust.keys_for(Kind::Policy)).is_ok());
    assert!(open::<PolicyDocument>(&seal(&document, &[&issuer]).unwrap(), &trust.keys_for(Kind::Policy)).is_err());
    assert!(trust.keys_for(Kind::Trust).is_empty(), "only the root key signs trust");
}

#[test]
fn what_can_be_read_in_two_ways_is_not_read() {
    let ours = sample::key(1);
    let keys = [ours.public()];
    let good = serde_json::to_string(&heartbeat()).unwrap();
    let tried = |payload: &str| open::<Heartbeat>(&signed(payload, Kind::Heartbeat, &ours), &keys);
    assert_eq!(tried(&good).unwrap(), heartbeat());
    for bad in [
        good.replace("\"seq\":7", "\"seq\":7,\"seq\":8"),
        good.replace("\"seq\":7", "\"seq\":7,\"s\\u0065q\":8"),
        good.replace("\"seq\":7", "\"seq\":7,\"later\":true"),
        good.replace("\"seq\":7", "\"seq\":-7"),
        good.replace("\"seq\":7", "\"seq\":7.0"),
        good.replace(",\"seq\":7", ""),
        format!("{good} {good}"),
        format!("[{good}]"),
        String::new(),
    ] {
        assert!(matches!(tried(&bad), Err(DocumentError::Content(_))), "{bad}");
    }
    let newer = good.replace(&format!("\"schema\":{SCHEMA}"), "\"schema\":99");
    assert!(matches!(tried(&newer), Err(DocumentError::Schema(99))));
    assert!(tried(&format!(" {good}\n")).is_ok(), "white space is no second meaning");
}

#[test]
fn a_key_that_is_there_twice_in_a_map_is_noticed_too() {
    let ours = sample::key(1);
    let document = sample::document(1, sample::policy("name='p'\ncomputers='all'\nusers='all'\nmode='deny'\napplications='all'"));
    let good = serde_json::to_string(&document).unwrap();
    let bad = good.replace("\"user_groups\":{}", "\"user_groups\":{\"g\":[\"alice\"],\"g\":[]}");
    assert_ne!(good, bad);
    let result = open::<PolicyDocument>(&signed(&bad, Kind::Policy, &ours), &[ours.public()]);
    assert!(matches!(result, Err(DocumentError::Content(_))));
}

#[test]
fn a_document_that_is_too_large_is_refused_before_it_is_decoded() {
    let ours = sample::key(1);
    let decline = Decline {
        schema: SCHEMA,
        computer: sample::computer(1),
        epoch: 1,
        seq: 1,
        time: Timestamp::from_millis(0),
        request: RequestId::new(1, [1; 10]),
        request_digest: Digest::of(b""),
        by: "bob".into(),
        comment: "x".repeat(MAX_DOCUMENT),
    };
    assert!(matches!(seal(&decline, &[&ours]), Err(DocumentError::TooLarge { limit: MAX_DOCUMENT })), "nobody is sent what nobody reads");
    let mut envelope = seal(&Decline { comment: String::new(), ..decline }, &[&ours]).unwrap();
    envelope.payload = "A".repeat(MAX_DOCUMENT + 4);
    assert!(matches!(open::<Decline>(&envelope, &[ours.public()]), Err(DocumentError::TooLarge { limit: MAX_DOCUMENT })));
}

#[test]
fn a_manifest_names_as_many_as_are_promised_and_still_fits_into_a_frame_of_the_link() {
    let entry =
        |n: usize| ManifestEntry { id: PolicyId::new(1, n.to_be_bytes().repeat(2)[..10].try_into().unwrap()), digest: Digest::of(b"") };
    let mut manifest = Manifest {
        schema: SCHEMA,
        computer: sample::computer(1),
        name: "n".repeat(255),
        epoch: u64::MAX,
        seq: u64::MAX,
        time: Timestamp::from_millis(0),
        trust_version: u64::MAX,
        policies: (0..MOST_NAMED).map(entry).collect(),
        autonomous: Vec::new(),
        settings: Digest::of(b""),
    };
    let (one, two) = (sample::key(1), sample::key(2));
    let envelope = seal(&manifest, &[&one, &two]).unwrap();
    assert_eq!(open::<Manifest>(&envelope, &[one.public()]).unwrap(), manifest);
    assert_eq!(envelope.digest().unwrap(), digest_of(&manifest).unwrap());
    assert!(serde_json::to_vec(&envelope).unwrap().len() + 1024 < 4 << 20, "it must fit into a frame to the broker");
    manifest.policies.extend((MOST_NAMED..MOST_NAMED * 5 / 4).map(entry));
    assert!(matches!(seal(&manifest, &[&one]), Err(DocumentError::TooLarge { .. })));
}

#[test]
fn an_envelope_is_read_as_strictly_as_its_content() {
    let json = serde_json::to_string(&seal(&heartbeat(), &[&sample::key(1)]).unwrap()).unwrap();
    assert!(serde_json::from_str::<Envelope>(&json).is_ok());
    assert!(serde_json::from_str::<Envelope>(&json.replacen('{', "{\"x\":1,", 1)).is_err());
    assert!(serde_json::from_str::<Envelope>(&json.replacen('{', "{\"payload\":\"\",", 1)).is_err());
}

#[test]
fn weak_keys_are_no_keys() {
    // The neutral point: any signature of zeros would verify under lax rules.
    let mut neutral = [0u8; 32];
    neutral[0] = 1;
    assert!(PublicKey::try_from(STANDARD.encode(neutral)).is_err());
    assert!(PublicKey::try_from(STANDARD.encode([0u8; 32])).is_err());
    assert!(PublicKey::try_from("short".to_owned()).is_err());
    assert!(PublicKey::try_from(String::from(sample::key(1).public())).is_ok());
}

#[test]
fn a_manifest_that_names_a_policy_or_a_rule_twice_is_neither_signed_nor_read() {
    let ours = sample::key(1);
    let id = |n| PolicyId::new(n, [0; 10]);
    let entry = |n, content: &[u8]| ManifestEntry { id: id(n), digest: Digest::of(content) };
    let mut manifest = Manifest {
        schema: SCHEMA,
        computer: sample::computer(1),
        name: "web-1".into(),
        epoch: 1,
        seq: 1,
        time: Timestamp::from_millis(0),
        trust_version: 1,
        policies: vec![entry(1, b"one"), entry(2, b"one")],
        autonomous: vec![ManifestEntry { id: AutonomousId::new(1, [0; 10]), digest: Digest::of(b"rule") }],
        settings: Digest::of(b"settings"),
    };
    open::<Manifest>(&seal(&manifest, &[&ours]).unwrap(), &[ours.public()]).unwrap();
    let refused = |manifest: &Manifest, what: &str| {
        assert!(matches!(seal(manifest, &[&ours]), Err(DocumentError::Content(why)) if why.contains(what)));
        let careless = signed(&serde_json::to_string(manifest).unwrap(), Kind::Manifest, &ours);
        assert!(matches!(open::<Manifest>(&careless, &[ours.public()]), Err(DocumentError::Content(why)) if why.contains(what)));
    };
    manifest.policies.push(entry(1, b"another version"));
    refused(&manifest, "policies");
    manifest.policies.pop();
    manifest.autonomous.push(manifest.autonomous[0].clone());
    refused(&manifest, "autonomous");
}
