//! `clone3` with a function for the child, on a stack of its own while the parent is held (`CLONE_VFORK`).

use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// What the child runs; it must never return and touch only memory prepared before.
pub(crate) type Entry = extern "C" fn(*mut libc::c_void) -> !;

const STACK: usize = 64 * 1024;

#[repr(C, align(16))]
struct Stack([u8; STACK]);

/// Starts a child that shares our memory until it has exec'd or ended; returns its pid and pidfd, or the error number.
///
/// # Safety
/// `entry` and everything that it reaches through `argument` must be sound in a process that shares our memory while
/// this thread is held: no locks, no allocation, no unwinding. All signals must be blocked.
pub(crate) unsafe fn vfork_into(entry: Entry, argument: *mut libc::c_void, cgroup: Option<RawFd>) -> Result<(i32, OwnedFd), i32> {
    // WHY not zeroed: that would touch all of it, and the child needs a page or two.
    let mut stack = Box::<Stack>::new_uninit();
    let mut pidfd: libc::c_int = -1;
    let flags = u64::try_from(libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PIDFD).unwrap_or(0);
    let arguments = Arguments {
        flags: flags | cgroup.map_or(0, |_| INTO_CGROUP),
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: u64::try_from(libc::SIGCHLD).unwrap_or(0),
        stack: stack.as_mut_ptr() as u64,
        stack_size: STACK as u64,
        cgroup: cgroup.and_then(|fd| u64::try_from(fd).ok()).unwrap_or(0),
        ..Arguments::default()
    };
    // SAFETY: the arguments are valid for the kernel to read, the stack is ours and outlives the child's use of it
    // (the parent is held until then); the caller promises the rest.
    let returned = unsafe { enter(&arguments, entry, argument) };
    drop(stack);
    finish(returned, pidfd)
}

/// Forks with clone flags (namespaces) into a cgroup: `None` in the child.
///
/// # Safety
/// The process must have one thread, so that the child's copy of every lock is free.
pub(crate) unsafe fn fork_into(flags: u64, cgroup: Option<RawFd>) -> Result<Option<(i32, OwnedFd)>, i32> {
    let mut pidfd: libc::c_int = -1;
    let arguments = Arguments {
        flags: flags | u64::try_from(libc::CLONE_PIDFD).unwrap_or(0) | cgroup.map_or(0, |_| INTO_CGROUP),
        pidfd: (&raw mut pidfd) as u64,
        exit_signal: u64::try_from(libc::SIGCHLD).unwrap_or(0),
        cgroup: cgroup.and_then(|fd| u64::try_from(fd).ok()).unwrap_or(0),
        ..Arguments::default()
    };
    // SAFETY: without CLONE_VM this is fork(2): the child has a copy of the memory and of the stack.
    let returned = unsafe { libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<Arguments>()) };
    if returned == 0 {
        return Ok(None);
    }
    let returned = if returned < 0 { -i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EINVAL)) } else { returned };
    finish(returned, pidfd).map(Some)
}

fn finish(returned: i64, pidfd: RawFd) -> Result<(i32, OwnedFd), i32> {
    match i32::try_from(returned) {
        // SAFETY: the kernel stored a fresh descriptor when it made the process.
        Ok(pid) if pid > 0 => Ok((pid, unsafe { OwnedFd::from_raw_fd(pidfd) })),
        Ok(error) => Err(error.saturating_neg()),
        Err(_) => Err(libc::EOVERFLOW),
    }
}

/// `struct clone_args` of `linux/sched.h`.
#[repr(C, align(8))]
#[derive(Default)]
struct Arguments {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

const INTO_CGROUP: u64 = 0x2_0000_0000;

#[cfg(target_arch = "x86_64")]
unsafe fn enter(arguments: &Arguments, entry: Entry, argument: *mut libc::c_void) -> i64 {
    let returned: i64;
    // SAFETY: the child begins after `syscall` with an aligned stack of its own, calls `entry`, which never returns;
    // the parent goes on after the label with every register but rax, rcx and r11 as it was.
    unsafe {
        std::arch::asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") libc::SYS_clone3 => returned,
            in("rdi") std::ptr::from_ref(arguments),
            in("rsi") size_of::<Arguments>(),
            in("r12") argument,
            in("r13") entry,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    returned
}

#[cfg(target_arch = "aarch64")]
unsafe fn enter(arguments: &Arguments, entry: Entry, argument: *mut libc::c_void) -> i64 {
    let returned: i64;
    // SAFETY: as on x86_64; the kernel keeps every register but x0.
    unsafe {
        std::arch::asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x29, xzr",
            "mov x0, x21",
            "blr x22",
            "brk #1",
            "2:",
            inlateout("x0") std::ptr::from_ref(arguments) as i64 => returned,
            in("x1") size_of::<Arguments>(),
            in("x8") libc::SYS_clone3,
            in("x21") argument,
            in("x22") entry,
        );
    }
    returned
}
