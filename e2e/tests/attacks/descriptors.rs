//! What a caller hands over as descriptors 0, 1, 2 and as working directory.

use crate::stage::{Stage, automatic};

/// Opens something in many ways and offers it in one place; prints the answers.
const OFFER: &str = r#"
    use Fcntl; use Socket;
    my ($tool, $home) = @ARGV;
    my @kept;
    my $file = sub { my ($path, $flags) = @_; sysopen(my $f, $path, $flags, 0600) or die "$path: $!"; push @kept, $f; fileno $f };
    my $offer = sub {
        my ($name, $place, $number) = @_;
        return print "$name: could not be made: $!\n" if $number < 0;
        my $s = dial();
        with_descriptors($s, frame(run_ask({}, $tool)), standard($place => $number));
        my $told = tells($s);
        my ($code) = $told =~ /"tell":"refused","code":"(\w+)"/;
        print "$name: ", $code // ($told =~ /"status":0/ ? 'ran' : "told $told"), "\n";
    };
    my $path_only = 010000000;
    $offer->('own namespace', 0, $file->('/proc/self/ns/mnt', O_RDONLY));
    $offer->('own process', 0, syscall(434, $$ + 0, 0));
    $offer->('process file', 0, $file->('/proc/self/status', O_RDONLY));
    $offer->('process memory', 0, $file->('/proc/self/mem', O_RDWR));
    $offer->('kernel file', 0, $file->('/sys/kernel/uevent_seqnum', O_RDONLY));
    $offer->('directory', 0, $file->('/etc', O_RDONLY | 0200000));
    $offer->('place only', 0, $file->('/etc/shadow', $path_only));
    $offer->('place only out', 1, $file->('/etc/passwd', $path_only));
    $offer->('unwritable out', 1, $file->('/etc/passwd', O_RDONLY));
    $offer->('unwritable errors', 2, $file->('/etc/passwd', O_RDONLY));
    $offer->('unreadable in', 0, $file->("$home/out", O_WRONLY | O_CREAT));
    $offer->('device', 0, $file->('/dev/zero', O_RDONLY));
    $offer->('epoll', 0, syscall(291, 0));
    $offer->('event', 0, syscall(290, 0, 0));
    $offer->('ring', 0, do { my $parameters = "\0" x 120; syscall(425, 4, $parameters) });
    $offer->('terminal of nobody', 0, $file->('/dev/ptmx', O_RDWR | O_NOCTTY));
    my $name = "memory\0";
    $offer->('memory', 0, syscall(319, $name, 0));
    socketpair(my $one, my $other, AF_UNIX, SOCK_STREAM, 0); push @kept, $one, $other;
    $offer->('socket', 0, fileno $one);
    pipe(my $reader, my $writer); push @kept, $reader, $writer;
    $offer->('pipe', 0, fileno $reader);
    $offer->('own file in', 0, $file->("$home/out", O_RDONLY));
    $offer->('own file out', 1, $file->("$home/out", O_WRONLY));
    $offer->('null in, write only', 0, $file->('/dev/null', O_WRONLY));
    $offer->('no directory', 3, $file->("$home/out", O_RDONLY));
    $offer->('directory of processes', 3, $file->("/proc/$$/root", O_RDONLY | 0200000));
    mkdir "$home/gone"; my $gone = $file->("$home/gone", O_RDONLY | 0200000); rmdir "$home/gone";
    $offer->('removed directory', 3, $gone);
"#;

#[test]
fn only_what_the_caller_could_read_or_write_themself_becomes_a_programs_input_or_output() {
    let stage = Stage::new();
    stage.brevet.tool("true", "#!/bin/sh\nexit 0\n").unwrap();
    stage.allow("true");
    let output = stage.attack(OFFER, &[&stage.tool("true"), &stage.home().to_string_lossy()]);
    let told: Vec<(&str, &str)> = output.stdout.lines().filter_map(|line| line.split_once(": ")).collect();
    let ran: Vec<&str> = told.iter().filter(|(_, what)| *what == "ran").map(|(name, _)| *name).collect();
    assert!(told.len() >= 25, "{} {}", output.stdout, output.stderr);
    // A terminal end is replaced by the session's own and so is none of the caller's.
    let allowed =
        ["terminal of nobody", "memory", "socket", "pipe", "own file in", "own file out", "null in, write only", "directory of processes"];
    assert_eq!(ran, allowed, "{}", output.stdout);
    stage.finish();
}

#[test]
fn a_program_that_opens_its_input_anew_reads_nothing_that_its_caller_could_not() {
    let stage = Stage::new();
    stage.brevet.tool("again", "#!/bin/sh\ncat /dev/stdin\n").unwrap();
    stage.allow("again");
    let secret = stage.brevet.state.join("secret");
    std::fs::write(&secret, "for root alone\n").unwrap();
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let script = r#"
        my ($tool, $secret) = @ARGV;
        sysopen(my $place, $secret, 010000000) or die "place: $!";
        pipe(my $reader, my $writer);
        my $s = dial();
        with_descriptors($s, frame(run_ask({}, $tool)), standard(0 => fileno $place, 1 => fileno $writer));
        my $told = tells($s);
        close $writer;
        print <$reader>, $told;
    "#;
    let output = stage.attack(script, &[&stage.tool("again"), &secret.to_string_lossy()]);
    assert!(!output.stdout.contains("for root alone"), "{}", output.stdout);
    assert!(output.stdout.contains("refused"), "{} {}", output.stdout, output.stderr);
    stage.finish();
}

#[test]
fn a_session_in_its_own_namespaces_is_given_no_way_out_as_a_descriptor() {
    let stage = Stage::new();
    let text = "#!/bin/sh\nexec 2>&1\ntest -e /proc/$1/root && echo SEES\nnsenter --mount=/proc/self/fd/0 test -e /proc/$1/root && echo LEFT\necho over\n";
    stage.brevet.tool("leave", text).unwrap();
    stage.apply(&format!(
        "{}applications = [{{ file = \"TOOLS/leave\" }}]\nelevation = {{ containment = \"pid_namespace\" }}\n",
        automatic("Leave")
    ));
    let script = r#"
        my ($tool, $pid) = @ARGV;
        open(my $namespace, '<', '/proc/self/ns/mnt') or die;
        open(my $null, '<', '/dev/null');
        for my $input ($null, $namespace) {
            pipe(my $reader, my $writer);
            my $s = dial();
            with_descriptors($s, frame(run_ask({}, $tool, $pid)), standard(0 => fileno $input, 1 => fileno $writer));
            my $told = tells($s);
            close $writer;
            print <$reader>, $told;
        }
    "#;
    let broker = stage.broker_pid().to_string();
    let output = stage.attack(script, &[&stage.tool("leave"), &broker]);
    assert!(output.stdout.contains("over\n"), "{} {}", output.stdout, output.stderr);
    assert!(!output.stdout.contains("SEES") && !output.stdout.contains("LEFT"), "{}", output.stdout);
    stage.finish();
}
