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

/// Folders that hold shells, interpreters and editors.
const EVERYTHING: &[&str] = &["/", "/usr", "/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/lib", "/lib", "/usr/libexec", "/usr/local/bin"];

fn is_within(path: &str, folder: &str) -> bool {
    folder == "/" || path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a path is within reach of others, where it usually is.
pub fn writable(path: &str) -> Option<&'static str> {
    WRITABLE.iter().find(|(folder, _)| is_within(path, folder)).map(|(_, why)| *why)
}

/// Why a folder holds places within reach of others, where it does.
pub fn holds_writable(folder: &str) -> Option<&'static str> {
    WRITABLE.iter().find(|(place, _)| is_within(place, folder)).map(|(_, why)| *why)
}

/// Whether a folder holds shells and editors. `subfolders` looks below it, too.
pub fn holds_everything(folder: &str, subfolders: bool) -> bool {
    EVERYTHING.iter().any(|place| if subfolders { is_within(place, folder) } else { *place == folder && folder != "/" })
}
