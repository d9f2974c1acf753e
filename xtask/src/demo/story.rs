//! The seven steps.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{Demo, unusual_number};

impl Demo {
    pub(super) fn story(&mut self) -> Result<()> {
        self.refused().context("step 1: a refused launch")?;
        self.just_in_time().context("step 2: a JIT policy")?;
        self.asked_and_approved().context("step 3: a request")?;
        self.declined().context("step 4: a decline")?;
        self.autonomous().context("step 5: autonomous approval")?;
        self.revoked().context("step 6: a revocation")?;
        self.proved().context("step 7: events and journal")
    }

    /// The policy under which the user may ask for the report programs.
    fn asking_policy(&self) -> String {
        let tools = self.installation.tools.display();
        let user = &self.user.name;
        format!(
            r#"
[[policy]]
name = "Reports, on request"
message = "questions about reports: ask the operations team, extension 4711"
users = ["{user}"]
computers = "all"
mode = "request"
applications = [{{ file = "{tools}/report" }}, {{ file = "{tools}/erase-logs" }}]
request = {{ max_duration = "1h" }}
"#
        )
    }

    fn refused(&mut self) -> Result<()> {
        self.chapter("A launch that nobody allowed is refused, and says whom to ask");
        let report = "#!/bin/sh\necho \"report ${1:-for today}, made as uid $(id -u)\"\n";
        self.installation.tool("report", report)?;
        self.installation.tool("erase-logs", "#!/bin/sh\necho erased\n")?;
        self.apply(&self.asking_policy())?;
        self.installation.wait_policy("Reports, on request")?;
        let output = self.user_runs(&["run", "--", "/usr/bin/id", "-u"])?;
        ensure!(output.code() == 126, "expected exit status 126, got {}", output.code());
        ensure!(output.stderr.contains("extension 4711"), "the refusal does not say whom to ask");
        ensure!(!output.stdout.contains('0'), "something ran");
        let event = self.installation.wait_event("launch.refused", |e| e.to_string().contains(&self.user.name))?;
        self.checked(&format!("exit status 126, nothing ran, and the server has the event {}", event["id"].as_str().unwrap_or_default()));
        Ok(())
    }

    fn just_in_time(&mut self) -> Result<()> {
        self.chapter("A just-in-time policy: root for one program, for fifteen seconds");
        let number = unusual_number(1)?;
        let task = self.long_task("maintain", number)?;
        self.apply(&format!(
            "[[policy]]\nname = \"Maintenance now\"\nusers = [\"{}\"]\ncomputers = \"all\"\nmode = \"automatic\"\nauthentication = \"none\"\n\
             applications = [{{ file = \"{}\" }}]\nvalidity = {{ kind = \"fixed\", duration = \"15s\", from = \"delivery\" }}\n\
             elevation = {{ warn_before = \"5s\", grace = \"1s\" }}\n",
            self.user.name,
            task.display()
        ))?;
        self.installation.wait_policy("Maintenance now")?;
        let mut terminal = self.user_types(&["run", "--", &task.to_string_lossy()])?;
        let count = self.tree_runs_as_root(number)?;
        terminal.wait_for("runs as uid 0", Duration::from_secs(5))?;
        self.checked(&format!("{count} processes run as uid 0"));
        self.tree_is_gone(number, Duration::from_secs(25))?;
        terminal.wait_end(Duration::from_secs(5))?;
        self.screen(&terminal);
        self.checked("the time was up: every one of them is gone, the daemon too");
        let output = self.user_runs(&["run", "--", &task.to_string_lossy()])?;
        ensure!(output.code() == 126, "it could be started again");
        self.installation.wait_event("grant.expired", |_| true)?;
        self.checked("and it cannot be started again");
        Ok(())
    }

    fn asked_and_approved(&mut self) -> Result<()> {
        self.chapter("Asking: the user says why and for how long, an approver gives less time, the program starts by itself");
        let report = self.installation.tools.join("report");
        let mut terminal = self.user_types(&["run", "--", &report.to_string_lossy()])?;
        terminal.wait_for("eason", Duration::from_secs(10))?;
        terminal.type_keys("the monthly report is due\r")?;
        terminal.wait_for("how long", Duration::from_secs(10))?;
        terminal.type_keys("30m\r")?;
        let request = self.pending_request()?;
        let seen = self.admin(&["request", "show", &request])?;
        ensure!(seen.contains("the monthly report is due"), "the approver does not see the reason");
        ensure!(!terminal.shown().contains("made as uid"), "it ran before it was approved");
        self.admin(&["request", "approve", &request, "--for", "10m", "--comment", "ten minutes are enough"])?;
        terminal.wait_for("made as uid 0", Duration::from_secs(10))?;
        let status = terminal.wait_end(Duration::from_secs(10))?;
        self.screen(&terminal);
        ensure!(status.success(), "the report failed: {status}");
        let grants = self.installation.ctl(&["--json", "grant", "list"])?.json()?;
        let grant = grants["items"]
            .as_array()
            .and_then(|all| all.iter().find(|g| g["request"] == request.as_str()))
            .cloned()
            .context("no grant for the request")?;
        ensure!(grant["duration"] == "10m", "the grant is for {}", grant["duration"]);
        self.checked("it waited, then ran as uid 0 by itself; the grant is for 10 minutes, not 30");
        Ok(())
    }

    fn declined(&mut self) -> Result<()> {
        self.chapter("Declining: the user reads why");
        let tool = self.installation.tools.join("erase-logs");
        let mut terminal = self.user_types(&["run", "--reason", "the disk looks full", "--for", "5m", "--", &tool.to_string_lossy()])?;
        let request = self.pending_request()?;
        self.admin(&["request", "decline", &request, "--comment", "the audit needs the logs; the disk is extended tonight"])?;
        terminal.wait_for("the disk is extended tonight", Duration::from_secs(10))?;
        let status = terminal.wait_end(Duration::from_secs(10))?;
        self.screen(&terminal);
        ensure!(status.code() == Some(126), "expected exit status 126, got {status}");
        ensure!(!terminal.shown().contains("erased"), "it ran");
        self.checked("exit status 126, the comment is on the user's terminal, nothing was erased");
        Ok(())
    }

    fn autonomous(&mut self) -> Result<()> {
        self.chapter("Autonomous approval: a rule answers, also while the server is away");
        let report = self.installation.tools.join("report");
        self.apply(&format!(
            "[[autonomous]]\nname = \"Short reports\"\nusers = [\"{}\"]\ncomputers = \"all\"\napplications = [{{ file = \"{}\" }}]\nmax_duration = \"15m\"\nper_user_per_day = 5\n",
            self.user.name,
            report.display()
        ))?;
        self.admin(&["setting", "autonomous", "on"])?;
        let arguments = |what: &'static str| {
            ["run", "--reason", "a quick look", "--for", "5m", "--", report.to_str().unwrap_or_default(), what].map(str::to_owned)
        };
        let run = |demo: &Self, what| {
            let owned = arguments(what);
            let borrowed: Vec<&str> = owned.iter().map(String::as_str).collect();
            demo.user_runs(&borrowed)
        };
        self.installation.wait_documents()?;
        let output = run(self, "yesterday")?;
        ensure!(output.stdout.contains("report yesterday, made as uid 0"), "it did not run as root");
        let event = self.installation.wait_event("request.auto_approved", |_| true)?;
        ensure!(event.to_string().contains("Short reports"), "the event does not name the rule");
        self.checked("ran at once as uid 0; the event names the rule and the value of each condition");
        println!("   stopping brevet-server");
        self.installation.stop_part("brevet-server", "TERM")?;
        let output = run(self, "offline")?;
        ensure!(output.stdout.contains("report offline, made as uid 0"), "it did not run without the server");
        self.checked("ran as uid 0 with the server stopped");
        println!("   starting brevet-server again");
        self.installation.start_server()?;
        brevet_e2e::wait::until("the offline approval to reach the server", Duration::from_secs(40), || {
            Ok((self.installation.events("request.auto_approved")?.len() >= 2).then_some(()))
        })?;
        self.checked("and the server learnt of it when it came back");
        Ok(())
    }

    fn revoked(&mut self) -> Result<()> {
        self.chapter("Revoking: a running process tree ends, and the computer says so");
        let number = unusual_number(2)?;
        let task = self.long_task("repair", number)?;
        self.apply(&format!(
            "[[policy]]\nname = \"Repairs\"\nusers = [\"{}\"]\ncomputers = \"all\"\nmode = \"justify\"\nauthentication = \"none\"\n\
             applications = [{{ file = \"{}\" }}]\nelevation = {{ containment = \"pid_namespace\", grace = \"1s\" }}\n",
            self.user.name,
            task.display()
        ))?;
        self.installation.wait_policy("Repairs")?;
        let mut terminal = self.user_types(&["run", "--reason", "the index is broken", "--", &task.to_string_lossy()])?;
        let count = self.tree_runs_as_root(number)?;
        self.checked(&format!("{count} processes run as uid 0, in a pid namespace of their own"));
        let grant = brevet_e2e::wait::until("the grant on the server", Duration::from_secs(10), || {
            let page = self.installation.ctl(&["--json", "grant", "list", "--state", "active", "--policy", "Repairs"])?.json()?;
            Ok(page["items"][0]["id"].as_str().map(str::to_owned))
        })?;
        self.admin(&["grant", "revoke", &grant, "--comment", "wrong machine", "--yes", "--wait"])?;
        self.tree_is_gone(number, Duration::from_secs(10))?;
        terminal.wait_end(Duration::from_secs(5))?;
        self.screen(&terminal);
        let receipt = brevet_e2e::wait::until("the receipt", Duration::from_secs(10), || {
            let grant = self.installation.ctl(&["--json", "grant", "show", &grant])?.json()?;
            let revocation = grant["deliveries"]
                .as_array()
                .and_then(|all| all.iter().find(|d| d["document"] == "revocation"))
                .cloned()
                .unwrap_or_default();
            Ok(revocation["processes_ended"].as_u64())
        })?;
        ensure!(receipt >= 1, "the receipt names no process");
        self.checked(&format!("the tree is gone; the computer's receipt: {receipt} processes ended"));
        Ok(())
    }

    fn proved(&mut self) -> Result<()> {
        self.chapter("Proof: the events, and a journal that verifies");
        let table = self.admin(&["event", "list", "--limit", "200"])?;
        // One of each step.
        let told = [
            "launch.refused",
            "policy.created",
            "request.approved",
            "request.declined",
            "request.auto_approved",
            "grant.expired",
            "grant.revoked",
            "session.ended",
        ];
        for kind in told {
            ensure!(table.contains(kind), "no {kind} among the events");
        }
        self.admin(&["event", "verify"])?;
        self.checked("every record of the computer's journal follows from the one before it, up to the signed head");
        Ok(())
    }
}
