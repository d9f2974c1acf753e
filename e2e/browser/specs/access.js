// An approver's day on the pages: what waits starts when it is approved there; declining, several at once, ending and extending; two
// approvers who see each other's decision; by keyboard alone, and without script.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { apply, brevet, ctl, done, stage, test, until } from "../lib/brevet.js";
import { Browser, NARROW, accessible, quiet, signIn } from "../lib/browser.js";

let browser, context, page;
const waiting = [];
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
  page = await signIn(context);
  await apply(`[[policy]]
name = "Sleepers"
users = ["USER"]
computers = "all"
mode = "request"
applications = [{ file = "/usr/bin/sleep" }, { file = "/usr/bin/id" }]
request = { max_duration = "2h", binds = "application", uses = "once" }
`);
});
after(async () => {
  for (const child of waiting) child.kill();
  await browser?.close();
  done();
});

/** Asks as the user and gives the waiting program with the id of its request. */
async function asks(reason, ...command) {
  const before = new Set((await ctl("request", "list")).items.map((one) => one.id));
  const child = brevet("run", "--reason", reason, "--for", "20m", "--", ...command);
  waiting.push(child);
  const request = await until("the request", async () => (await ctl("request", "list")).items.find((one) => !before.has(one.id)), 30_000);
  return { child, ...request };
}

test("an approver approves on the page, and the waiting terminal starts the program", async () => {
  const asked = await asks("see <i>who</i> I am", "/usr/bin/id", "-u");
  await page.goto(`${stage.server}/requests`);
  await page.getByRole("link", { name: asked.code }).click();
  await page.getByText("see <i>who</i> I am").waitFor();
  for (const fact of ["Who can write it", "SHA-256", "May decide"]) await page.getByText(fact).first().waitFor();
  await accessible(page);
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Approved. The program starts by itself").waitFor();
  const ended = await asked.child.ended;
  assert.deepEqual([ended.code, ended.stdout.trim()], [0, "0"], ended.stderr);
  quiet(context);
});

test("a decline reaches the terminal with its comment, which the form asks for and keeps", async () => {
  const asked = await asks("no good reason", "/usr/bin/id");
  await page.goto(`${stage.server}/requests/${asked.id}`);
  await page.getByRole("button", { name: "Decline" }).click();
  await page.getByText("say why, for the user").first().waitFor();
  await accessible(page);
  await page.getByLabel("Comment for the user").fill("ask Bob first");
  await page.getByRole("button", { name: "Decline" }).click();
  await page.getByText("Declined. The user reads your comment.").waitFor();
  const ended = await asked.child.ended;
  assert.equal(ended.code, 126);
  assert.match(ended.stderr, /ask Bob first/);
  context.complaints.length = 0; // Chromium reports the answer 422 of a form.
});

test("two approvers see each other's decision, and who types loses nothing meanwhile", async () => {
  await ctl("person", "create", "Bob", "--role", "approver");
  await ctl("person", "no-os-user", "Bob");
  const link = (await ctl("person", "sign-in", "Bob")).sign_in;
  const other = await browser.visitor({ viewport: NARROW });
  const theirs = await signIn(other, link);
  const [asked, second] = [await asks("first", "/usr/bin/id", "-u"), await asks("second", "/usr/bin/id", "-g")];
  await page.goto(`${stage.server}/requests/${asked.id}`);
  await theirs.goto(`${stage.server}/requests/${asked.id}`);
  await page.getByLabel("Comment for the user").fill("half a sentence");
  await ctl("request", "decline", second.id, "--comment", "another one");
  await page.locator(`tr:has-text("declined")`).first().waitFor();
  assert.equal(await page.getByLabel("Comment for the user").inputValue(), "half a sentence");
  await theirs.getByLabel("Comment for the user").fill("not today");
  await theirs.getByRole("button", { name: "Decline" }).click();
  await page.getByText("declined by Bob").first().waitFor();
  assert.equal(await page.getByRole("button", { name: "Approve" }).count(), 0);
  await page.getByText("You had typed:").waitFor();
  await page.locator("#typed").getByText("half a sentence").waitFor();
  await accessible(page);
  for (const one of [asked, second]) assert.equal((await one.child.ended).code, 126);
  quiet(context);
  await other.close();
});

test("what comes live moves nothing on the page, and a row that goes stays in its place", async () => {
  const asked = [await asks("first in the list", "/usr/bin/id", "-u"), await asks("second in the list", "/usr/bin/id", "-g")];
  await page.goto(`${stage.server}/requests`);
  await page.getByText("first in the list").waitFor();
  await page.evaluate(() => {
    window.moved = [];
    // A list that grows moves what stands below it, the links to its pages, and nothing else.
    const below = (node) => (node instanceof Element ? node : node?.parentElement)?.closest("nav[aria-label=Pages]");
    const sees = (list) => {
      for (const { sources } of list.getEntries()) for (const { node } of sources) if (!below(node)) window.moved.push(node?.outerHTML ?? node?.data);
    };
    new PerformanceObserver(sees).observe({ type: "layout-shift" });
  });
  const top = () => page.locator("tr", { hasText: "second in the list" }).evaluate((row) => row.getBoundingClientRect().top);
  const before = await top();
  asked.push(await asks("third in the list", "/usr/bin/id", "-n", "-u"));
  await page.getByText("third in the list").waitFor();
  await ctl("request", "decline", asked[0].id, "--comment", "gone");
  await page.locator("tr.gone", { hasText: "first in the list" }).waitFor();
  assert.equal(await top(), before, "the row below stays where it was");
  assert.equal(await page.locator("tr.gone input").isDisabled(), true);
  assert.deepEqual(await page.evaluate(() => window.moved), [], "nothing moved");
  await accessible(page);
  await page.reload();
  await page.getByText("second in the list").waitFor();
  assert.equal(await page.getByText("first in the list").count(), 0);
  for (const one of asked.slice(1)) await ctl("request", "decline", one.id, "--comment", "done");
  for (const one of asked) assert.equal((await one.child.ended).code, 126);
  quiet(context);
});

test("what was typed for several is shown when somebody else decides the last of them", async () => {
  const asked = await asks("the only one", "/usr/bin/id", "-u");
  await page.goto(`${stage.server}/requests`);
  await page.getByLabel("Comment for the users").fill("half a sentence for all");
  await ctl("request", "decline", asked.id, "--comment", "not now");
  await page.getByText("No request here").waitFor();
  await page.locator("#typed").getByText("half a sentence for all").waitFor();
  await accessible(page);
  assert.equal((await asked.child.ended).code, 126);
  quiet(context);
});

test("several are decided at once, each with a result, and by keyboard alone", async () => {
  const asked = [await asks("one of two", "/usr/bin/id", "-u"), await asks("two of two", "/usr/bin/sleep", "0")];
  await page.goto(`${stage.server}/requests`);
  await accessible(page);
  for (const at of [0, 1]) {
    await page.keyboard.press("j");
    const code = await page.evaluate(() => document.activeElement.textContent);
    assert.equal(code, asked[at].code, "the oldest first");
    await page.keyboard.press("x");
  }
  await page.keyboard.press("k");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), asked[0].code);
  await page.keyboard.press("?");
  await page.getByRole("dialog").waitFor();
  await accessible(page);
  await page.keyboard.press("Escape");
  await page.getByLabel("Comment for the users").fill("jkx?");
  assert.equal(await page.getByLabel("Comment for the users").inputValue(), "jkx?", "keys do nothing in a field");
  await page.getByRole("button", { name: "Approve the chosen ones" }).press("Enter");
  await page.getByText("2 of 2 decided.").waitFor();
  await accessible(page);
  for (const one of asked) assert.equal((await one.child.ended).code, 0);
  quiet(context);
});

test("active access: a session appears, is extended, and ends with its receipt, all on the open page", async () => {
  const asked = await asks("a long nap", "/usr/bin/sleep", "600");
  await ctl("request", "approve", asked.id);
  await page.goto(`${stage.server}/access`);
  await page.getByRole("heading", { name: "Running now" }).waitFor();
  await until("the session", async () => (await ctl("session", "list", "--state", "started")).items.length === 1);
  await page.locator("section", { hasText: "Running now" }).getByText("sleep 600").waitFor();
  await accessible(page);
  const grant = (await ctl("request", "show", asked.id)).grant;
  await page.goto(`${stage.server}/grants/${grant}`);
  await page.getByLabel("By", { exact: true }).fill("10m");
  await page.getByRole("button", { name: "Extend" }).click();
  await page.getByText("30m in all").waitFor();
  await page.getByText("End it…").click();
  await accessible(page);
  await page.getByLabel("Kill at once").check();
  await page.getByRole("button", { name: "End the grant" }).click();
  await page.getByText("Revoked. The receipt appears here").waitFor();
  await page.getByText(/[1-9]\d* process(es)? ended/).first().waitFor();
  const ended = await asked.child.ended;
  assert.notEqual(ended.code, 0);
  await accessible(page);
  quiet(context);
});

test("reading and deciding work without script", async () => {
  const plain = await browser.visitor({ javaScriptEnabled: false });
  const cookies = await context.cookies();
  await plain.addCookies(cookies);
  const asked = await asks("without script", "/usr/bin/id", "-u");
  const shown = await plain.newPage();
  await shown.goto(`${stage.server}/requests`);
  await shown.getByRole("link", { name: asked.code }).click();
  await shown.getByLabel("For at most").fill("5m");
  await shown.getByRole("button", { name: "Approve" }).click();
  await shown.getByText("Approved.").waitFor();
  assert.equal((await asked.child.ended).code, 0);
  for (const path of ["/", "/access", "/computers"]) assert.equal((await shown.goto(stage.server + path)).status(), 200);
  await plain.close();
});

test("axe finds nothing on the pages of computers, enrolment, break-glass, proposals and sessions", async () => {
  const session = (await ctl("session", "list")).items[0].id;
  const computer = (await ctl("computer", "show", stage.computer)).id;
  for (const path of [
    "/",
    "/computers",
    `/computers/${computer}`,
    "/enrolment-tokens",
    "/break-glass",
    "/break-glass/open",
    "/proposals",
    `/sessions/${session}`,
    `/access/revoke?computer=${computer}`,
  ]) {
    await page.goto(stage.server + path);
    await accessible(page);
  }
  quiet(context);
});
