//! The server from the network, its database in the wrong hands, and `brevetd` taken over.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use brevet_e2e::program::{self, Output};
use brevet_e2e::{OsUser, processes};

use crate::attacker::LONG;
use crate::stage::{SOON, Stage};

impl Stage {
    /// `curl` against the server; prints the status last.
    fn curl(&self, path: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new("/usr/bin/curl");
        command.args(["--silent", "--show-error", "--max-time", "30", "--path-as-is", "--cacert"]).arg(&self.brevet.ca);
        command.args(["--write-out", "\n%{http_code}"]).args(arguments).arg(format!("{}{path}", self.brevet.url));
        program::run(&mut command, LONG).unwrap()
    }

    fn status(&self, path: &str, arguments: &[&str]) -> String {
        self.curl(path, arguments).stdout.lines().last().unwrap_or_default().to_owned()
    }

    fn database(&self) -> PathBuf {
        let is_it = |p: &PathBuf| p.extension().is_some_and(|e| e == "db" || e == "sqlite");
        fs::read_dir(self.brevet.data()).unwrap().map(|e| e.unwrap().path()).find(is_it).unwrap()
    }
}

#[test]
fn no_header_query_or_spelling_of_the_path_replaces_a_token() {
    let stage = Stage::new();
    let bearer = format!("Authorization: Bearer {}", stage.brevet.token);
    assert_eq!(stage.status("/api/v1/policies", &["-H", &bearer]), "200");
    let token = &stage.brevet.token;
    let half = &token[..token.len() - 1];
    let headers = [
        "X-Forwarded-User: owner".to_owned(),
        "X-Remote-User: owner".to_owned(),
        "X-Original-URL: /healthz".to_owned(),
        "X-HTTP-Method-Override: GET".to_owned(),
        "Authorization: Bearer".to_owned(),
        "Authorization: Bearer ".to_owned(),
        "Authorization: Bearer null".to_owned(),
        format!("Authorization: Bearer {half}"),
        format!("Authorization: Bearer {token}x"),
        format!("Authorization: Bearer {} ", token.to_uppercase()),
        format!("Authorization: Bearer {half}%"),
        format!("Authorization: Basic {token}"),
        format!("X-Authorization: Bearer {token}"),
        format!("Cookie: token={token}"),
    ];
    for header in &headers {
        assert_eq!(stage.status("/api/v1/policies", &["-H", header]), "401", "{header}");
    }
    for path in ["/api/v1/policies?token=", "/api/v1/policies?access_token=", "/api/v1/policies?authorization=Bearer%20"] {
        assert_eq!(stage.status(&format!("{path}{token}"), &[]), "401", "{path}");
    }
    for path in [
        "/healthz/../api/v1/policies",
        "/api/v1/./policies",
        "//api/v1/policies",
        "/api/v1//policies",
        "/api/v1/policies/",
        "/API/V1/POLICIES",
        "/api/v1/policies;x=1",
        "/api/v1/%70olicies",
        "/healthz%2f..%2fapi%2fv1%2fpolicies",
        "/api/v1/../../../../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/assets/../../../etc/passwd",
        "/agent/v1/../../api/v1/policies",
    ] {
        let output = stage.curl(path, &[]);
        let status = output.stdout.lines().last().unwrap_or_default();
        assert!(matches!(status, "401" | "404" | "400"), "{path}: {}", output.stdout);
        assert!(!output.stdout.contains("root:"), "{path}");
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "HEAD", "BREW"] {
        let status =
            if method == "HEAD" { stage.status("/api/v1/policies", &["-I"]) } else { stage.status("/api/v1/policies", &["-X", method]) };
        assert!(matches!(status.as_str(), "401" | "405" | "404" | "400"), "{method}: {status}");
    }
    stage.finish();
}

#[test]
fn bombs_and_floods_of_bytes_are_refused_and_others_are_served() {
    let stage = Stage::new();
    let bearer = format!("Authorization: Bearer {}", stage.brevet.token);
    let file = |name: &str, content: &[u8]| {
        let path = stage.brevet.state.join(name);
        fs::write(&path, content).unwrap();
        format!("@{}", path.display())
    };
    let deep = file("deep", [vec![b'['; 2_000_000], vec![b']'; 2_000_000]].concat().as_slice());
    let objects = file("objects", "{\"a\":".repeat(500_000).as_bytes());
    let huge = file("huge", &vec![b' '; 40 << 20]);
    let number = file("number", format!("{{\"name\":1e{}}}", "9".repeat(100_000)).as_bytes());
    for body in [&deep, &objects, &huge, &number] {
        for (path, who) in [("/api/v1/policies", Some(&bearer)), ("/api/v1/apply", Some(&bearer)), ("/agent/v1/enrol", None)] {
            for chunked in [false, true] {
                let mut arguments = vec!["-X", "POST", "-H", "Content-Type: application/json", "--data-binary", body.as_str()];
                arguments.extend(who.iter().flat_map(|header| ["-H", header.as_str()]));
                if chunked {
                    arguments.extend(["-H", "Transfer-Encoding: chunked"]);
                }
                let status = stage.status(path, &arguments);
                // 000: closed while the body was still being sent.
                assert!(matches!(status.as_str(), "400" | "401" | "413" | "422" | "000" | "405" | "404"), "{path} {body}: {status}");
            }
        }
    }
    let long = format!("X-Long: {}", "a".repeat(100_000));
    assert!(matches!(stage.status("/api/v1/policies", &["-H", &long]).as_str(), "400" | "431" | "000"));
    assert_eq!(stage.status("/healthz", &[]), "200");
    stage.finish();
}

#[test]
fn connections_that_say_nothing_or_little_do_not_keep_others_out() {
    let stage = Stage::new();
    let port = stage.brevet.url.rsplit(':').next().unwrap().to_owned();
    let script = r#"
        use Socket;
        my ($port) = @ARGV;
        my @open;
        for (1 .. 600) {
            socket(my $s, AF_INET, SOCK_STREAM, 0) or last;
            connect($s, sockaddr_in($port, inet_aton('127.0.0.1'))) or last;
            # Nothing; the beginning of a greeting; HTTP where TLS is spoken.
            syswrite($s, ('', "\x16\x03\x01\x02\x00\x01", "GET / HTTP/1.1\r\nHost: x\r\n")[$_ % 3]);
            push @open, $s;
        }
        print 'open ' . @open . "\n";
        select undef, undef, undef, 20;
    "#;
    let mut flood = stage.perl(&stage.alice, script, &[&port]);
    let mut flood = flood.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = [0; 5];
    std::io::Read::read_exact(flood.stdout.as_mut().unwrap(), &mut line).unwrap();
    let start = std::time::Instant::now();
    assert_eq!(stage.status("/healthz", &[]), "200");
    stage.ctl(&["policy", "list"]);
    let took = start.elapsed();
    flood.kill().unwrap();
    flood.wait().unwrap();
    assert!(took < SOON, "{took:?}");
    stage.finish();
}

#[test]
fn a_record_that_was_changed_in_the_database_is_found_by_whoever_verifies() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.allow("show");
    for _ in 0..3 {
        stage.alice(&["run", "--", &stage.tool("show")]).ok().unwrap();
    }
    stage.brevet.wait_event("session.ended", |_| true).unwrap();
    stage.ctl(&["event", "verify"]);
    let database = stage.database().to_string_lossy().into_owned();
    let sql = |text: &str| program::system("sqlite3", ["-cmd", ".timeout 5000", &database, text]).unwrap().stdout;
    let one = "computer = (select id from computer limit 1) and seq = 3";
    let kept = sql(&format!("select quote(header) || ',' || quote(body) || ',' || quote(salt) from journal_record where {one}"));
    let (kept, restore) =
        (kept.trim(), |kept: &str| sql(&format!("update journal_record set (header, body, salt) = ({kept}) where {one}")));
    assert!(!kept.is_empty());
    let fourth = one.replace("seq = 3", "seq = 4");
    let changes = [
        format!("update journal_record set body = replace(body, 'a', 'b') where {one}"),
        format!("update journal_record set header = replace(header, '1', '2') where {one}"),
        format!(
            "update journal_record set salt = null, body = null, body_hash = (select body_hash from journal_record where {fourth}) where {one}"
        ),
        format!(
            "update journal_record set (header, body, salt) = (select header, body, salt from journal_record where {fourth}) where {one}"
        ),
    ];
    let hash = sql(&format!("select quote(body_hash) from journal_record where {one}"));
    for change in &changes {
        sql(change);
        let verified = stage.brevet.ctl(&["event", "verify"]).unwrap();
        assert_ne!(verified.code(), 0, "{change}: {}", verified.stdout);
        restore(kept);
        sql(&format!("update journal_record set body_hash = {} where {one}", hash.trim()));
        stage.ctl(&["event", "verify"]);
    }
    sql(&format!("delete from journal_record where {one}"));
    assert_ne!(stage.brevet.ctl(&["event", "verify"]).unwrap().code(), 0, "a record is missing and nobody says so");
    stage.finish();
}

#[test]
fn an_event_that_was_changed_in_the_database_is_found_by_whoever_verifies() {
    let stage = Stage::new();
    let pins = stage.brevet.state.join("pins");
    let pins = pins.to_str().unwrap();
    stage.ctl(&["event", "verify", "--write-pins", pins]);
    let database = stage.database().to_string_lossy().into_owned();
    let sql = |text: &str| program::system("sqlite3", ["-cmd", ".timeout 5000", &database, text]).unwrap().stdout;
    let one = "leaf = 1";
    let columns = "kind, actor_name, summary, body, salt, content_hash, redacted, leaf";
    let quoted = columns.split(", ").map(|column| format!("quote({column})")).collect::<Vec<_>>().join(" || ',' || ");
    let kept = sql(&format!("select {quoted} from event where {one}"));
    assert!(!kept.trim().is_empty());
    for change in [
        "actor_name = 'somebody else'",
        "kind = 'policy.deleted'",
        "summary = 'nothing happened'",
        "body = '{}'",
        "redacted = 1, salt = null, body = 'null', summary = ''",
        "content_hash = (select content_hash from event where leaf = 2)",
    ] {
        sql(&format!("update event set {change} where {one}"));
        let verified = stage.brevet.ctl(&["event", "verify"]).unwrap();
        assert_ne!(verified.code(), 0, "{change}: {}", verified.stdout);
        sql(&format!("update event set ({columns}) = ({}) where {one}", kept.trim()));
        stage.ctl(&["event", "verify", "--pins", pins]);
    }
    sql(&format!("delete from event where {one}"));
    assert_ne!(stage.brevet.ctl(&["event", "verify"]).unwrap().code(), 0, "an event is missing and nobody says so");
    stage.finish();
}

#[test]
fn a_stolen_copy_of_the_servers_folder_opens_nothing_by_itself() {
    let stage = Stage::new();
    let second = stage.ctl_json(&["token", "create", "stolen"]);
    let enrolment = stage.ctl_json(&["enrolment-token", "create"]);
    let secrets = [
        stage.brevet.token.clone(),
        second["token"].as_str().expect("a token").to_owned(),
        enrolment["token"].as_str().expect("an enrolment token").to_owned(),
        stage.brevet.sign_in.rsplit('/').next().unwrap().to_owned(),
        crate::stage::PASSWORD.to_owned(),
    ];
    for entry in fs::read_dir(stage.brevet.data()).unwrap().flatten().filter(|e| e.file_type().unwrap().is_file()) {
        let content = fs::read(entry.path()).unwrap();
        for secret in &secrets {
            let bare = secret.strip_prefix("brv_").unwrap_or(secret).as_bytes();
            assert!(!content.windows(bare.len()).any(|w| w == bare), "{} has a secret in clear", entry.path().display());
        }
    }
    // And nobody on the computer can copy it, nor the keys of the agent's parts.
    let folders = [stage.brevet.data(), stage.brevet.broker_state(), stage.brevet.broker_state().with_file_name("brevetd")];
    for folder in folders.iter().filter(|f| f.exists()) {
        let mut list = stage.alice.command(std::path::Path::new("/bin/ls"));
        assert_ne!(program::run(list.arg(folder), SOON).unwrap().code(), 0, "{} can be listed", folder.display());
    }
    stage.finish();
}

#[test]
fn a_taken_over_brevetd_can_neither_run_nor_read_nor_stop_anything() {
    let mut stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!(
        "{}applications = \"all\"\n[[policy]]\nname = \"Everybody asks\"\nusers = \"all\"\ncomputers = \"all\"\nmode = \"request\"\napplications = \"all\"\n",
        crate::stage::automatic("All")
    ));
    stage.brevet.stop_part("brevetd", "KILL").unwrap();
    let brevetd = OsUser::existing(&format!("bva-{}", stage.brevet.tag)).unwrap();
    let script = r#"
        my ($agent, $tool) = @ARGV;
        my @said = (
            pack('N', 0xffffffff), pack('NC', 4 << 20, 0) . 'x', frame('{"down":"hello"}'), frame('{"down":"run","command":["id"]}'),
            frame('{"ask":"list"}'), frame('{"down":"connected","connected":"yes"}'), frame('[' x 100_000),
            frame('{"down":"rewind","incarnation":"","seq":0}'), frame('{"down":"rewind","incarnation":"x","seq":18446744073709551615}'),
            frame('{"down":"document","payloadType":"x","payload":"","signatures":[]}'),
        );
        my $done = 0;
        for my $bytes (@said) { my $s = dial($agent); syswrite($s, $bytes); shutdown($s, 1); my @got = Attacker::tell($s); $done++ }
        print "answered $done\n";
        # Real frames, wrong content, and then not another word: the journal of what the broker holds comes, and nothing else.
        my $s = dial($agent);
        syswrite($s, frame('{"down":"hello","version":"x"}'));
        my ($kind, $state) = Attacker::tell($s);
        my ($records) = (Attacker::tell($s))[1];
        my ($incarnation) = $records =~ /"incarnation":"([^"]+)"/;
        for my $seq ('18446744073709551615', '9223372036854775808', '1000000', '0') {
            syswrite($s, frame("{\"down\":\"rewind\",\"incarnation\":\"$incarnation\",\"seq\":$seq}"));
        }
        for (1 .. 400) { syswrite($s, frame('{"down":"document","payloadType":"application/vnd.brevet.grant+json","payload":"e30=","signatures":[{"keyid":"x","sig":"AAAA"}]}')) }
        syswrite($s, frame('{"down":"hello","version":"again"}'));
        print 'state ', (Attacker::tell($s))[1] ? "comes\n" : "ended\n";
        my $broker = dial();
        with_descriptors($broker, frame(run_ask({}, $tool)), standard());
        print tells($broker);
    "#;
    let agent = stage.brevet.socket.with_file_name("agent.sock").to_string_lossy().into_owned();
    let output = program::run(&mut stage.perl(&brevetd, script, &[&agent, &stage.tool("show")]), LONG).unwrap();
    assert!(output.stdout.contains("answered 10\n"), "{} {}", output.stdout, output.stderr);
    assert!(output.stdout.contains("\"tell\":\"refused\"") && !output.stdout.contains("started"), "{}", output.stdout);
    assert!(processes::is_alive(stage.broker_pid()));
    // Its keys and state are its own; the broker's are not.
    let mut read = brevetd.command(std::path::Path::new("/bin/sh"));
    let text = format!(
        "cat {0}/journal.key {0}/identity.json {1}/keys/* {1}/*.key; ls {0}; echo over",
        stage.brevet.broker_state().display(),
        stage.brevet.data().display()
    );
    let output = program::run(read.args(["-c", &text]), SOON).unwrap();
    assert_eq!(output.stdout, "over\n");
    // Alice is served all the while, and the journal reaches the server when the real one is back.
    assert_eq!(stage.alice(&["run", "--", &stage.tool("show")]).stdout, "0\n");
    stage.brevet.start_agent().unwrap();
    stage.brevet.wait_connected().unwrap();
    stage.brevet.wait_event("session.ended", |_| true).unwrap();
    let refused = stage.brevet.events("document.refused").unwrap().len();
    assert!(refused < 300, "{refused} records of refused documents");
    stage.ctl(&["event", "verify"]);
    stage.finish();
}
