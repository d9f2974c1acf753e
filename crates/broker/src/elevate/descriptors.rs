//! The caller's descriptors 0, 1, 2: a terminal becomes the session's own, harmless kinds pass through, others are refused.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use brevet_api::broker::Window;
use brevet_sys::{open, pty};

use super::Refusal;
use crate::spec::Terminal;

/// File systems whose regular files act when they are written.
const ACTING: &[i64] = &[
    0x0000_9FA0, // proc
    0x6265_6572, // sysfs
    0x0027_E0EB, // cgroup
    0x6367_7270, // cgroup2
    0x6573_5546, // FUSE
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0xCAFE_4A11, // bpf
    0x6265_6570, // configfs
];

/// What becomes of them.
#[derive(Debug)]
pub(super) struct Standard {
    /// Those that are passed through, in order.
    pub(super) passed: Vec<OwnedFd>,
    /// The session's own terminal, where one of them is a terminal.
    pub(super) terminal: Option<Terminal>,
}

impl Standard {
    pub(super) fn borrowed(&self) -> Vec<BorrowedFd<'_>> {
        self.passed.iter().map(|fd| fd.as_fd()).collect()
    }

    pub(super) fn on(&self) -> [bool; 3] {
        self.terminal.map_or([false; 3], |terminal| terminal.on)
    }
}

pub(super) fn judge(descriptors: [OwnedFd; 3], window: Option<Window>) -> Result<Standard, Refusal> {
    let mut on = [false; 3];
    let mut passed = Vec::new();
    for ((number, fd), on) in descriptors.into_iter().enumerate().zip(&mut on) {
        if pty::is_terminal(fd.as_fd()) {
            *on = true;
        } else {
            may_pass(fd.as_fd()).map_err(|what| {
                let names = ["standard input", "standard output", "standard error"];
                let name = names.get(number).copied().unwrap_or_default();
                Refusal::new("descriptor", format!("{name} is {what}, which is not passed on"))
                    .hint("use a terminal, a pipe, a file or /dev/null instead")
            })?;
            passed.push(fd);
        }
    }
    let window = window.unwrap_or(Window { rows: 24, columns: 80 });
    Ok(Standard { passed, terminal: on.contains(&true).then_some(Terminal { on, window }) })
}

fn may_pass(fd: BorrowedFd<'_>) -> Result<(), String> {
    let unreadable = |error: brevet_sys::Error| format!("unknown ({})", crate::chain(&error));
    let metadata = open::metadata(fd).map_err(unreadable)?;
    let kind = metadata.file_type();
    if kind.is_fifo() || kind.is_socket() {
        return Ok(());
    }
    if kind.is_char_device() {
        // Device 1:3, whatever its name.
        return if metadata.rdev() == 0x103 { Ok(()) } else { Err("a device".to_owned()) };
    }
    if !kind.is_file() {
        return Err("neither a file nor a pipe".to_owned());
    }
    let mount = open::mount_of(fd).map_err(unreadable)?;
    if ACTING.contains(&mount.magic) { Err("a file of the kernel or of FUSE".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn one(file: OwnedFd) -> Result<Standard, Refusal> {
        let null = || OwnedFd::from(File::options().read(true).write(true).open("/dev/null").unwrap());
        judge([file, null(), null()], None)
    }

    #[test]
    fn pipes_files_and_null_pass_and_a_terminal_is_replaced() {
        let (reader, _writer) = std::io::pipe().unwrap();
        assert_eq!(one(reader.into()).unwrap().passed.len(), 3);
        assert_eq!(one(tempfile::tempfile().unwrap().into()).unwrap().passed.len(), 3);
        let pty = pty::open().unwrap();
        let standard = one(pty.slave).unwrap();
        assert_eq!((standard.passed.len(), standard.on()), (2, [true, false, false]));
    }

    #[test]
    fn kernel_files_devices_and_directories_do_not_pass() {
        for path in ["/proc/self/status", "/dev/zero", "/tmp", "/sys/kernel/mm/transparent_hugepage/enabled"] {
            let Ok(file) = File::open(path) else { continue };
            assert_eq!(one(file.into()).unwrap_err().code, "descriptor", "{path}");
        }
    }
}
