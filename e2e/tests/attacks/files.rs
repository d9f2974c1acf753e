//! Getting another file executed than the one that was allowed (ATTACKS C).

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;

use brevet_e2e::program;

use crate::stage::{Stage, automatic};

const GOOD: &str = "#!/bin/sh\necho good        \n";
const EVIL: &str = "#!/bin/sh\necho evil `id -u`\n";

impl Stage {
    /// A script in alice's home that is hers.
    fn hers(&self, name: &str, text: &str) -> String {
        let path = self.home().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&path, Some(self.alice.uid), Some(self.alice.gid)).unwrap();
        path.to_string_lossy().into_owned()
    }

    fn allow_content(&self, text: &str) {
        let sample = self.brevet.tool("sample", text).unwrap();
        let sum = program::system("sha256sum", [&sample]).unwrap().stdout;
        let hash = sum.split(' ').next().unwrap();
        self.apply(&format!("{}applications = [{{ hash = \"sha256:{hash}\" }}]\n", automatic("By hash")));
    }

    fn wants_refused(&self, command: &[&str]) {
        let mut all = vec!["run", "--"];
        all.extend(command);
        let output = self.alice(&all);
        assert!(matches!(output.code(), 126 | 127), "{command:?} gave {}: {} {}", output.code(), output.stdout, output.stderr);
        assert_eq!(output.stdout, "", "{command:?}");
    }
}

/// Runs a script of alice's again and again while she changes it; prints what came out, each line once.
const WHILE_CHANGING: &str = r#"
    my ($how, $path, $good, $evil) = @ARGV;
    my $child = fork // die;
    if (!$child) {
        my $parent = getppid;
        for (my $turn = 0; getppid == $parent; $turn++) {
            my $text = $turn % 2 ? $evil : $good;
            if ($how eq 'rewrite') { open(my $f, '+<', $path) or next; syswrite $f, $text; }
            else { open(my $f, '>', "$path.new") or next; syswrite $f, $text; close $f; chmod 0755, "$path.new"; rename "$path.new", $path; }
        }
        exit;
    }
    my %seen;
    my $until = time + 8;
    for (1 .. 150) {
        last if time > $until;
        pipe(my $reader, my $writer);
        my $s = dial();
        with_descriptors($s, frame(run_ask({}, $path)), standard(1 => fileno $writer));
        my $told = tells($s);
        close $writer;
        my $out = join '', <$reader>;
        $seen{ $out ne '' ? $out : $told =~ /"code":"(\w+)"/ ? "refused $1\n" : "none\n" }++;
    }
    kill 'KILL', $child;
    waitpid $child, 0;
    print "$_" for sort keys %seen;
"#;

#[test]
fn a_script_that_is_changed_while_it_is_looked_at_runs_as_it_was_hashed_or_not_at_all() {
    let stage = Stage::new();
    stage.allow_content(GOOD);
    for how in ["rewrite", "rename"] {
        let path = stage.hers("mine", GOOD);
        let output = stage.attack(WHILE_CHANGING, &[how, &path, GOOD, EVIL]);
        assert!(output.stdout.contains("good"), "it never ran: {} {}", output.stdout, output.stderr);
        assert!(!output.stdout.contains("evil"), "{how}: {}", output.stdout);
    }
    stage.finish();
}

#[test]
fn a_link_that_is_swapped_never_leads_to_what_is_not_allowed() {
    let stage = Stage::new();
    let good = stage.brevet.tool("good", GOOD).unwrap();
    let evil = stage.hers("evil", EVIL);
    let link = stage.home().join("link");
    symlink(&good, &link).unwrap();
    stage.apply(&format!("{}applications = [{{ folder = \"TOOLS\" }}, {{ file = \"{}\" }}]\n", automatic("Tools"), link.display()));
    let script = r#"
        my ($link, $good, $evil) = @ARGV;
        my $child = fork // die;
        if (!$child) {
            my $parent = getppid;
            for (my $turn = 0; getppid == $parent; $turn++) { symlink($turn % 2 ? $evil : $good, "$link.new"); rename "$link.new", $link }
            exit;
        }
        my $until = time + 6;
        for (1 .. 150) {
            last if time > $until;
            pipe(my $reader, my $writer);
            my $s = dial();
            with_descriptors($s, frame(run_ask({}, $link)), standard(1 => fileno $writer));
            tells($s);
            close $writer;
            $seen{$_}++ for <$reader>;
        }
        kill 'KILL', $child;
        waitpid $child, 0;
        print sort keys %seen;
        print "over\n";
    "#;
    std::os::unix::fs::lchown(&link, Some(stage.alice.uid), Some(stage.alice.gid)).unwrap();
    let output = stage.attack(script, &[&link.to_string_lossy(), &good.to_string_lossy(), &evil]);
    assert!(output.stdout.contains("over") && !output.stdout.contains("evil"), "{} {}", output.stdout, output.stderr);
    stage.finish();
}

#[test]
fn no_other_way_of_naming_a_file_makes_it_the_allowed_one() {
    let stage = Stage::new();
    let good = stage.brevet.tool("good", GOOD).unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/good\" }}]\n", automatic("Good")));
    let tools = stage.brevet.tools.to_string_lossy().into_owned();
    let evil = stage.hers("evil", EVIL);
    let home = stage.home();
    // Names that lead elsewhere, or through what the process file system makes up.
    symlink(&evil, home.join("good")).unwrap();
    fs::copy(&evil, home.join("good ")).unwrap();
    for command in [
        format!("{tools}/../../../../..{evil}"),
        format!("/proc/self/root{tools}/good"),
        format!("/proc/1/root{tools}/good"),
        "/proc/self/exe".to_owned(),
        "/dev/fd/0".to_owned(),
        "/proc/self/fd/0".to_owned(),
        "/dev/stdin".to_owned(),
        format!("{tools}/good\n"),
        format!("{tools}/GOOD"),
        format!("{tools}/g*"),
        home.join("good").display().to_string(),
        evil,
    ] {
        stage.wants_refused(&[&command]);
    }
    // Another name for the same file that only root could have given is that file.
    assert_eq!(stage.alice(&["run", "--", &format!("{tools}/../tools/./good")]).stdout, "good\n");
    assert_eq!(stage.alice(&["run", "--", &good.to_string_lossy()]).stdout, "good\n");
    stage.finish();
}

#[test]
fn a_directory_shown_from_another_mount_namespace_is_not_the_one_of_that_name() {
    let stage = Stage::new();
    stage.brevet.tool("good", GOOD).unwrap();
    stage.apply(&format!("{}applications = [{{ file = \"TOOLS/good\" }}]\n", automatic("Good")));
    stage.hers("good", EVIL);
    // A helper in a namespace of alice's own covers the tools with her home and hands the directory out.
    let script = r#"
        my ($tools, $home) = @ARGV;
        use Fcntl;
        pipe(my $ready, my $done);
        my $child = fork // die;
        if (!$child) {
            exec 'unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', 'mount --bind "$2" "$1" && cd "$1" && echo ready >&3 && exec sleep 20', 'sh', $tools, $home
                if open(STDERR, '>', '/dev/null') && syscall(33, fileno $done, 3) == 3 && syscall(72, 3, 2, 0) == 0;
            exit 1;
        }
        close $done;
        my $line = <$ready> // '';
        print "helper: $line";
        for my $path ("/proc/$child/cwd", "/proc/$child/root$tools") {
            sysopen(my $directory, $path, O_RDONLY | 0200000) or do { print "no $path: $!\n"; next };
            pipe(my $reader, my $writer);
            my $s = dial();
            with_descriptors($s, frame(run_ask({}, './good')), standard(1 => fileno $writer, 3 => fileno $directory));
            my $told = tells($s);
            close $writer;
            print <$reader>, $told;
        }
        kill 'KILL', $child;
        waitpid $child, 0;
        print "over\n";
    "#;
    let output = stage.attack(script, &[&stage.brevet.tools.to_string_lossy(), &stage.home().to_string_lossy()]);
    assert!(output.stdout.contains("helper: ready"), "the attack could not be played: {} {}", output.stdout, output.stderr);
    assert!(output.stdout.contains("over") && !output.stdout.contains("evil") && !output.stdout.contains("good"), "{}", output.stdout);
    stage.finish();
}

#[test]
fn a_script_is_refused_when_its_interpreter_could_be_swapped() {
    let stage = Stage::new();
    let mine = stage.home().join("interpreter");
    fs::copy("/bin/sh", &mine).unwrap();
    chown(&mine, Some(stage.alice.uid), None).unwrap();
    let link = stage.brevet.tools.join("linked-interpreter");
    symlink(&mine, &link).unwrap();
    for (name, interpreter) in [("direct", &mine), ("linked", &link)] {
        stage.brevet.tool(name, &format!("#!{}\nid -u\n", interpreter.display())).unwrap();
    }
    stage.brevet.tool("chained", &format!("#!{}\nid -u\n", stage.tool("direct"))).unwrap();
    stage.brevet.tool("relative", "#!interpreter\nid -u\n").unwrap();
    stage.brevet.tool("found", "#!/usr/bin/env -S sh\nid -u\n").unwrap();
    stage.apply(&format!("{}applications = [{{ folder = \"TOOLS\" }}]\n", automatic("Tools")));
    for name in ["direct", "linked", "chained", "relative", "found"] {
        stage.wants_refused(&[&stage.tool(name)]);
    }
    stage.finish();
}

#[test]
fn a_folder_allows_only_what_root_alone_could_have_put_there() {
    let stage = Stage::new();
    let open = stage.brevet.tools.join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o1777)).unwrap();
    stage.apply(&format!("{}applications = [{{ folder = \"TOOLS\", subfolders = true }}]\n", automatic("Tools")));
    let place = |name: &str| open.join(name).to_string_lossy().into_owned();
    // Put there by alice: a copy of a shell, a hard link to a program of root's, a link.
    let mut put = stage.alice.command(Path::new("/bin/sh"));
    put.args(["-c", "cd \"$1\" && cp /bin/sh shell && ln -s /bin/sh link; ln /usr/bin/id hard 2>/dev/null; exit 0", "sh"]).arg(&open);
    program::run(&mut put, crate::stage::SOON).unwrap().ok().unwrap();
    // Put there by root, where alice could have put something else of that name before.
    fs::copy("/usr/bin/id", open.join("roots")).unwrap();
    // Root's alone, but for a group, an access list or another owner.
    for (name, command) in
        [("group", "chgrp 1234 \"$1\" && chmod 0775 \"$1\""), ("owner", "chown 1234 \"$1\""), ("mode", "chmod 0757 \"$1\"")]
    {
        let path = stage.brevet.tool(name, "#!/bin/sh\nid -u\n").unwrap();
        program::system("sh", ["-c", command, "sh", &path.to_string_lossy()]).unwrap();
        stage.wants_refused(&[&stage.tool(name)]);
    }
    for command in [&[&place("shell"), "-c", "id -u"][..], &[&place("link"), "-c", "id -u"], &[&place("roots")]] {
        stage.wants_refused(command);
    }
    if Path::new(&place("hard")).exists() {
        stage.wants_refused(&[&place("hard")]);
    }
    stage.finish();
}
