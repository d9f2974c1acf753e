//! The broker role's filter: unix sockets only, no program is ever executed, no other way around (`io_uring`, `ptrace`).
//!
//! Written by hand as classic BPF, so that it can be read beside `seccomp(2)`. Refused calls get `EACCES`;
//! a call of another architecture ends the process.

use crate::error::{Error, Result, check};

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const ERRNO: u32 = 0x0005_0000;

/// Offsets in `struct seccomp_data`; both architectures are little-endian, so an argument's low half comes first.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const FIRST_ARGUMENT: u32 = 16;

#[cfg(target_arch = "x86_64")]
const OURS: u32 = 0xC000_003E; // AUDIT_ARCH_X86_64
#[cfg(target_arch = "aarch64")]
const OURS: u32 = 0xC000_00B7; // AUDIT_ARCH_AARCH64

/// x32 calls carry this bit; on aarch64 no call does, so the check is true of both.
const X32_BIT: u32 = 0x4000_0000;

const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_io_uring_setup,
    libc::SYS_bpf,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_unshare,
    libc::SYS_setns,
];

const UNIX_ONLY: &[libc::c_long] = &[libc::SYS_socket, libc::SYS_socketpair];

fn statement(code: u16, value: u32) -> libc::sock_filter {
    libc::sock_filter { code, jt: 0, jf: 0, k: value }
}

fn jump(code: u16, value: u32, if_true: u8, if_false: u8) -> libc::sock_filter {
    libc::sock_filter { code, jt: if_true, jf: if_false, k: value }
}

/// The program. Every block is self-contained: a test, and a return that is skipped where the test does not hold.
fn program() -> Vec<libc::sock_filter> {
    let refuse = ERRNO | u32::try_from(libc::EACCES).unwrap_or(1);
    let number = |call: libc::c_long| u32::try_from(call).unwrap_or(u32::MAX);
    let mut filter = vec![
        statement(LOAD, ARCHITECTURE),
        jump(JUMP_EQUAL, OURS, 1, 0),
        statement(RETURN, KILL_PROCESS),
        statement(LOAD, NUMBER),
        jump(JUMP_AT_LEAST, X32_BIT, 0, 1),
        statement(RETURN, KILL_PROCESS),
    ];
    for call in REFUSED {
        filter.push(jump(JUMP_EQUAL, number(*call), 0, 1));
        filter.push(statement(RETURN, refuse));
    }
    for call in UNIX_ONLY {
        // The kernel reads the family as an int: the low half is all of it.
        filter.push(jump(JUMP_EQUAL, number(*call), 0, 4));
        filter.push(statement(LOAD, FIRST_ARGUMENT));
        filter.push(jump(JUMP_EQUAL, u32::try_from(libc::AF_UNIX).unwrap_or(1), 1, 0));
        filter.push(statement(RETURN, refuse));
        filter.push(statement(RETURN, ALLOW));
    }
    filter.push(statement(RETURN, ALLOW));
    filter
}

/// Confines every thread of this process, for good, and forbids gaining privileges by exec.
///
/// # Errors
/// When the kernel refuses, or a thread could not be confined.
pub fn confine_to_unix_sockets() -> Result<()> {
    let mut filter = program();
    let bpf = libc::sock_fprog { len: u16::try_from(filter.len()).unwrap_or(0), filter: filter.as_mut_ptr() };
    // SAFETY: plain call with integers.
    check("forbid new privileges", unsafe { crate::process::control(libc::PR_SET_NO_NEW_PRIVS, 1) })?;
    // SAFETY: `bpf` points to `len` valid instructions; the kernel copies them.
    let set = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_TSYNC, &raw const bpf) };
    match set {
        0 => Ok(()),
        thread if thread > 0 => Err(Error::other("confine every thread", "a thread has another filter")),
        _ => Err(Error::last("confine this process")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    /// The filter cannot be taken off again, so it is tried in a process of its own: this test, run again.
    #[test]
    fn only_unix_sockets_are_left_and_nothing_can_be_executed() {
        if std::env::var_os("BREVET_CONFINED_CHILD").is_none() {
            let done = std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "seccomp::tests::only_unix_sockets_are_left_and_nothing_can_be_executed"])
                .env("BREVET_CONFINED_CHILD", "1")
                .output()
                .unwrap();
            assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
            return;
        }
        let other_thread = std::sync::Arc::new(std::sync::Barrier::new(2));
        let waiting = other_thread.clone();
        let thread = std::thread::spawn(move || {
            waiting.wait();
            std::net::UdpSocket::bind("127.0.0.1:0").unwrap_err().raw_os_error()
        });
        assert!(std::net::UdpSocket::bind("127.0.0.1:0").is_ok(), "the control: it works before");
        confine_to_unix_sockets().unwrap();
        other_thread.wait();
        assert_eq!(thread.join().unwrap(), Some(libc::EACCES), "a thread from before is confined too");
        for family in [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK, libc::AF_PACKET, libc::AF_VSOCK] {
            // SAFETY: plain calls with integers.
            assert_eq!(unsafe { libc::socket(family, libc::SOCK_DGRAM, 0) }, -1);
            assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EACCES));
        }
        UnixStream::pair().unwrap();
        assert_eq!(std::process::Command::new("/bin/true").status().unwrap_err().raw_os_error(), Some(libc::EACCES));
        // SAFETY: plain call with integers; the parameters are never looked at.
        assert_eq!(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, 0) }, -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EACCES));
    }
}
