//! What is elevated to see when it runs: says the time (Unix nanoseconds) as the first thing it does, and the ids of the processes
//! of its tree; then stays until it is ended.

use std::process::{Command, Stdio};
use std::time::SystemTime;

fn main() -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    println!("{}", now.as_nanos());
    let mut children = Vec::new();
    for _ in 0..3 {
        // One of a session of its own, as a daemon would.
        let daemon = children.len() == 1;
        let mut command = if daemon { Command::new("/usr/bin/setsid") } else { Command::new("/usr/bin/sleep") };
        if daemon {
            command.arg("/usr/bin/sleep");
        }
        children.push(command.arg("3600").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?);
    }
    let ids: Vec<String> = children.iter().map(|c| c.id().to_string()).chain([std::process::id().to_string()]).collect();
    println!("{}", ids.join(" "));
    for child in &mut children {
        child.wait()?;
    }
    Ok(())
}
