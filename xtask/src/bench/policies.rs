//! The policies that the measured installation holds: ten for a small one, and ten thousand beside the same ones.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context as _, Result};
use brevet_e2e::{program, wait};

use super::Stage;

/// Ten, of every kind of rule. `true` is allowed at once; its copy likewise, in a pid namespace of its own.
pub fn apply_ten(stage: &Stage) -> Result<()> {
    let user = &stage.user.name;
    let tools = stage.brevet.tools.display();
    let mut text = String::new();
    for (name, file, containment) in
        [("True", "/usr/bin/true".to_owned(), "cgroup"), ("True alone", format!("{tools}/true"), "pid_namespace")]
    {
        write!(
            text,
            "[[policy]]\nname = \"{name}\"\nusers = [\"{user}\"]\ncomputers = \"all\"\nmode = \"automatic\"\nauthentication = \"none\"\napplications = [{{ file = \"{file}\", arguments = [] }}]\nelevation = {{ containment = \"{containment}\" }}\n"
        )?;
    }
    write!(
        text,
        "[[policy]]\nname = \"Stamp\"\nusers = [\"{user}\"]\ncomputers = \"all\"\nmode = \"request\"\napplications = [{{ file = \"{tools}/brevet-stamp\" }}]\nelevation = {{ grace = \"0s\" }}\n"
    )?;
    (0..7).try_for_each(|index| write!(text, "{}", other(index)))?;
    stage.brevet.apply(&text)?;
    stage.brevet.wait_documents()
}

/// A policy for somebody and something else.
fn other(index: usize) -> String {
    let rule = match index % 5 {
        0 => format!("{{ hash = \"sha256:{index:064x}\" }}"),
        1 => format!("{{ file = \"/opt/files/tool-{index}\" }}"),
        2 => format!("{{ product = \"product-{index}\" }}"),
        3 => format!("{{ vendor = \"Vendor {index}\" }}"),
        _ => format!("{{ folder = \"/opt/folders/team-{index}\", subfolders = true }}"),
    };
    let users = if index.is_multiple_of(10) { "\"all\"".to_owned() } else { format!("[\"user-{}\"]", index % 1000) };
    let mode = ["deny", "automatic", "automatic", "justify", "request"][index / 5 % 5];
    format!("[[policy]]\nname = \"Policy {index}\"\nusers = {users}\ncomputers = \"all\"\nmode = \"{mode}\"\napplications = [{rule}]\n")
}

/// Ten thousand more or less beside the ten.
pub fn apply_many(stage: &Stage) -> Result<()> {
    let text: String = (7..9_997).map(other).collect();
    let file = stage.brevet.state.join("many.toml");
    std::fs::write(&file, text)?;
    let mut apply = stage.brevet.ctl_command();
    program::run(apply.arg("apply").arg("-f").arg(&file), Duration::from_secs(900))?.ok().context("applying 10,000 policies")?;
    wait::until("the computer to hold 10,000 policies", Duration::from_secs(300), || {
        let computer = stage.brevet.ctl(&["--json", "computer", "show", &stage.brevet.computer])?.json()?;
        Ok((computer["documents"]["held"] == computer["documents"]["sent"]).then_some(()))
    })
    .with_context(|| format!("brevetd said: {}", stage.brevet.last_words("brevetd")))?;
    // It is only a measurement of 10,000 when the broker decides over them.
    wait::until("the computer to apply all of them", Duration::from_secs(120), || {
        let computer = stage.brevet.ctl(&["--json", "computer", "show", &stage.brevet.computer])?.json()?;
        let applied = |p: &&serde_json::Value| p["state"] == "applied";
        Ok(computer["policies"].as_array().is_some_and(|all| all.iter().filter(applied).count() >= 10_000).then_some(()))
    })
}
