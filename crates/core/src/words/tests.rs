use super::*;

fn policy(rest: &str) -> Policy {
    toml::from_str(&format!("name = 'P'\ncomputers = 'all'\n{rest}")).unwrap()
}

#[test]
fn a_policy_is_one_sentence() {
    let asked = policy(
        "users = ['alice', 'os-group:webteam']\nmode = 'request'\napplications = [{ file = '/usr/sbin/nginx' }]\n\
         validity = { kind = 'recurring', days = ['mon', 'tue', 'wed', 'thu', 'fri'], start = '09:00', end = '17:00', zone = 'Europe/Berlin' }",
    );
    assert_eq!(
        summary(&asked),
        "alice and the OS group webteam may run /usr/sbin/nginx (any arguments) as root on all computers, \
         Mon\u{2013}Fri 09:00\u{2013}17:00 Europe/Berlin, after approval, for at most 1h"
    );
    let denied = policy("users = 'all'\nmode = 'deny'\napplications = [{ product = 'gdb' }, { folder = '/opt/x' }]\nenabled = false");
    assert_eq!(
        summary(&denied),
        "(disabled) everybody may never run any program of the package gdb (any arguments) or anything in /opt/x (any arguments) on all computers"
    );
    let at_once = policy(
        "users = ['group:ops']\nmode = 'automatic'\napplications = 'all'\nexcept = [{ file = '/bin/sh' }]\n\
         elevation = { run_as = 'deploy', children = 'deny', containment = 'pid_namespace' }",
    );
    assert_eq!(
        summary(&at_once),
        "the group ops may run any application, but not /bin/sh (any arguments), as deploy on all computers, at once, \
         with their password, for at most 1h, starting no other program, apart from other processes"
    );
}

#[test]
fn how_many_computers_that_is_stands_where_they_are_named() {
    let on = |computers: &str, all: usize, whole: bool| {
        let text = format!("name = 'P'\ncomputers = {computers}\nusers = 'all'\nmode = 'deny'\napplications = 'all'");
        let of_group = |group: &str| if group == "web" { 3 } else { 1 };
        let said = brief_counted(&toml::from_str(&text).unwrap(), &Counted { all, of_group: &of_group, whole });
        said.strip_prefix("everybody may never run any application on ").unwrap().to_owned()
    };
    assert_eq!(on("'all'", 14, true), "all 14 computers");
    assert_eq!(on("'all'", 1, true), "all computers (1 now)");
    assert_eq!(on("'all'", 0, true), "all computers (none now)");
    assert_eq!(on("'all'", 3, false), "all computers (3 that you see)");
    assert_eq!(on("['group:web', 'db-1', 'group:x']", 14, true), "the group web (3 computers), db-1 and the group x (1 computer)");
    assert_eq!(on("['group:web']", 14, false), "the group web (3 computers that you see)");
    assert_eq!(on("['a', 'b', 'group:web', 'c', 'd']", 14, true), "a, b, the group web (3 computers) and 2 others");
}

#[test]
fn a_window_is_said_exactly() {
    let window = |start: &str| {
        let text = format!(
            "users = 'all'\nmode = 'deny'\napplications = 'all'\nvalidity = {{ kind = 'window', start = '{start}', end = '2027-01-02T00:00:00Z' }}"
        );
        validity(&policy(&text))
    };
    assert_eq!(window("2026-12-01T09:55:00Z"), "from 2026-12-01 09:55 UTC until 2027-01-02 00:00 UTC");
    assert_eq!(window("2026-12-01T09:55:30.250Z"), "from 2026-12-01 09:55:30.250 UTC until 2027-01-02 00:00 UTC");
}

#[test]
fn where_room_is_short_long_lists_are_counted() {
    let many = policy(
        "users = ['a', 'b', 'group:c', 'd', 'e']\nmode = 'deny'\napplications = [{ file = '/1' }, { file = '/2' }, { file = '/3' }, { file = '/4' }]",
    );
    assert_eq!(
        brief(&many),
        "a, b, the group c and 2 others may never run /1 (any arguments), /2 (any arguments), /3 (any arguments) or /4 (any arguments) on all computers"
    );
    assert!(summary(&many).starts_with("a, b, the group c, d and e may never run"));
}

#[test]
fn applications_say_every_condition() {
    let of = |rule: &str| applications(&policy(&format!("users = 'all'\nmode = 'request'\napplications = [{rule}]"))).join("; ");
    for (rule, words) in [
        ("{ file = '/usr/sbin/nginx', arguments = ['-t'] }", "/usr/sbin/nginx (only -t)"),
        ("{ file = '/a', arguments = [] }", "/a (no arguments)"),
        ("{ file = '/a', arguments = [{ rest = true }] }", "/a (any arguments)"),
        (
            "{ file = '/usr/bin/systemctl', arguments = ['restart', { glob = 'web-*' }, { any = true }, { rest = true }] }",
            "/usr/bin/systemctl (only restart one like 'web-*' any one any more)",
        ),
        (
            "{ executable = 'backup', product = 'example-backup', unchanged = true }",
            "backup as it was installed (of the package example-backup, any arguments)",
        ),
        (
            "{ product = 'postgresql-15', min_version = '15.4', max_version = '15.99', vendor = 'Debian' }",
            "any program of the package postgresql-15 (from Debian, from version 15.4, up to version 15.99, any arguments)",
        ),
        ("{ vendor = 'Example Corp' }", "any program of the vendor \"Example Corp\" (any arguments)"),
        ("{ folder = '/opt/tools', subfolders = true }", "anything below /opt/tools (any arguments)"),
        ("{ list = 'Package tools', target_user = 'svc' }", "what the list \"Package tools\" names (as svc)"),
        ("{ list = 'Package tools' }", "what the list \"Package tools\" names"),
        ("{ list = 'Package tools', arguments = ['-t'] }", "what the list \"Package tools\" names (only -t)"),
        (
            "{ file = '/opt/r.py', interpreter = '/usr/bin/python3', owner = 'root', parent = { file = '/usr/bin/make' } }",
            "/opt/r.py (owned by root, run by /usr/bin/python3, started from /usr/bin/make (any arguments), any arguments)",
        ),
    ] {
        assert_eq!(of(rule), words);
    }
}

#[test]
fn what_a_list_names_is_said_where_it_is_known() {
    let list = |toml: &str| toml::from_str::<crate::file::List>(toml).unwrap().rules;
    let many: Vec<String> = (0..OF_A_LIST + 12).map(|n| format!("{{ file = '/{n}' }}")).collect();
    let lists = Lists::from([
        ("Narrow".to_owned(), list("name = 'Narrow'\nrules = [{ file = '/usr/bin/nproc', arguments = [] }, { product = 'apt' }]")),
        ("Long".to_owned(), list(&format!("name = 'Long'\nrules = [{}]", many.join(", ")))),
    ]);
    let policy = policy(
        "users = 'all'\nmode = 'request'\napplications = [{ list = 'Narrow' }, { list = 'Long' }, { list = 'Gone' }]\n\
         except = [{ list = 'Narrow', arguments = ['-x'] }]",
    );
    let said = applications_in(&policy, &lists);
    let narrow = "/usr/bin/nproc (no arguments) and any program of the package apt (any arguments)";
    assert_eq!(said[0], format!("what the list \"Narrow\" names: {narrow}"));
    assert!(
        said[1].starts_with("what the list \"Long\" names: /0 (any arguments), /1 ") && said[1].ends_with(" and 12 more"),
        "{}",
        said[1]
    );
    assert_eq!(said[2], "what the list \"Gone\" names");
    assert_eq!(said[3], format!("but not what the list \"Narrow\" names (only -x): {narrow}"));
}

#[test]
fn who_may_approve_is_said_in_words() {
    let said = |written: &[&str]| approvers(&written.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
    assert_eq!(said(&["role:approver", "person:Bob\u{1b}"]), "whoever has the role approver or Bob\\u{1b}");
    assert_eq!(said(&[]), "nobody");
}

#[test]
fn times_are_said_as_people_say_them() {
    let of =
        |written: &str| validity(&policy(&format!("users = 'all'\nmode = 'request'\napplications = 'all'\nvalidity = {{ {written} }}")));
    assert_eq!(of("kind = 'always'"), "");
    assert_eq!(of("kind = 'fixed', duration = '2h', from = 'first_use'"), "for 2h from each user's first use");
    let on = |days: &str| of(&format!("kind = 'recurring', days = [{days}], start = '22:00', end = '02:00', zone = 'UTC'"));
    assert_eq!(on("'sat', 'sun'"), "Sat, Sun 22:00\u{2013}02:00 UTC");
    assert_eq!(on("'wed', 'mon', 'tue', 'fri'"), "Mon\u{2013}Wed, Fri 22:00\u{2013}02:00 UTC");
    assert_eq!(on("'mon','tue','wed','thu','fri','sat','sun'"), "every day 22:00\u{2013}02:00 UTC");
}

#[test]
fn until_when_it_may_be_used_is_said_at_every_boundary() {
    let at = |text: &str| Timestamp::parse(text).unwrap();
    let standing = |wall: &str, age| Standing { wall: at(wall), heartbeat_age_millis: age, unreadable_deny: false };
    let of = |mode: &str, validity: &str| {
        policy(&format!("users = 'all'\nmode = '{mode}'\napplications = 'all'\nstaleness = '1d'\nvalidity = {{ {validity} }}"))
    };
    let window = of("request", "kind = 'window', start = '2026-12-01T20:00:00Z', end = '2026-12-02T02:00:00Z'");
    let said = |wall| usable(&window, Fixed::NotStarted, &standing(wall, Some(0)));
    assert!(said("2026-12-01T19:59:59Z").starts_with("not now: begins at 2026-12-01T20:00:00"));
    assert_eq!(said("2026-12-01T20:00:00Z"), "now, until 2026-12-02T02:00:00Z");
    assert_eq!(said("2026-12-02T01:59:59Z"), "now, until 2026-12-02T02:00:00Z");
    assert_eq!(said("2026-12-02T02:00:00Z"), "not now: ended at 2026-12-02T02:00:00.000Z; it will not hold again");
    let hours = of("request", "kind = 'recurring', days = ['mon'], start = '09:00', end = '17:00', zone = 'Europe/Berlin'");
    assert_eq!(
        usable(&hours, Fixed::NotStarted, &standing("2026-12-01T12:00:00Z", Some(0))),
        "not now: holds mon from 09:00 to 17:00 in Europe/Berlin; it holds again from Mon 2026-12-07 09:00 in Europe/Berlin"
    );
    let first_use = of("automatic", "kind = 'fixed', duration = '2h', from = 'first_use'");
    let now = standing("2026-12-01T00:00:00Z", Some(0));
    assert_eq!(usable(&first_use, Fixed::NotStarted, &now), "now, for 2h from your first use");
    let started = |elapsed_millis| usable(&first_use, Fixed::Started { elapsed_millis }, &now);
    assert_eq!(started(3_600_000), "now, until 2026-12-01T01:00:00Z");
    assert!(started(7_200_000).starts_with("not now: "));
    let always = |mode: &str, age| usable(&of(mode, "kind = 'always'"), Fixed::NotStarted, &standing("2026-12-01T00:00:00Z", age));
    assert_eq!(always("request", Some(86_399_000)), "now");
    assert!(always("request", Some(86_400_001)).starts_with("not now: "), "{}", always("request", Some(86_400_001)));
    assert!(always("request", None).starts_with("not now: "));
    assert_eq!(always("deny", None), "now", "a deny needs no fresh heartbeat");
    let said = bounds("root", Authentication::Password, 1_800_000, &now);
    assert_eq!(said, "as root, with your password, for at most 30m (if it began now: until 2026-12-01T00:30:00Z)");
}

#[test]
fn text_of_others_does_not_act() {
    let hostile = policy("users = ['a\\u001b[2J']\nmode = 'request'\napplications = [{ file = '/a' }]".replace('\'', "\"").as_str());
    assert!(summary(&hostile).starts_with("a\\u{1b}[2J may run"), "{}", summary(&hostile));
}
