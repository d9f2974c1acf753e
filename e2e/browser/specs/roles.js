// Each role sees what is its own, is offered what it may do, and is refused the rest, whatever it sends.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { ctl, done, stage, test } from "../lib/brevet.js";
import { Browser, accessible, expect, quiet, signIn } from "../lib/browser.js";
import { seed } from "../lib/seed.js";

const WAYS = ["Overview", "Just-in-Time Access", "Requests", "Policies", "Active access", "Applications", "Computers", "JIT Events Report", "Settings"];
const TABS = ["General", "Autonomous Approval", "API tokens", "People", "Sign-in", "Notification", "Retention and holds"];

let browser, at, forms;
before(async () => {
  browser = await Browser.start();
  await seed();
  const first = async (...list) => (await ctl(...list, "list")).items[0].id;
  const pending = (await ctl("request", "list", "--state", "pending")).items[0];
  const glass = (await ctl("break-glass", "list")).items[0].id;
  const policy = (await ctl("policy", "list")).items.find((one) => !one.name.startsWith("Break-glass")).id;
  const grant = (await ctl("grant", "list")).items.find((one) => one.deliveries.length > 0).id;
  const [person, hold, rule] = [await first("person"), await first("hold"), await first("autonomous")];
  const computer = (await ctl("computer", "show", stage.computer)).id;
  at = {
    request: `/requests/${pending.id}`,
    policy: `/policies/${policy}`,
    grant: `/grants/${grant}`,
    computer: `/computers/${computer}`,
    glass: `/break-glass/${glass}`,
    person: `/settings/people/${person}`,
    hold: `/settings/holds/${hold}`,
    rule: `/settings/autonomous/${rule}`,
  };
  // What is sent, and which roles may.
  forms = [
    [`${at.request}/decline`, { code: pending.code, comment: "no" }, ["approver"]],
    [`${at.policy}/disable`, { seen: "*" }, ["owner", "administrator"]],
    [`${at.grant}/extend`, { version: "1", by: "1m" }, ["approver"]],
    [`${at.grant}/revoke`, {}, ["administrator", "approver"]],
    ["/access/revoke", { user: "nobody-of-that-name" }, ["administrator", "approver"]],
    [`${at.computer}/quarantine`, { reason: "x" }, ["owner", "administrator"]],
    ["/enrolment-tokens", { uses: "1", expires_in: "1h" }, ["owner", "administrator"]],
    ["/break-glass/open", { computer: stage.computer, user: stage.user.name, by: "file", application: "/usr/bin/id", for: "5m", reason: "x" }, ["owner"]],
    ["/settings/general/other_mount_namespaces", { value: "on" }, ["owner", "administrator"]],
    // The route is an administrator's; this setting of it is an owner's, which is said at the form.
    ["/settings/retention", { value: "90d" }, ["owner"], { administrator: 422 }],
    ["/settings/people", { name: "Mallory", role: "owner" }, ["owner"]],
    [`${at.person}/sign-in-link`, {}, ["owner"]],
    ["/settings/notifications", { name: "x", kind: "webhook", address: "https://chat.example.org/x", events: "all" }, ["owner"]],
    ["/settings/holds", { name: "x", reason: "y", everything: "true" }, ["owner"]],
    [`${at.hold}/release`, { comment: "x" }, ["owner"]],
    ["/settings/retention/redact", { older_than: "90d" }, ["owner"]],
    ["/events/export", { chosen: "", format: "csv" }, ["owner", "administrator", "auditor"]],
  ];
});
after(async () => {
  await browser?.close();
  done();
});

const MANAGES = ["owner", "administrator"];
const READS = ["owner", "administrator", "auditor"];

/** Where something is offered: a page, what stands there, and to whom. */
const offers = () => [
  ["/", "Open access without approval", ["owner"]],
  ["/", "Proposals", READS],
  [at.request, "Approve", ["approver"]],
  [at.request, "Decline", ["approver"]],
  ["/requests", "Approve the chosen ones", ["approver"]],
  ["/policies", "New policy", MANAGES],
  [at.policy, "Edit", MANAGES],
  [at.policy, "Delete", MANAGES],
  [at.policy, "Revoke everything it gave", ["administrator", "approver"]],
  [at.rule, "Take it out of shadow", MANAGES],
  ["/settings/autonomous", "Switch on", MANAGES],
  ["/lists", "New list", MANAGES],
  ["/groups", "New group", MANAGES],
  ["/access", "End all access of a user, a computer or a policy…", ["administrator", "approver"]],
  [at.grant, "End it…", ["administrator", "approver"]],
  [at.grant, "Extend", ["approver"]],
  ["/computers", "Enrol computers", MANAGES],
  [at.computer, "Quarantine it…", MANAGES],
  [at.computer, "Remove it…", MANAGES],
  [at.glass, "End it now…", ["owner"]],
  ["/events", "Export as CSV", READS],
  ["/settings", "Switch Four eyes on", ["owner"]],
  ["/settings", "Switch Autonomous Approval on", MANAGES],
];

/** Pages that only some may open. */
const closed = () => [
  ["/settings/people", READS],
  [at.person, READS],
  ["/settings/sign-in", READS],
  ["/settings/notifications", READS],
  ["/settings/notifications/log", READS],
  ["/settings/retention", READS],
  [at.hold, READS],
  ["/proposals", READS],
  ["/enrolment-tokens", MANAGES],
];

/** What stands on a page to press or follow, folded or not. */
const pressed = (page) =>
  page.evaluate(() => [...document.querySelectorAll("main a, main button, main summary")].map((one) => one.textContent.trim()));

for (const role of ["owner", "administrator", "approver", "auditor"]) {
  test(`the role ${role} sees and may do its own`, async () => {
    const name = `The ${role}`;
    await ctl("person", "create", name, "--role", role);
    await ctl("person", "no-os-user", name);
    const { sign_in: link } = await ctl("person", "sign-in", name);
    const context = await browser.visitor();
    expect(context, /status of 403/);
    const page = await signIn(context, link);
    await page.getByText(role, { exact: true }).first().waitFor();
    const names = (within) => page.locator(within).locator("a").allInnerTexts();
    assert.deepEqual(await names("nav[aria-label=Main]"), WAYS, "everybody reads");
    const wrong = [];
    let path;
    for (const [to, what, roles] of offers()) {
      if (path !== to) assert.equal((await page.goto(stage.server + to)).status(), 200, `${role} ${to}`);
      path = to;
      if ((await pressed(page)).includes(what) !== roles.includes(role)) wrong.push(`${to} ${roles.includes(role) ? "does not offer" : "offers"} ${what}`);
    }
    await page.goto(`${stage.server}/settings`);
    const tabs = (await names("nav[aria-label=Settings]")).sort();
    assert.deepEqual(tabs, (READS.includes(role) ? [...TABS] : TABS.slice(0, 3)).sort());
    for (const [to, roles] of closed()) {
      const status = (await page.goto(stage.server + to)).status();
      if (status !== (roles.includes(role) ? 200 : 403)) wrong.push(`${to} answers ${status}`);
      if (status === 403) await page.getByText("allow").first().waitFor();
    }
    if (role === "approver") await accessible(page);
    assert.deepEqual(wrong, []);
    quiet(context);
    await context.close();
  });
}

test("what is not offered is refused when it is sent all the same", async () => {
  const through = [];
  for (const role of ["auditor", "approver", "administrator", "owner"]) {
    const { sign_in: link } = await ctl("person", "sign-in", `The ${role}`);
    const context = await browser.visitor();
    expect(context, /status of 4\d\d/);
    const page = await signIn(context, link);
    for (const [to, fields, roles, otherwise = {}] of forms.filter(([, , roles]) => !roles.includes(role))) {
      const answered = page.waitForResponse((response) => response.request().method() === "POST");
      const shown = page.waitForEvent("domcontentloaded");
      await page.evaluate(
        ([to, fields]) => {
          const form = document.body.appendChild(document.createElement("form"));
          Object.assign(form, { method: "post", action: to });
          for (const [name, value] of Object.entries(fields)) form.appendChild(Object.assign(document.createElement("input"), { name, value }));
          HTMLFormElement.prototype.submit.call(form);
        },
        [to, fields],
      );
      const status = (await answered).status();
      if (status !== (otherwise[role] ?? 403)) through.push(`${role} sends ${to}, which only ${roles} may: ${status}`);
      await shown;
    }
    quiet(context);
    await context.close();
  }
  assert.deepEqual(through, []);
  // Nothing of it happened.
  assert.equal((await ctl("request", "list", "--state", "pending")).items.length, 1);
  assert.equal((await ctl("person", "list")).items.filter((one) => one.name === "Mallory").length, 0);
  assert.equal((await ctl("setting", "show", "other_mount_namespaces")).value, "off");
});

test("an approver whose role is narrowed decides for their computers alone", async () => {
  await ctl("group", "create", "elsewhere", "--computer", "somewhere-else");
  for (const [name, group, sees] of [["Near", "Web servers", true], ["Far", "elsewhere", false]]) {
    await ctl("person", "create", name, "--role", "approver", "--scope", `approver=${group}`);
    await ctl("person", "no-os-user", name);
    const context = await browser.visitor();
    expect(context, /status of 40[34]/);
    const page = await signIn(context, (await ctl("person", "sign-in", name)).sign_in);
    assert.equal(await page.getByText("which kernel is it?").count(), sees ? 1 : 0, `${name} on the overview`);
    const answer = await page.goto(stage.server + at.request);
    assert.equal(answer.status(), sees ? 200 : 404, name);
    if (sees) {
      await page.getByLabel("Comment for the user").fill("as you wish");
      await page.getByRole("button", { name: "Approve" }).click();
      await page.getByText("Approved.").waitFor();
    }
    quiet(context);
    await context.close();
  }
});
