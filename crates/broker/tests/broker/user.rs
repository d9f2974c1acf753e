//! A throw-away user.

use std::process::Command;
use std::time::{Duration, Instant};

pub struct TestUser {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

impl TestUser {
    pub fn create() -> Self {
        assert_eq!(brevet_sys::process::effective_uid(), 0, "these tests make users and elevate: they must run as root");
        let random: [u8; 4] = brevet_broker::random::bytes().unwrap();
        let name = format!("bvt{:08x}", u32::from_be_bytes(random));
        // Another test may hold the lock on the user database.
        retry(|| Command::new("useradd").args(["-M", "-U", "-s", "/bin/sh", &name]).output().unwrap().status.success());
        let id = |flag: &str| {
            let output = Command::new("id").args([flag, &name]).output().unwrap();
            String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
        };
        let (uid, gid) = (id("-u"), id("-g"));
        Self { name, uid, gid }
    }

    pub fn set_password(&self, password: &str) {
        use std::io::Write as _;
        retry(|| {
            let mut child = Command::new("chpasswd").stdin(std::process::Stdio::piped()).spawn().unwrap();
            writeln!(child.stdin.take().unwrap(), "{}:{password}", self.name).unwrap();
            child.wait().unwrap().success()
        });
    }

    pub fn expire(&self) {
        retry(|| Command::new("usermod").args(["-e", "1", &self.name]).status().unwrap().success());
    }
}

impl Drop for TestUser {
    fn drop(&mut self) {
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until && !Command::new("userdel").args(["-f", &self.name]).output().is_ok_and(|o| o.status.success()) {
            std::thread::yield_now();
        }
    }
}

fn retry(mut attempt: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(20);
    while !attempt() {
        assert!(Instant::now() < until, "the user database stayed locked");
    }
}
