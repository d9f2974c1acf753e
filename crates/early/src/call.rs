//! System calls by their numbers (`asm/unistd_64.h`), each behind a safe function; `None` where the kernel refuses.

use core::arch::asm;
use core::mem::MaybeUninit;

const CLOSE: usize = 3;
const FSTAT: usize = 5;
const POLL: usize = 7;
const IOCTL: usize = 16;
const SOCKET: usize = 41;
const CONNECT: usize = 42;
const RT_SIGPROCMASK: usize = 14;
const SENDTO: usize = 44;
const RECVFROM: usize = 45;
const SENDMSG: usize = 46;
const GETSOCKOPT: usize = 55;
const PRCTL: usize = 157;
const EXIT_GROUP: usize = 231;
const SIGNALFD4: usize = 289;
const OPENAT2: usize = 437;

/// Relative to the working directory.
const HERE: usize = -100isize as usize;

/// # Safety
/// As the call of that number asks: what is passed as an address is valid for it.
unsafe fn call(number: usize, arguments: [usize; 6]) -> Option<usize> {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let result: isize;
    // SAFETY: the kernel takes its arguments in these registers and changes rax, rcx and r11; the caller vouches for addresses.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") first,
            in("rsi") second,
            in("rdx") third,
            in("r10") fourth,
            in("r8") fifth,
            in("r9") sixth,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    usize::try_from(result).ok()
}

/// An open descriptor, closed when it is dropped.
#[derive(Debug)]
pub struct Descriptor(i32);

impl Descriptor {
    fn of(number: usize) -> Option<Self> {
        i32::try_from(number).ok().map(Self)
    }

    /// Its number.
    pub fn number(&self) -> i32 {
        self.0
    }

    /// Its number, and it stays open.
    pub fn keep(self) -> i32 {
        let number = self.0;
        core::mem::forget(self);
        number
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: plain call; nobody else has the number.
        let _: Option<usize> = unsafe { call(CLOSE, [register(self.0), 0, 0, 0, 0, 0]) };
    }
}

/// As the kernel reads an `int`.
fn register(number: i32) -> usize {
    number as usize
}

/// Flags of `open`.
pub mod open {
    pub const READ_WRITE: u64 = 0o2;
    pub const NO_CONTROLLING: u64 = 0o400;
    pub const NO_BLOCKING: u64 = 0o4000;
    pub const DIRECTORY: u64 = 0o200_000;
    pub const NO_LINK: u64 = 0o400_000;
    pub const PLACE: u64 = 0o10_000_000;
    pub(super) const CLOSE_ON_EXEC: u64 = 0o2_000_000;
}

/// Opens, close-on-exec, from the working directory on.
pub fn openat2(path: &core::ffi::CStr, flags: u64) -> Option<Descriptor> {
    #[repr(C)]
    struct How {
        flags: u64,
        mode: u64,
        resolve: u64,
    }
    let how = How { flags: flags | open::CLOSE_ON_EXEC, mode: 0, resolve: 0 };
    // SAFETY: the path ends with NUL, and `how` has the size that is passed.
    let opened = unsafe { call(OPENAT2, [HERE, path.as_ptr() as usize, &raw const how as usize, size_of::<How>(), 0, 0]) };
    Descriptor::of(opened?)
}

/// The mode and the owner of what a descriptor means.
pub fn mode_and_owner(of: &Descriptor) -> Option<(u32, u32)> {
    /// `struct stat`, as the kernel fills it on this architecture.
    #[repr(C)]
    struct Stat {
        device: u64,
        inode: u64,
        links: u64,
        mode: u32,
        uid: u32,
        rest: [u64; 14],
    }
    let mut stat = MaybeUninit::<Stat>::uninit();
    // SAFETY: `stat` has room for what the call fills, and is read only where it did.
    unsafe {
        call(FSTAT, [register(of.0), stat.as_mut_ptr() as usize, 0, 0, 0, 0])?;
        let stat = stat.assume_init_ref();
        Some((stat.mode, stat.uid))
    }
}

/// Nobody of the same user may look into this process or steer it from here on.
pub fn forbid_dumping() -> Option<()> {
    const PR_SET_DUMPABLE: usize = 4;
    // SAFETY: plain call.
    unsafe { call(PRCTL, [PR_SET_DUMPABLE, 0, 0, 0, 0, 0]) }.map(drop)
}

/// `struct pollfd`.
#[repr(C)]
struct Polled {
    descriptor: i32,
    events: i16,
    found: i16,
}

/// Whether descriptors 0, 1 and 2 are all open.
pub fn three_are_open() -> bool {
    const INVALID: i16 = 0x20;
    let of = |descriptor| Polled { descriptor, events: 0, found: 0 };
    let mut list = [of(0), of(1), of(2)];
    // SAFETY: the list has the length that is passed.
    let polled = unsafe { call(POLL, [list.as_mut_ptr() as usize, list.len(), 0, 0, 0, 0]) };
    polled.is_some() && list.iter().all(|one| one.found & INVALID == 0)
}

/// Waits until there is something to read from one of them, the end included, or a signal came: which of them.
pub fn wait_readable<const N: usize>(descriptors: [&Descriptor; N]) -> [bool; N] {
    const READABLE: i16 = 1;
    // As an `int`: for ever.
    const EVER: usize = u32::MAX as usize;
    let mut list = descriptors.map(|one| Polled { descriptor: one.0, events: READABLE, found: 0 });
    // SAFETY: the list has the length that is passed.
    let polled = unsafe { call(POLL, [list.as_mut_ptr() as usize, N, EVER, 0, 0, 0]) };
    list.map(|one| polled.is_some() && one.found != 0)
}

/// What can be read now without waiting, and stays to be read unless `take`; how much.
pub fn receive(socket: &Descriptor, room: &mut [u8], take: bool) -> Option<usize> {
    const DO_NOT_WAIT: usize = 0x40;
    const PEEK: usize = 2;
    let flags = if take { DO_NOT_WAIT } else { DO_NOT_WAIT | PEEK };
    // SAFETY: the room is valid for its length.
    unsafe { call(RECVFROM, [register(socket.0), room.as_mut_ptr() as usize, room.len(), flags, 0, 0]) }
}

/// Blocks signals, and makes a descriptor that can be read while one of them waits.
pub fn signals(mask: u64) -> Option<Descriptor> {
    const SIG_BLOCK: usize = 0;
    const CLOSE_ON_EXEC_NO_BLOCKING: usize = 0o2_004_000;
    let mask = &raw const mask as usize;
    // SAFETY: the mask has the eight bytes that are said; -1 asks for a new descriptor.
    unsafe {
        call(RT_SIGPROCMASK, [SIG_BLOCK, mask, 0, 8, 0, 0])?;
        Descriptor::of(call(SIGNALFD4, [usize::MAX, mask, 8, CLOSE_ON_EXEC_NO_BLOCKING, 0, 0])?)
    }
}

/// Ends this process.
pub fn exit(status: u8) {
    // SAFETY: plain call.
    let _: Option<usize> = unsafe { call(EXIT_GROUP, [usize::from(status), 0, 0, 0, 0, 0]) };
}

/// Whether a descriptor is a terminal.
pub fn is_terminal(descriptor: &Descriptor) -> bool {
    const TCGETS: usize = 0x5401;
    // `struct termios` of the kernel has 36 bytes.
    let mut mode = MaybeUninit::<[u64; 8]>::uninit();
    // SAFETY: there is room for what the call fills.
    unsafe { call(IOCTL, [register(descriptor.0), TCGETS, mode.as_mut_ptr() as usize, 0, 0, 0]) }.is_some()
}

/// Rows and columns of a terminal.
pub fn window(descriptor: i32) -> Option<(u16, u16)> {
    const TIOCGWINSZ: usize = 0x5413;
    let mut size = [0u16; 4];
    // SAFETY: `struct winsize` is four of these.
    unsafe { call(IOCTL, [register(descriptor), TIOCGWINSZ, size.as_mut_ptr() as usize, 0, 0, 0]) }?;
    let [rows, columns, ..] = size;
    Some((rows, columns))
}

const UNIX: u16 = 1;

/// A unix stream socket, close-on-exec.
pub fn unix_socket() -> Option<Descriptor> {
    const STREAM_CLOSE_ON_EXEC: usize = 0o2_000_001;
    // SAFETY: plain call.
    Descriptor::of(unsafe { call(SOCKET, [usize::from(UNIX), STREAM_CLOSE_ON_EXEC, 0, 0, 0, 0]) }?)
}

/// Connects to the socket that an open place is, through its name in `/proc`.
pub fn connect(socket: &Descriptor, place: &Descriptor) -> Option<()> {
    #[repr(C)]
    struct Address {
        family: u16,
        path: [u8; 32],
    }
    let mut address = Address { family: UNIX, path: *b"/proc/self/fd/\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" };
    let mut digits = [0u8; 10];
    let mut rest = u32::try_from(place.0).ok()?;
    let mut from = digits.len();
    loop {
        from = from.checked_sub(1)?;
        *digits.get_mut(from)? = b'0'.wrapping_add(u8::try_from(rest % 10).ok()?);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    let after = address.path.get_mut(b"/proc/self/fd/".len()..)?;
    for (to, digit) in after.iter_mut().zip(digits.get(from..)?) {
        *to = *digit;
    }
    // SAFETY: the address has the size that is passed, and its path ends with NUL within it.
    unsafe { call(CONNECT, [register(socket.0), &raw const address as usize, size_of::<Address>(), 0, 0, 0]) }.map(drop)
}

/// The uid of whoever listens on a connected unix socket.
pub fn peer(socket: &Descriptor) -> Option<u32> {
    const SOL_SOCKET: usize = 1;
    const SO_PEERCRED: usize = 17;
    // `struct ucred`: pid, uid, gid.
    let mut credentials = [u32::MAX; 3];
    let mut length = 12u32;
    // SAFETY: `credentials` has the length that is passed.
    unsafe {
        call(GETSOCKOPT, [register(socket.0), SOL_SOCKET, SO_PEERCRED, credentials.as_mut_ptr() as usize, &raw mut length as usize, 0])
    }?;
    let [_, uid, _] = credentials;
    (length == 12).then_some(uid)
}

const NO_SIGNAL: usize = 0x4000;

/// Sends bytes and with them four descriptors; how many bytes went.
pub fn send_with(socket: &Descriptor, bytes: &[u8], descriptors: [i32; 4]) -> Option<usize> {
    #[repr(C)]
    struct Part {
        base: usize,
        length: usize,
    }
    #[repr(C)]
    struct Control {
        length: usize,
        level: i32,
        kind: i32,
        descriptors: [i32; 4],
    }
    #[repr(C)]
    struct Message {
        name: usize,
        name_length: usize,
        parts: usize,
        parts_length: usize,
        control: usize,
        control_length: usize,
        flags: usize,
    }
    let part = Part { base: bytes.as_ptr() as usize, length: bytes.len() };
    // SOL_SOCKET, SCM_RIGHTS.
    let control = Control { length: size_of::<Control>(), level: 1, kind: 1, descriptors };
    let message = Message {
        name: 0,
        name_length: 0,
        parts: &raw const part as usize,
        parts_length: 1,
        control: &raw const control as usize,
        control_length: size_of::<Control>(),
        flags: 0,
    };
    // SAFETY: every address means what the structures say and lives until the call returns.
    unsafe { call(SENDMSG, [register(socket.0), &raw const message as usize, NO_SIGNAL, 0, 0, 0]) }
}

/// Sends bytes; how many went.
pub fn send(socket: &Descriptor, bytes: &[u8]) -> Option<usize> {
    // SAFETY: the bytes are valid for their length.
    unsafe { call(SENDTO, [register(socket.0), bytes.as_ptr() as usize, bytes.len(), NO_SIGNAL, 0, 0]) }
}
