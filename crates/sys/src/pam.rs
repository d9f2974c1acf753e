//! Linux-PAM, loaded when it is first used, so that only the roles that need it carry it and nothing needs it to build.
//!
//! Answers are wiped here as soon as PAM has its copy; PAM wipes and frees its own.

use std::ffi::{CStr, CString};
use std::os::raw::{c_char, c_int, c_void};
use std::panic::AssertUnwindSafe;
use zeroize::Zeroizing;

/// What PAM wants from the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// An answer that is not shown.
    Hidden,
    /// An answer that is shown while it is typed.
    Shown,
    /// Nothing; something to read.
    Info,
    /// Nothing; an error to read.
    Error,
}

/// Asks the person; `None` breaks the conversation off. Called for `Info` and `Error` too, whose answer is not used.
pub type Conversation<'a> = Box<dyn FnMut(Prompt, &[u8]) -> Option<Zeroizing<Vec<u8>>> + 'a>;

/// Why PAM did not agree.
#[derive(Debug, thiserror::Error)]
pub enum PamError {
    /// The library is not installed or not usable.
    #[error("cannot load Linux-PAM: {0}")]
    Library(String),
    /// A text with a NUL byte.
    #[error("the {0} contains a NUL byte")]
    Nul(&'static str),
    /// PAM's own answer.
    #[error("{doing}: {text}")]
    Answer {
        /// The step.
        doing: &'static str,
        /// PAM's code.
        code: i32,
        /// PAM's words.
        text: String,
    },
}

/// Codes of `security/_pam_types.h` that callers tell apart.
pub mod code {
    /// Authentication failed.
    pub const AUTH_ERR: i32 = 7;
    /// No such user.
    pub const USER_UNKNOWN: i32 = 10;
    /// Too many tries.
    pub const MAXTRIES: i32 = 11;
    /// The password has expired and must be changed.
    pub const NEW_AUTHTOK_REQD: i32 = 12;
    /// The account has expired.
    pub const ACCT_EXPIRED: i32 = 13;
    /// Permission denied (locked, or not now).
    pub const PERM_DENIED: i32 = 6;
    /// The password has expired.
    pub const AUTHTOK_EXPIRED: i32 = 27;
    /// The password could not be read.
    pub const AUTHTOK_ERR: i32 = 20;
    /// The password could not be recovered.
    pub const AUTHTOK_RECOVERY_ERR: i32 = 21;
    /// The conversation was broken off.
    pub const CONV_ERR: i32 = 19;
}

const SUCCESS: c_int = 0;
const BUF_ERR: c_int = 5;
const CONV_ERR: c_int = code::CONV_ERR;
const MOST_MESSAGES: usize = 32;
const SILENT: c_int = 0x8000;
const ESTABLISH_CRED: c_int = 0x2;
const DELETE_CRED: c_int = 0x4;

/// An item of a transaction that a caller sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Item {
    /// The user to be authenticated; modules may change it.
    User = 2,
    /// The terminal's name.
    Tty = 3,
    /// Who asks.
    RequestingUser = 8,
}

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}
#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}
#[repr(C)]
struct Callback {
    call: extern "C" fn(c_int, *const *const Message, *mut *mut Response, *mut c_void) -> c_int,
    data: *mut c_void,
}

type Handle = *mut c_void;
type WithFlags = unsafe extern "C" fn(Handle, c_int) -> c_int;
type Start = unsafe extern "C" fn(*const c_char, *const c_char, *const Callback, *mut Handle) -> c_int;
type ReadItem = unsafe extern "C" fn(Handle, c_int, *mut *const c_void) -> c_int;
type SetItem = unsafe extern "C" fn(Handle, c_int, *const c_void) -> c_int;
type Text = unsafe extern "C" fn(Handle, c_int) -> *const c_char;

struct Library {
    start: Start,
    end: WithFlags,
    authenticate: WithFlags,
    account: WithFlags,
    credentials: WithFlags,
    open_session: WithFlags,
    close_session: WithFlags,
    item: ReadItem,
    set_item: SetItem,
    text: Text,
}

impl Library {
    fn load() -> Result<Self, PamError> {
        // SAFETY: a fixed library name; its initialisers are libpam's own.
        let handle = unsafe { libc::dlopen(c"libpam.so.0".as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
        if handle.is_null() {
            return Err(PamError::Library(loader_error()));
        }
        macro_rules! symbol {
            ($name:literal, $kind:ty) => {{
                // SAFETY: the name ends with NUL and the library stays loaded for the life of the process.
                let pointer = unsafe { libc::dlsym(handle, $name.as_ptr()) };
                if pointer.is_null() {
                    return Err(PamError::Library(loader_error()));
                }
                // SAFETY: the signatures are those of `security/pam_appl.h`, unchanged since Linux-PAM 1.0.
                unsafe { std::mem::transmute::<*mut c_void, $kind>(pointer) }
            }};
        }
        Ok(Self {
            start: symbol!(c"pam_start", Start),
            end: symbol!(c"pam_end", WithFlags),
            authenticate: symbol!(c"pam_authenticate", WithFlags),
            account: symbol!(c"pam_acct_mgmt", WithFlags),
            credentials: symbol!(c"pam_setcred", WithFlags),
            open_session: symbol!(c"pam_open_session", WithFlags),
            close_session: symbol!(c"pam_close_session", WithFlags),
            item: symbol!(c"pam_get_item", ReadItem),
            set_item: symbol!(c"pam_set_item", SetItem),
            text: symbol!(c"pam_strerror", Text),
        })
    }
}

fn loader_error() -> String {
    // SAFETY: dlerror gives null or a text that ends with NUL.
    unsafe {
        let text = libc::dlerror();
        if text.is_null() { "unknown reason".to_owned() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
    }
}

/// One PAM transaction; it ends when dropped.
pub struct Transaction<'a> {
    library: Library,
    handle: Handle,
    last: c_int,
    // Boxed so that their addresses, which PAM keeps, stay. Raw, since PAM's copy of the pointer aliases it.
    conversation: *mut Conversation<'a>,
    callback: Box<Callback>,
}

impl std::fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

impl<'a> Transaction<'a> {
    /// Begins a transaction for a service (a file of `/etc/pam.d`): its configuration is read and its modules are loaded here.
    /// Whom it is about may be set later, as `Item::User`.
    ///
    /// # Errors
    /// When PAM is missing or refuses.
    pub fn start(service: &str, user: Option<&[u8]>, conversation: Conversation<'a>) -> Result<Self, PamError> {
        let library = Library::load()?;
        let service = CString::new(service).map_err(|_| PamError::Nul("service name"))?;
        let user = user.map(CString::new).transpose().map_err(|_| PamError::Nul("user name"))?;
        let user = user.as_ref().map_or(std::ptr::null(), |user| user.as_ptr());
        let conversation = Box::into_raw(Box::new(conversation));
        let callback = Box::new(Callback { call: converse, data: conversation.cast() });
        let mut transaction = Self { library, handle: std::ptr::null_mut(), last: SUCCESS, conversation, callback };
        let mut handle = std::ptr::null_mut();
        // SAFETY: every text ends with NUL, no user is null; the callback and its data live until `drop`.
        let code = unsafe { (transaction.library.start)(service.as_ptr(), user, &raw const *transaction.callback, &raw mut handle) };
        if code != SUCCESS {
            return Err(PamError::Answer { doing: "cannot begin with PAM", code, text: format!("code {code}") });
        }
        transaction.handle = handle;
        Ok(transaction)
    }

    fn answer(&mut self, doing: &'static str, code: c_int) -> Result<(), PamError> {
        self.last = code;
        if code == SUCCESS {
            return Ok(());
        }
        // SAFETY: the handle is live; the text is static in PAM.
        let text = unsafe { (self.library.text)(self.handle, code) };
        let text = if text.is_null() {
            String::new()
        } else {
            // SAFETY: as above, it ends with NUL.
            unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
        };
        Err(PamError::Answer { doing, code, text })
    }

    /// Sets an item.
    ///
    /// # Errors
    /// When PAM refuses.
    pub fn set(&mut self, item: Item, text: &[u8]) -> Result<(), PamError> {
        let text = CString::new(text).map_err(|_| PamError::Nul("PAM item"))?;
        // SAFETY: the handle is live; PAM copies the text.
        let code = unsafe { (self.library.set_item)(self.handle, item as c_int, text.as_ptr().cast()) };
        self.answer("cannot set a PAM item", code)
    }

    /// Whom the transaction is about by now: a module may have changed it.
    ///
    /// # Errors
    /// When PAM does not know.
    pub fn user(&mut self) -> Result<Vec<u8>, PamError> {
        let mut found = std::ptr::null();
        // SAFETY: the handle is live and `found` is valid for writing.
        let code = unsafe { (self.library.item)(self.handle, Item::User as c_int, &raw mut found) };
        self.answer("cannot read whom PAM authenticated", code)?;
        if found.is_null() {
            return Ok(Vec::new());
        }
        // SAFETY: PAM_USER is a text that ends with NUL and lives as long as the handle.
        Ok(unsafe { CStr::from_ptr(found.cast()) }.to_bytes().to_vec())
    }

    /// Asks the modules whether it is them.
    ///
    /// # Errors
    /// PAM's answer.
    pub fn authenticate(&mut self) -> Result<(), PamError> {
        // SAFETY: the handle is live.
        let code = unsafe { (self.library.authenticate)(self.handle, 0) };
        self.answer("authentication failed", code)
    }

    /// Asks the modules whether the account may be used now.
    ///
    /// # Errors
    /// PAM's answer.
    pub fn check_account(&mut self) -> Result<(), PamError> {
        // SAFETY: the handle is live.
        let code = unsafe { (self.library.account)(self.handle, 0) };
        self.answer("the account cannot be used", code)
    }

    /// Establishes credentials and opens the session modules.
    ///
    /// # Errors
    /// PAM's answer.
    pub fn open_session(&mut self) -> Result<(), PamError> {
        // SAFETY: the handle is live.
        let code = unsafe { (self.library.credentials)(self.handle, ESTABLISH_CRED | SILENT) };
        self.answer("cannot establish credentials", code)?;
        // SAFETY: the handle is live.
        let code = unsafe { (self.library.open_session)(self.handle, SILENT) };
        self.answer("cannot open a PAM session", code)
    }

    /// Closes the session modules and deletes credentials.
    ///
    /// # Errors
    /// PAM's answer.
    pub fn close_session(&mut self) -> Result<(), PamError> {
        // SAFETY: the handle is live.
        let closed = unsafe { (self.library.close_session)(self.handle, SILENT) };
        // SAFETY: the handle is live.
        let deleted = unsafe { (self.library.credentials)(self.handle, DELETE_CRED | SILENT) };
        self.answer("cannot close a PAM session", closed)?;
        self.answer("cannot delete credentials", deleted)
    }
}

/// Has every library that is loaded now stay so until this process ends: what a transaction unloads at its end is then not taken out of
/// memory one by one. For a process that ends next.
pub fn keep_modules() {
    extern "C" fn note(info: *mut libc::dl_phdr_info, _: libc::size_t, names: *mut c_void) -> c_int {
        // SAFETY: the loader gives a valid entry, whose name is null or ends with NUL; `names` is the list below.
        unsafe {
            if let (Some(info), Some(names)) = (info.as_ref(), names.cast::<Vec<CString>>().as_mut())
                && !info.dlpi_name.is_null()
            {
                names.push(CStr::from_ptr(info.dlpi_name).to_owned());
            }
        }
        0
    }
    let mut names: Vec<CString> = Vec::new();
    // SAFETY: the callback gets just this list, and only during the call.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut names).cast()) };
    for name in names.iter().filter(|name| !name.is_empty()) {
        // SAFETY: loads nothing (`RTLD_NOLOAD`), so that nothing of a library's runs.
        unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD | libc::RTLD_NODELETE) };
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.handle.is_null() {
            // SAFETY: the handle is live and not used again.
            unsafe { (self.library.end)(self.handle, self.last) };
        }
        // SAFETY: made by `Box::into_raw` in `start`; PAM, which had the other pointer, has ended.
        drop(unsafe { Box::from_raw(self.conversation) });
    }
}

/// PAM's way to the person. Allocates with libc, since PAM frees.
extern "C" fn converse(count: c_int, messages: *const *const Message, responses: *mut *mut Response, data: *mut c_void) -> c_int {
    let Ok(count) = usize::try_from(count) else { return CONV_ERR };
    if count == 0 || count > MOST_MESSAGES || messages.is_null() || responses.is_null() || data.is_null() {
        return CONV_ERR;
    }
    // SAFETY: `data` is the conversation that `start` passed; PAM calls it only inside our calls, one at a time.
    let conversation = unsafe { &mut *data.cast::<Conversation<'_>>() };
    // SAFETY: libc's own allocation, zeroed, so that unset answers are null.
    let list = unsafe { libc::calloc(count, size_of::<Response>()) }.cast::<Response>();
    if list.is_null() {
        return BUF_ERR;
    }
    for index in 0..count {
        // SAFETY: PAM gives `count` messages (Linux-PAM's layout: an array of pointers) with texts that end with NUL.
        let (style, text) = unsafe {
            let message = &**messages.add(index);
            (message.style, if message.text.is_null() { &[][..] } else { CStr::from_ptr(message.text).to_bytes() })
        };
        let prompt = match style {
            1 => Prompt::Hidden,
            2 => Prompt::Shown,
            3 => Prompt::Error,
            4 => Prompt::Info,
            _ => return abandon(list, count),
        };
        // A panic must not cross into C.
        let Ok(Some(answer)) = std::panic::catch_unwind(AssertUnwindSafe(|| conversation(prompt, text))) else {
            return abandon(list, count);
        };
        if matches!(prompt, Prompt::Hidden | Prompt::Shown) {
            let Some(copy) = c_copy(&answer) else { return abandon(list, count) };
            // SAFETY: `index` is inside the allocation.
            unsafe { (*list.add(index)).text = copy };
        }
    }
    // SAFETY: checked for null above; PAM owns the list from here.
    unsafe { *responses = list };
    SUCCESS
}

fn c_copy(answer: &[u8]) -> Option<*mut c_char> {
    if answer.contains(&0) {
        return None;
    }
    // SAFETY: one byte more than the answer, zeroed; the copy fits.
    unsafe {
        let copy = libc::calloc(answer.len().checked_add(1)?, 1).cast::<u8>();
        if copy.is_null() {
            return None;
        }
        std::ptr::copy_nonoverlapping(answer.as_ptr(), copy, answer.len());
        Some(copy.cast())
    }
}

/// Wipes and frees the answers given so far.
fn abandon(list: *mut Response, count: usize) -> c_int {
    // SAFETY: `list` has `count` entries, each null or a text of ours that ends with NUL.
    unsafe {
        for index in 0..count {
            let text = (*list.add(index)).text;
            if !text.is_null() {
                let length = libc::strlen(text);
                zeroize::Zeroize::zeroize(std::slice::from_raw_parts_mut(text.cast::<u8>(), length));
                libc::free(text.cast());
            }
        }
        libc::free(list.cast());
    }
    CONV_ERR
}
