//! Folders and files that others than root can usually write, and folders that hold what gives everything.

/// Folders in which users write on most computers, with who does.
const WRITABLE: &[(&str, &str)] = &[
    ("/tmp", "everybody writes there"),
    ("/var/tmp", "everybody writes there"),
    ("/dev/shm", "everybody writes there"),
    ("/dev/mqueue", "everybody writes there"),
    ("/run/user", "its users write there"),
    ("/run/lock", "everybody writes there"),
    ("/home", "its users write there"),
    ("/media", "whoever brings a disk writes there"),
    ("/mnt", "it is often of a disk or a share that others write"),
    ("/net", "it is of other computers"),
    ("/srv", "it is often of those who keep a service's files"),
    ("/var/www", "it is often of those who keep a site's files"),
    ("/var/mail", "its users write there"),
    ("/var/spool", "services write there for their users"),
    ("/usr/local", "on Debian the group staff writes there"),
];

/// Names of what a process has open, which the caller gave it.
const INPUT: &[&str] = &["/dev/stdin", "/dev/fd", "/dev/tty", "/dev/pts", "/proc/self", "/proc/thread-self"];

/// Folders that hold shells, interpreters and editors.
const EVERYTHING: &[&str] = &["/", "/usr", "/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/lib", "/lib", "/usr/libexec", "/usr/local/bin"];

fn is_within(path: &str, folder: &str) -> bool {
    folder == "/" || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a path is within reach of others, where it usually is.
pub fn writable(path: &str) -> Option<&'static str> {
    WRITABLE.iter().find(|(folder, _)| is_within(path, folder)).map(|(_, why)| *why)
}

/// Why a path is of what the caller gives a process to read, where it is.
pub fn input(path: &str) -> Option<&'static str> {
    let of_a_process = || path.strip_prefix("/proc/").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    let given = INPUT.iter().any(|place| is_within(path, place)) || of_a_process();
    given.then_some("it is what the user gives it to read")
}

/// Why a folder holds places within reach of others, where it does.
pub fn holds_writable(folder: &str) -> Option<&'static str> {
    WRITABLE.iter().find(|(place, _)| is_within(place, folder)).map(|(_, why)| *why)
}

/// Whether a folder is where whole products are put, by whoever installs them: with what is below it, or the root itself.
pub fn is_wide(folder: &str, subfolders: bool) -> bool {
    folder == "/" || (subfolders && folder.trim_end_matches('/').matches('/').count() == 1)
}

/// Whether a folder holds shells and editors. `subfolders` looks below it, too.
pub fn holds_everything(folder: &str, subfolders: bool) -> bool {
    EVERYTHING.iter().any(|place| if subfolders { is_within(place, folder) } else { *place == folder && folder != "/" })
}
