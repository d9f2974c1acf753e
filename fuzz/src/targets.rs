//! Each parser that meets bytes of somebody else's, and what holds of whatever it accepts.

#![expect(clippy::panic, reason = "a target reports by panicking")]

use brevet_api::agent::{Documents, EnrolmentToken, JournalAnswer};
use brevet_api::{broker, frame, link};
use brevet_core::application::{dpkg, script};
use brevet_core::document::{
    Acknowledgement, AutonomousDocument, Content, Decline, Envelope, GrantDocument, Heartbeat, Key, Manifest, PolicyDocument, Revocation,
    SettingsDocument, Trust, open,
};
use brevet_core::id::{ComputerId, Incarnation};
use brevet_core::journal::{Chain, Record};
use brevet_core::{corpus, file, json, lint, policy, record};
use brevet_ctl::import::sudoers as import;

use crate::Target;

/// Every target, by the name of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("frames", frames),
    ("documents", documents),
    ("journal", journal),
    ("policy_toml", policy_toml),
    ("policy_json", policy_json),
    ("token", token),
    ("sudoers", sudoers),
    ("package_database", package_database),
    ("script_header", script_header),
];

/// What a client or `brevetd` sends to the broker, and the broker to them: nothing longer than the limit is read, and a frame that was
/// read is the one that its bytes encode.
pub fn frames(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(read) = frame::read(&mut rest, frame::MAX_CLIENT) {
        assert!(read.payload.len() < frame::MAX_CLIENT);
        let again = frame::encode(read.kind, &read.payload).ok();
        assert!(again.is_some_and(|again| bytes.windows(again.len()).any(|window| window == again)), "a frame that was not sent");
        let _ = frame::control::<broker::Ask>(&read);
        let _ = frame::control::<broker::Reply>(&read);
        let _ = frame::control::<broker::Tell>(&read);
        let _ = frame::control::<link::Down>(&read);
        let _ = frame::control::<link::Up>(&read);
    }
}

fn opens<C: Content>(envelope: &Envelope, key: &Key) {
    // Nobody signed it with this key: whatever the bytes, it must not open.
    assert!(open::<C>(envelope, &[key.public()]).is_err(), "an unsigned document was opened");
}

/// Signed documents: an envelope of anybody's, and the payloads behind it.
pub fn documents(bytes: &[u8]) {
    let _ = json::parse::<Documents>(bytes);
    let _ = json::parse::<JournalAnswer>(bytes);
    if let Ok(envelope) = json::parse::<Envelope>(bytes) {
        let key = Key::from_seed(&[7; 32]);
        let _ = (envelope.kind(), envelope.digest());
        opens::<PolicyDocument>(&envelope, &key);
        opens::<Trust>(&envelope, &key);
        opens::<GrantDocument>(&envelope, &key);
    }
    let _ = json::parse::<Trust>(bytes);
    let _ = json::parse::<AutonomousDocument>(bytes);
    let _ = json::parse::<SettingsDocument>(bytes);
    let _ = json::parse::<Manifest>(bytes);
    let _ = json::parse::<GrantDocument>(bytes);
    let _ = json::parse::<Decline>(bytes);
    let _ = json::parse::<Revocation>(bytes);
    let _ = json::parse::<Heartbeat>(bytes);
    let _ = json::parse::<Acknowledgement>(bytes);
    if let Ok(document) = json::parse::<PolicyDocument>(bytes) {
        let text = serde_json::to_vec(&document).unwrap_or_default();
        assert_eq!(json::parse::<PolicyDocument>(&text).as_ref(), Ok(&document), "a document that does not read back");
    }
}

/// Records of a journal: one a line, as they are kept. What follows a chain is numbered without gaps.
pub fn journal(bytes: &[u8]) {
    let mut chain = Chain::new(ComputerId::new(1, [1; 10]), Incarnation::new(1, [1; 10]));
    for line in bytes.split(|byte| *byte == b'\n') {
        let Ok(record) = json::parse::<Record>(line) else { continue };
        let _ = (record.hash(), record.body_is_intact());
        if let (Some(body), Ok(header)) = (&record.body, record.parse_header()) {
            let _ = record::Body::parse(&header.kind, body);
        }
        let before = chain.clone();
        match chain.follow(&record) {
            Ok(header) => assert_eq!(header.seq, before.seq + 1),
            Err(_) => assert_eq!(chain, before, "a chain that moved on by a record that it refused"),
        }
    }
}

/// Policy text as administrators write it: what is sound prints to what reads back as the same.
pub fn policy_toml(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let _ = corpus::parse(text);
    if let Ok(read) = file::check(text) {
        let _ = lint::lint(&read);
        match file::print(&read) {
            Ok(printed) => assert_eq!(file::check(&printed).as_ref(), Ok(&read), "a file that does not read back"),
            Err(error) => panic!("a sound file that does not print: {error}"),
        }
    }
}

/// Policies as the API takes them.
pub fn policy_json(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(read) = policy::parse_json(text) {
        let _ = policy::validate(&read);
        let printed = serde_json::to_string(&read).unwrap_or_default();
        assert_eq!(policy::parse_json(&printed).as_ref(), Ok(&read), "a policy that does not read back");
    }
}

/// The content of an enrolment token.
pub fn token(bytes: &[u8]) {
    if let Ok(read) = serde_json::from_slice::<EnrolmentToken>(bytes) {
        let printed = serde_json::to_vec(&read).unwrap_or_default();
        assert_eq!(serde_json::from_slice::<EnrolmentToken>(&printed).ok().as_ref(), Some(&read));
    }
}

/// One file, whatever it says it includes.
struct One<'t>(&'t str);

impl import::Files for One<'_> {
    fn read(&mut self, path: &str) -> Result<String, String> {
        if path == "sudoers" { Ok(self.0.to_owned()) } else { Ok("alice ALL = /bin/true\n".to_owned()) }
    }
    fn names(&mut self, _: &str) -> Result<Vec<String>, String> {
        Ok(vec!["10-local".to_owned()])
    }
}

/// A sudoers file: whatever is drafted from it is what `apply` takes.
pub fn sudoers(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(whole) = import::read(&mut One(text), "sudoers", Some("web1")) else { return };
    if let Ok(draft) = import::draft(&whole, policy::Mode::Automatic, 300) {
        let printed = file::print(&draft.file).unwrap_or_default();
        assert_eq!(file::check(&printed).as_ref(), Ok(&draft.file), "a draft that does not read back");
    }
}

/// dpkg's database: `status`, `diversions`, a list and checksums, whichever the bytes are taken for. What it tells stands in the text,
/// and no name of a package has in it what would make it another.
pub fn package_database(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for (name, it) in dpkg::installed(&text) {
        assert!(!name.is_empty() && !it.version.is_empty(), "a package without a name or a version");
        for told in [name.split(':').next().unwrap_or_default(), &it.version, it.vendor.as_deref().unwrap_or_default()] {
            assert!(text.contains(told) && !told.contains('\n'), "what is not in the text, or more than a line of it");
        }
    }
    let diversions = dpkg::diversions(&text);
    if let [diversion] = diversions.as_slice()
        && diversion.from != diversion.to
    {
        let owns = |path| dpkg::claim(&diversions, path).is_of(&diversion.by);
        assert!(owns(&diversion.from) && !owns(&diversion.to), "what was moved away is not the diverter's");
    }
    for path in dpkg::listed(bytes) {
        assert!(!path.is_empty() && !path.contains(&b'\n'));
        if let Ok(path) = std::str::from_utf8(path) {
            for name in dpkg::aliases(path) {
                assert!(path.ends_with(name), "a name of another file");
                let _ = dpkg::claim(&diversions, name);
            }
            if let Some((package, stem)) = dpkg::list_name(path) {
                assert!(stem.starts_with(package) && !package.contains(':'));
            }
            if let Some(sum) = dpkg::checksum(&text, path) {
                assert!(text.lines().any(|line| line == format!("{sum}  {}", path.strip_prefix('/').unwrap_or(path))));
            }
        }
    }
}

/// The first line of a script: what it names is what the kernel would start, and reads back as the same.
pub fn script_header(bytes: &[u8]) {
    let beginning = bytes.get(..script::HEADER.min(bytes.len())).unwrap_or_default();
    let read = script::first_line(bytes);
    // What lies behind what the kernel reads changes nothing.
    if bytes.len() > script::HEADER {
        assert_eq!(script::first_line(beginning), read);
    }
    let Ok(Some(line)) = read else { return };
    let (name, argument) = (line.interpreter.as_bytes(), line.argument.as_ref().map(|argument| argument.as_bytes()));
    assert!(name.starts_with(b"/") && !name.iter().any(|byte| matches!(byte, 0 | b' ' | b'\t' | b'\n')), "{line:?}");
    let blank = |byte: Option<&u8>| matches!(byte, None | Some(b' ' | b'\t'));
    assert!(argument.is_none_or(|text| !blank(text.first()) && !blank(text.last()) && !text.contains(&0) && !text.contains(&b'\n')));
    let between: &[u8] = if argument.is_some() { b" " } else { b"" };
    let again = [b"#!".as_slice(), name, between, argument.unwrap_or_default(), b"\n"].concat();
    assert_eq!(script::first_line(&again), Ok(Some(line.clone())), "it reads back as another");
}
