//! Terminals: typing into the caller's, showing them lies, leaving them broken (ATTACKS A).

use std::fs;
use std::path::PathBuf;

use brevet_e2e::record::Made;
use brevet_e2e::{Terminal, program};

use crate::stage::{SOON, Stage, automatic};

/// Types into descriptor 0 what a shell would then run.
const INJECT: &str = "ioctl(STDIN, 0x5412, $_) for split //, qq(echo injected\\n)";

/// What the caller's shell reads afterwards.
fn injected_by(stage: &Stage, elevate: &str) -> String {
    let script = stage.home().join("inject.sh");
    fs::write(&script, format!("{elevate} /usr/bin/perl -e '{INJECT}'\nread -t 1 line; echo \"line=[$line]\"\n")).unwrap();
    let socket = stage.brevet.socket.to_string_lossy().into_owned();
    let mut terminal = Terminal::start(&stage.alice, &[("BREVET_SOCKET", &socket)], &format!("bash {}", script.display())).unwrap();
    let shown = terminal.wait_for("line=[", SOON).unwrap();
    terminal.wait_end(SOON).unwrap();
    shown
}

/// A configuration file that is there for one test.
fn file_for_a_while(stage: &Stage, path: &str, text: &str, mode: u32) {
    assert!(!std::path::Path::new(path).exists(), "{path} exists and is not ours");
    stage.brevet.record.will_make(Made::Path { path: path.into() }).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

fn installed(program: &str) -> PathBuf {
    let path = PathBuf::from("/usr/bin").join(program);
    assert!(path.exists(), "{program} is missing: run packaging/debian-packages.sh");
    path
}

#[test]
fn typing_into_the_callers_terminal_works_through_doas_and_through_sudo_without_a_terminal_and_not_through_brevet() {
    let stage = Stage::new();
    let (doas, sudo) = (installed("doas"), installed("sudo"));
    let user = &stage.alice.name;
    file_for_a_while(&stage, "/etc/doas.conf", &format!("permit nopass {user} as root cmd /usr/bin/perl\n"), 0o600);
    let rule = format!("Defaults:{user} !use_pty\n{user} ALL=(root) NOPASSWD: /usr/bin/perl\n");
    file_for_a_while(&stage, &format!("/etc/sudoers.d/brevet-{}", stage.brevet.tag), &rule, 0o440);
    stage.apply(&format!("{}applications = [{{ file = \"/usr/bin/perl\" }}]\n", automatic("Perl")));
    for control in [doas.display().to_string(), format!("{} -n", sudo.display())] {
        let shown = injected_by(&stage, &control);
        assert!(shown.contains("line=[echo injected"), "the control {control} did not fall for it: {shown}");
    }
    let shown = injected_by(&stage, &format!("{} run", stage.brevet.bin.join("brevet").display()));
    assert!(shown.contains("line=[") && !shown.contains("line=[echo injected"), "{shown}");
    stage.finish();
}

#[test]
fn no_descriptor_of_the_callers_terminal_reaches_the_program_by_any_number() {
    let stage = Stage::new();
    stage.apply(&format!("{}applications = [{{ file = \"/usr/bin/perl\" }}]\n", automatic("Perl")));
    let script = stage.home().join("numbers.sh");
    // Every number that the program finds, and the terminal by name, is tried for typing.
    let program = "for my $n (0 .. 300) { open(my $f, \"+<&=\", $n) or next; ioctl($f, 0x5412, $_) for split //, qq(echo injected\\n) } print qq(tried\\n)";
    let brevet = stage.brevet.bin.join("brevet");
    fs::write(
        &script,
        format!("exec 7<>/dev/tty 8</dev/tty\n{} run /usr/bin/perl -e '{program}' 7<&7 </dev/null | cat\nread -t 1 line; echo \"line=[$line]\"\n", brevet.display()),
    )
    .unwrap();
    let socket = stage.brevet.socket.to_string_lossy().into_owned();
    let mut terminal = Terminal::start(&stage.alice, &[("BREVET_SOCKET", &socket)], &format!("bash {}", script.display())).unwrap();
    let shown = terminal.wait_for("line=[", SOON).unwrap();
    terminal.wait_end(SOON).unwrap();
    assert!(shown.contains("tried") && !shown.contains("line=[echo injected"), "{shown}");
    stage.finish();
}

#[test]
fn a_program_name_full_of_fields_does_not_shift_what_is_read_of_its_process() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply(&format!(
        "[[policy]]\nname = \"Password\"\nusers = [\"{}\"]\ncomputers = \"all\"\nmode = \"automatic\"\nremember = \"5m\"\nauthentication = \"password\"\napplications = [{{ file = \"TOOLS/show\" }}]\n",
        stage.alice.name
    ));
    let brevet = stage.brevet.bin.join("brevet");
    let socket = stage.brevet.socket.to_string_lossy().into_owned();
    let line = format!("{} run {}; echo proved", brevet.display(), stage.tool("show"));
    let held = format!("bash -c '{line}; sleep 20'");
    let mut terminal = Terminal::start(&stage.alice, &[("BREVET_SOCKET", &socket)], &held).unwrap();
    terminal.wait_for("assword", SOON).unwrap();
    terminal.type_keys(&format!("{}\r", crate::stage::PASSWORD)).unwrap();
    terminal.wait_for("proved", SOON).unwrap();
    // Somebody without that terminal, who calls their process so that a careless reader finds other numbers in it.
    let leaders = brevet_e2e::processes::all().into_iter().filter(|p| brevet_e2e::processes::uid(*p) == Some(stage.alice.uid));
    for leader in leaders.map(|p| p.to_string()).collect::<Vec<_>>() {
        let script = r#"
            my ($tool, $leader) = @ARGV;
            my $name = ") S 1 1 $leader\0";
            syscall(157, 15, $name);
            my $s = dial();
            with_descriptors($s, frame(run_ask({}, $tool)), standard());
            print tells($s);
        "#;
        let output = program::run(&mut stage.perl(&stage.alice, script, &[&stage.tool("show"), &leader]), SOON).unwrap();
        assert!(output.stdout.contains("\"tell\":\"refused\""), "{}", output.stdout);
    }
    stage.finish();
}

#[test]
fn a_password_that_is_half_typed_when_it_is_interrupted_does_not_reach_the_shell() {
    let stage = Stage::new();
    stage.brevet.tool("show", "#!/bin/sh\nid -u\n").unwrap();
    stage.apply("[[policy]]\nname = \"Password\"\nusers = [\"ALICE\"]\ncomputers = \"all\"\nmode = \"automatic\"\nauthentication = \"password\"\napplications = [{ file = \"TOOLS/show\" }]\n");
    let brevet = stage.brevet.bin.join("brevet");
    let socket = stage.brevet.socket.to_string_lossy().into_owned();
    let script = stage.home().join("half.sh");
    fs::write(
        &script,
        format!("trap : INT TERM\n{} run {}\nread -t 1 line; echo \"line=[$line]\"; stty -a\n", brevet.display(), stage.tool("show")),
    )
    .unwrap();
    let mut terminal = Terminal::start(&stage.alice, &[("BREVET_SOCKET", &socket)], &format!("bash {}", script.display())).unwrap();
    terminal.wait_for("assword", SOON).unwrap();
    terminal.type_keys("half a secret").unwrap();
    let clients = brevet_e2e::processes::running_from(&stage.brevet.bin);
    let client = clients.into_iter().find(|p| brevet_e2e::processes::uid(*p) == Some(stage.alice.uid)).unwrap();
    program::system("kill", ["-TERM", &client.to_string()]).unwrap();
    let shown = terminal.wait_for("rows", SOON).unwrap();
    assert!(!shown.contains("half a secret"), "{shown}");
    assert!(shown.contains("line=[]") && shown.contains(" echo ") && shown.contains(" icanon"), "{shown}");
    terminal.wait_end(SOON).unwrap();
    stage.finish();
}
