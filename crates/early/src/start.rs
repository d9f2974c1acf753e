//! The program's entry: ours first, then the C library's with everything as the kernel left it.

use crate::ask::ask;
use crate::call;
use crate::follow::{Followed, follow};
use crate::frame::LONGEST;
use core::cell::UnsafeCell;
use core::ffi::{CStr, c_char};
use core::sync::atomic::{AtomicI32, AtomicUsize, Ordering};

/// One more than the connection's number; 0 where there is none.
static CONNECTION: AtomicI32 = AtomicI32::new(0);
/// How much of the room was read from it.
static READ: AtomicUsize = AtomicUsize::new(0);

struct Room(UnsafeCell<[u8; LONGEST]>);
// SAFETY: it is written by `early` alone, before there is a second thread.
unsafe impl Sync for Room {}
static ROOM: Room = Room(UnsafeCell::new([0; LONGEST]));

/// See `crate::connection`.
pub fn connection() -> Option<(i32, &'static [u8])> {
    let number = CONNECTION.swap(0, Ordering::Relaxed).checked_sub(1).filter(|number| *number >= 0)?;
    // SAFETY: who wrote it, `early`, has ended, and nobody writes it again.
    let room = unsafe { &*ROOM.0.get() };
    Some((number, room.get(..READ.load(Ordering::Relaxed)).unwrap_or_default()))
}

// The kernel, or the loader of a dynamic program, gives the stack with the arguments in rsp and a function in rdx: both are kept.
core::arch::global_asm!(
    ".globl brevet_start",
    ".type brevet_start, @function",
    "brevet_start:",
    "endbr64",
    "mov r12, rsp",
    "mov r13, rdx",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {early}",
    "mov rsp, r12",
    "mov rdx, r13",
    "jmp _start",
    ".size brevet_start, . - brevet_start",
    early = sym early,
);

/// # Safety
/// `stack` is what the kernel left: the count of arguments, their addresses, null, those of the environment, null.
unsafe extern "C" fn early(stack: *const usize) {
    // SAFETY: as the kernel leaves it; the count is the first word, and both lists end with null.
    let (arguments, environment) = unsafe {
        let count = *stack;
        let arguments = stack.add(1).cast::<*const c_char>();
        (Strings(arguments), Strings(arguments.add(count).add(1)))
    };
    // SAFETY: nothing else uses it now, and later it is only read.
    let room = unsafe { &mut *ROOM.0.get() };
    let Some(connection) = ask(arguments.map(CStr::to_bytes), environment, room) else { return };
    match follow(&connection, room) {
        Followed::Ended(status) => call::exit(status),
        Followed::Read(read) => READ.store(read, Ordering::Relaxed),
    }
    CONNECTION.store(connection.keep().saturating_add(1), Ordering::Relaxed);
}

/// The texts of a list of addresses that ends with null.
#[derive(Clone)]
struct Strings(*const *const c_char);

impl Iterator for Strings {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        // SAFETY: the list is the kernel's, which nobody has changed yet; it is not read beyond its null.
        unsafe {
            let text = *self.0;
            if text.is_null() {
                return None;
            }
            self.0 = self.0.add(1);
            let mut length = 0usize;
            while *text.add(length) != 0 {
                length = length.wrapping_add(1);
            }
            let bytes = core::slice::from_raw_parts(text.cast::<u8>(), length.wrapping_add(1));
            Some(CStr::from_bytes_with_nul_unchecked(bytes))
        }
    }
}
