// An administrator's day: a policy by the guided form that is in force on the computer, its changes, what it gave taken away again, and an
// autonomous rule by form that answers a request by itself.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { brevet, ctl, done, stage, test, until } from "../lib/brevet.js";
import { Browser, accessible, expect, quiet, signIn } from "../lib/browser.js";

const REFUSED = 126;
let browser, context, page, policy;
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
  // Chromium reports the answer 422 of a form.
  expect(context, /status of 422/);
  page = await signIn(context);
});
after(async () => {
  await browser?.close();
  done();
});

const field = (name) => page.locator(`[name="${name}"]`);
const section = (name) => page.locator(".card", { has: page.getByRole("heading", { name, exact: true }) });

/** Opens what is folded, and presses the button in it. */
async function act(summary, button) {
  await page.locator("summary").filter({ hasText: new RegExp(`^${summary}`) }).click();
  await page.getByRole("button", { name: button, exact: true }).click();
}

/** Runs as the user, to the end. */
const runs = (...args) => brevet("run", ...args).ended;

/** Starts what runs on, and gives it with its session. */
async function starts(...args) {
  const known = new Set((await ctl("session", "list")).items.map((one) => one.id));
  const child = brevet("run", ...args);
  const session = await until("the session", async () => (await ctl("session", "list", "--state", "started")).items.find((one) => !known.has(one.id)));
  return { child, ...session };
}

test("a policy by the form says what is wrong at its field, loses nothing, and is in force on the computer when it is saved", async () => {
  assert.equal((await runs("--", "/usr/bin/id", "-u")).code, REFUSED, "nothing is allowed before");
  await page.goto(`${stage.server}/policies`);
  await page.getByText("No policies yet").waitFor();
  await page.getByRole("link", { name: "New policy" }).click();
  await field("name").fill("Who am <i>I</i>?");
  await field("users").fill(stage.user.name);
  await field("computers.which").selectOption("all");
  assert.equal(await field("computers").isVisible(), false, "what belongs to another choice is out of sight");
  await field("applications[0].value").fill("id");
  await field("mode").selectOption("automatic");
  await field("authentication").selectOption("none");
  assert.equal(await field("request.approvals").isVisible(), false);
  await page.locator("#preview").getByText("Rules, 1").first().waitFor();
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.locator('[name="applications[0].value"][aria-invalid=true]').waitFor();
  await accessible(page);
  assert.deepEqual([await field("name").inputValue(), await field("users").inputValue()], ["Who am <i>I</i>?", stage.user.name]);
  await field("applications[0].value").fill("/usr/bin/id");
  await page.locator("#preview").getByText("It can be saved.").waitFor();
  await page.locator("#preview").getByText(`${stage.user.name} may run /usr/bin/id (any arguments) as root on all computers`).waitFor();
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByText("Created.").waitFor();
  policy = new URL(page.url()).pathname;
  // Without a reload: its computer says that it holds it.
  await page.getByText("held by 1 of 1 computer").waitFor();
  const ended = await runs("--", "/usr/bin/id", "-u");
  assert.deepEqual([ended.code, ended.stdout.trim()], [0, "0"], ended.stderr);
  assert.equal((await runs("--", "/usr/bin/uname")).code, REFUSED, "and nothing else is");
  quiet(context);
});

test("what is changed by form is in force, and the history and the audit say it", async () => {
  await page.goto(stage.server + policy);
  await page.getByRole("link", { name: "Edit", exact: true }).click();
  await page.getByRole("button", { name: "Add a rule to Rules" }).click();
  await field("applications[1].value").fill("/usr/bin/sleep");
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByText("Changed.").waitFor();
  await page.getByText("held by 1 of 1 computer").waitFor();
  await until("version 2 on the computer", async () => (await ctl("policy", "state", policy.split("/").pop())).items.every((one) => one.version === 2));
  assert.equal((await runs("--", "/usr/bin/sleep", "0")).code, 0);
  await page.getByRole("link", { name: "History", exact: true }).click();
  await page.getByRole("heading", { name: /^Version 2/ }).waitFor();
  await page.locator("ins", { hasText: "/usr/bin/sleep" }).first().waitFor();
  await page.getByRole("link", { name: "Audit", exact: true }).click();
  await page.getByRole("link", { name: "policy.changed" }).first().waitFor();
  await page.getByRole("link", { name: "session.started" }).first().waitFor();
  await page.goto(`${stage.server}/policies/test`);
  await page.getByLabel("User", { exact: true }).fill(stage.user.name);
  await page.getByLabel("Computer", { exact: true }).fill(stage.computer);
  await page.getByLabel("File", { exact: true }).or(page.getByLabel("Path", { exact: true })).first().fill("/usr/bin/sleep");
  await page.getByRole("button", { name: "Test", exact: true }).click();
  await page.getByText("It runs at once.").waitFor();
  await accessible(page);
  quiet(context);
});

test("everything that a policy gave, and everything of a user, is taken away from its page, and ends there", async () => {
  let running = await starts("--", "/usr/bin/sleep", "600");
  await page.goto(stage.server + policy);
  await page.locator("summary", { hasText: "Revoke everything it gave" }).click();
  await page.getByText("1 open grant ends at once").waitFor();
  await accessible(page);
  await page.getByLabel("Comment for the users").fill("maintenance <b>now</b>");
  await page.getByLabel("Kill at once, without grace").check();
  await page.getByRole("button", { name: "Revoke it all" }).click();
  await page.getByText("Revoked. The receipt appears here").waitFor();
  assert.notEqual((await running.child.ended).code, 0);
  await until("the receipt", async () => (await ctl("grant", "show", running.grant)).deliveries.some((one) => one.state === "confirmed"));
  await page.goto(`${stage.server}/grants/${running.grant}`);
  await page.getByText(/[1-9]\d* process(es)? ended/).first().waitFor();
  await page.getByText("maintenance <b>now</b>").first().waitFor();
  // A user, by the page that shows first what would end.
  running = await starts("--", "/usr/bin/sleep", "601");
  await page.goto(`${stage.server}/access`);
  await page.locator("summary", { hasText: "End all access of a user" }).click();
  await page.locator("#of-user").fill(stage.user.name);
  await page.getByRole("button", { name: "Show what would end" }).click();
  await page.getByRole("heading", { name: "This would end" }).waitFor();
  await page.getByText("/usr/bin/sleep 601").waitFor();
  assert.equal((await ctl("session", "show", running.id)).state, "started", "looking ends nothing");
  await accessible(page);
  await page.getByRole("button", { name: /^End these/ }).click();
  await page.getByRole("heading", { name: "What became of them" }).waitFor();
  assert.notEqual((await running.child.ended).code, 0);
  quiet(context);
});

test("a disabled policy gives nothing and ends what ran, an enabled one gives again, and a deleted one is gone", async () => {
  const running = await starts("--", "/usr/bin/sleep", "602");
  await page.goto(stage.server + policy);
  await act("Disable", "Disable it");
  await page.getByText("Disabled. What ran under it is ended").waitFor();
  assert.notEqual((await running.child.ended).code, 0);
  assert.equal((await runs("--", "/usr/bin/id", "-u")).code, REFUSED);
  await page.getByRole("button", { name: "Enable", exact: true }).click();
  await page.getByText("held by 1 of 1 computer").waitFor();
  assert.equal((await runs("--", "/usr/bin/id", "-u")).code, 0);
  await act("Delete", "Delete it");
  await page.getByText("Deleted.").waitFor();
  await page.getByText("No policies yet").waitFor();
  await until("the computer to let it go", async () => (await runs("--", "/usr/bin/id", "-u")).code === REFUSED);
  quiet(context);
});

test("an approval for less time is extended, no further than the policy allows, and what was typed stays", async () => {
  await page.goto(`${stage.server}/policies/new`);
  await field("name").fill("Ask me");
  await field("users").fill(stage.user.name);
  await field("computers.which").selectOption("all");
  await field("applications[0].value").fill("/usr/bin/sleep");
  await field("request.max_duration").fill("30m");
  await page.getByRole("button", { name: "Save the policy" }).click();
  await page.getByText("held by 1 of 1 computer").waitFor();
  const child = brevet("run", "--reason", "a nap", "--for", "20m", "--", "/usr/bin/sleep", "603");
  const request = await until("the request", async () => (await ctl("request", "list", "--state", "pending")).items[0]);
  await page.goto(`${stage.server}/requests/${request.id}`);
  await page.getByLabel("For at most").fill("2h");
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Nothing was decided.").waitFor();
  assert.equal(await page.getByLabel("For at most").inputValue(), "2h");
  await page.getByLabel("For at most").fill("10m");
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Approved.").waitFor();
  await until("the session", async () => (await ctl("session", "list", "--state", "started")).items.length === 1);
  const { grant } = await ctl("request", "show", request.id);
  await page.goto(`${stage.server}/grants/${grant}`);
  await page.getByLabel("By", { exact: true }).fill("3h");
  await page.getByRole("button", { name: "Extend" }).click();
  await page.getByText("Not extended.").waitFor();
  assert.equal(await page.getByLabel("By", { exact: true }).inputValue(), "3h");
  await page.getByLabel("By", { exact: true }).fill("5m");
  await page.getByRole("button", { name: "Extend" }).click();
  await page.getByText("15m in all").waitFor();
  await act("End it", "End the grant");
  await page.getByText("Revoked. The receipt appears here").waitFor();
  assert.notEqual((await child.ended).code, 0);
  quiet(context);
});

test("an autonomous rule by form watches in shadow, and out of it answers a request by itself", async () => {
  const rules = `${stage.server}/settings/autonomous`;
  await page.goto(rules);
  await page.getByText("No rules yet").waitFor();
  await page.getByRole("link", { name: "New rule" }).click();
  await field("name").fill("Short naps");
  await field("users").fill(stage.user.name);
  await field("computers.which").selectOption("all");
  await field("applications[0].value").fill("/usr/bin/sleep");
  await field("max_duration").fill("10m");
  await field("unchanged_only").check();
  assert.equal(await field("shadow").isChecked(), true, "a new rule begins in shadow");
  await page.getByRole("button", { name: /^Save the/ }).click();
  await page.getByText("Created.").waitFor();
  const rule = page.url();
  await page.goto(rules);
  // What somebody has opened stays open while the page hears of something new.
  await page.locator("summary").filter({ hasText: /^Switch on/ }).click();
  await ctl("enrolment-token", "create");
  await page.waitForTimeout(1500);
  await page.getByRole("button", { name: "Switch it on", exact: true }).click();
  await page.getByText("Autonomous approval is on").waitFor();
  const holds = async () => {
    const { documents } = await ctl("computer", "show", stage.computer);
    return documents.held === documents.sent;
  };
  await until("the computer to hold the rule", holds);
  const shadowed = brevet("run", "--no-wait", "--reason", "in shadow", "--for", "5m", "--", "/usr/bin/sleep", "0");
  assert.equal((await shadowed.ended).code, 75, shadowed.said());
  await until("what it would have done", async () => (await ctl("event", "list", "--kind", "autonomous.shadowed")).items.length === 1);
  assert.equal((await ctl("request", "list", "--state", "pending")).items.length, 1, "in shadow it approves nothing");
  await page.goto(rule);
  await section("What it did, newest first").getByRole("link", { name: "autonomous.shadowed" }).waitFor();
  await section("What it would have done in 30 days").getByText("approves", { exact: true }).first().waitFor();
  await act("Take it out of shadow", "Let it approve");
  await page.getByText("Out of shadow.").waitFor();
  await until("the computer to hold it", holds);
  // Nobody approves this.
  const ended = await runs("--reason", "out of shadow", "--for", "5m", "--", "/usr/bin/sleep", "0", "0");
  assert.equal(ended.code, 0, ended.stderr);
  const longer = brevet("run", "--no-wait", "--reason", "too long for the rule", "--for", "20m", "--", "/usr/bin/sleep", "0", "0", "0");
  assert.equal((await longer.ended).code, 75, longer.said());
  const request = await until("the request", async () => (await ctl("request", "list")).items.find((one) => one.state === "auto_approved"));
  await page.goto(`${stage.server}/requests/${request.id}`);
  await page.getByText("out of shadow").first().waitFor();
  await accessible(page);
  await page.goto(rule);
  await section("What it did, newest first").getByRole("link", { name: "request.auto_approved" }).waitFor();
  await accessible(page);
  await page.goto(stage.server);
  await page.getByRole("heading", { name: "Autonomous approvals: 1" }).waitFor();
  quiet(context);
});
