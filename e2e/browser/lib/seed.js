// Something of everything, so that every page has something to show: in plain words, or with markup in every text that somebody can write.
import assert from "node:assert/strict";
import { apply, brevet, ctl, ctlText, run, stage, until } from "./brevet.js";

/** Runs when somebody's text is taken for markup. */
export const MARKUP = `<img src=x onerror="window.hit=1"><script>window.hit=1</script>`;

/** `odd` is added to every text: nothing, or markup. */
export async function seed(odd = "") {
  const text = (words) => JSON.stringify(odd ? `${words} ${odd}` : words);
  await apply(`
[[group]]
name = ${text("Web servers")}
computers = ["${stage.computer}", "web-2"]

[[list]]
name = ${text("Reporting tools")}
rules = [{ file = "/usr/bin/id" }, { file = "/usr/bin/uname" }]

[[policy]]
name = ${text("Web team reads what is there")}
description = ${text("Asked for and approved; one hour at most")}
message = ${text("Questions: #web-ops")}
users = ["USER"]
computers = [${JSON.stringify(odd ? `group:Web servers ${odd}` : "group:Web servers")}]
mode = "request"
applications = [{ list = ${text("Reporting tools")} }]

[[policy]]
name = ${text("Waiting is allowed")}
users = ["USER"]
computers = "all"
mode = "justify"
authentication = "none"
applications = [{ file = "/usr/bin/sleep" }]

[[autonomous]]
name = ${text("Unchanged tools")}
shadow = true
users = ["USER"]
computers = "all"
applications = [{ file = "/usr/bin/uname" }]
max_duration = "30m"
unchanged_only = true
`);
  const ask = async (reason, ...command) => {
    const asked = await brevet("run", "--no-wait", "--reason", odd ? `${reason} ${odd}` : reason, "--for", "20m", "--", ...command).ended;
    assert.equal(asked.code, 75, asked.stderr);
    return asked;
  };
  await ask("who am I there?", "/usr/bin/id", "-u");
  await ask("which kernel is it?", "/usr/bin/uname", "-a", ...(odd ? [odd] : []));
  await ask("groups for the audit", "/usr/bin/id", "-G");
  const pending = await until("three requests", async () => {
    const { items } = await ctl("request", "list", "--state", "pending");
    return items.length === 3 ? items : null;
  });
  const of = (word) => pending.find((one) => one.command.includes(word)).id;
  await ctl("request", "approve", of("-u"), "--for", "15m", "--comment", odd ? `go on ${odd}` : "go on");
  await ctl("request", "decline", of("-G"), "--comment", odd ? `not today ${odd}` : "not today");
  await until("the grant to arrive", async () => (await ctl("grant", "list")).items.some((one) => one.deliveries?.some((d) => d.state !== "sent")));
  brevet("run", "--reason", odd ? `waiting for the deployment ${odd}` : "waiting for the deployment", "--", "/usr/bin/sleep", "600");
  await until("the session", async () => (await ctl("session", "list")).items.some((one) => one.state === "started"));
  await ctl("person", "create", odd ? `Ann ${odd}` : "Ann", "--role", "approver", "--role", "auditor");
  await ctlText("hold", "create", odd ? `Case 7 ${odd}` : "Case 7", "--reason", odd ? `file 7/26 ${odd}` : "file 7/26", "--user", stage.user.name);
  await ctlText("notification", "create", odd ? `Chat ${odd}` : "Chat", "--webhook", "https://chat.example.org/hook", "--events", "request.");
  await ctlText("enrolment-token", "create");
  const glass = ["--computer", stage.computer, "--user", stage.user.name, "--file", "/usr/bin/journalctl", "--for", "30m"];
  await ctl("break-glass", "open", ...glass, "--reason", odd ? `nobody on call answers ${odd}` : "nobody on call answers");
  await ctl("group", "create", odd ? `Night shift ${odd}` : "Night shift", "--user", stage.user.name);
}

/** Two owners, four eyes, and a change that waits for the second person. */
export async function fourEyes(odd = "") {
  await ctl("person", "create", odd ? `Olga ${odd}` : "Olga", "--role", "owner");
  await ctl("setting", "set", "four_eyes", "on");
  const env = { BREVET_SERVER: stage.server, BREVET_CA: stage.ca, BREVET_TOKEN: stage.token, HOME: stage.home };
  const proposed = await run(`${stage.bin}/brevetctl`, ["group", "create", odd ? `Day shift ${odd}` : "Day shift", "--user", stage.user.name], { env });
  assert.equal(proposed.code, 8, proposed.stderr);
}
