//! The caller's descriptors 0, 1, 2: a terminal becomes the session's own, harmless kinds pass through, others are refused.

use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use brevet_api::broker::Window;
use brevet_sys::pty;

use super::Refusal;
use crate::spec::Terminal;
use crate::supervisor::passed;

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
            // The supervisor looks again; here the caller is told which one it is.
            passed::check_as(number, fd.as_fd()).map_err(|why| {
                let names = ["standard input", "standard output", "standard error"];
                let name = names.get(number).copied().unwrap_or_default();
                Refusal::new("descriptor", format!("{name}: {why}")).hint("use a terminal, a pipe, a file or /dev/null instead")
            })?;
            passed.push(fd);
        }
    }
    let window = window.unwrap_or(Window { rows: 24, columns: 80 });
    Ok(Standard { passed, terminal: on.contains(&true).then_some(Terminal { on, window }) })
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
