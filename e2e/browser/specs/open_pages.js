// A page that is open: it keeps what somebody types, chooses and looks at there, whatever happens meanwhile; and its lists by keyboard.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { api, brevet, ctl, done, stage, test, until } from "../lib/brevet.js";
import { Browser, WIDE, accessible, expect, quiet, signIn } from "../lib/browser.js";
import { seed } from "../lib/seed.js";

const OUT = "You have been signed out";
let browser, context, page;
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
  // Chromium reports the answer 422 of a form, and what is asked for by who is signed out.
  expect(context, /status of 4(22|01)/);
  await seed();
  page = await signIn(context);
});
after(async () => {
  await browser?.close();
  done();
});

let asked = 0;

/** Asks as the user for something else each time: the same again would be the same request. */
async function asks(reason) {
  asked += 1;
  const { code, stderr } = await brevet("run", "--no-wait", "--reason", reason, "--for", "20m", "--", "/usr/bin/uname", "-n", `${asked}`).ended;
  assert.equal(code, 75, stderr);
  return until("the request", async () => (await ctl("request", "list", "--state", "pending")).items.find((one) => one.reason === reason));
}

test("a first visit asks for the page once, and for a part of it only when something happens", async () => {
  await page.goto(`${stage.server}/lists`);
  const parts = [];
  page.on("request", (request) => { if (request.headers()["hx-request"]) parts.push(request.url()); });
  const stream = page.waitForResponse((answer) => answer.url().includes("/live"));
  await page.goto(`${stage.server}/groups`);
  await stream;
  await ctl("group", "create", "Late shift", "--user", stage.user.name);
  await page.getByText("Late shift").waitFor();
  page.removeAllListeners("request");
  assert.equal(parts.length, 1, `asked for ${parts}`);
  quiet(context);
});

test("a page whose sign-in has ended stays with what was typed, says so, and leads back to itself", async () => {
  await ctl("person", "create", "Olga", "--role", "owner", "--role", "approver");
  await ctl("person", "no-os-user", "Olga");
  const link = async () => (await ctl("person", "sign-in", "Olga")).sign_in;
  const ends = async () => {
    const { body } = await api(context, "GET", "/persons/Olga/sign-ins");
    for (const one of body.items) await api(context, "DELETE", `/persons/Olga/sign-ins/${one.id}`);
  };
  const hers = await browser.visitor();
  expect(hers, /status of 401/);
  const form = await signIn(hers, await link());
  await form.goto(`${stage.server}/policies/new`);
  const name = form.locator('[name="name"]');
  await name.fill("Half a nam");
  await form.locator("#preview").getByText("name").first().waitFor();
  const live = await hers.newPage();
  const request = await asks("a live page");
  await live.goto(`${stage.server}/requests/${request.id}`);
  await live.getByLabel("Comment for the user").fill("half a comment");
  await ends();
  await name.press("End");
  await name.pressSequentially("e");
  await form.locator("#answers").getByText(OUT).waitFor();
  assert.equal(new URL(form.url()).pathname, "/policies/new");
  assert.equal(await name.inputValue(), "Half a name");
  const to = form.locator("#answers").getByRole("link");
  assert.deepEqual([await to.getAttribute("href"), await to.getAttribute("target")], ["/sign-in?next=%2Fpolicies%2Fnew", "_blank"]);
  await accessible(form);
  // The stream is opened again, and refused: that is no lost connection.
  await live.evaluate(() => window.dispatchEvent(new Event("online")));
  await live.locator("#answers").getByText(OUT).waitFor();
  assert.equal(await live.getByText("The connection is lost").isVisible(), false);
  assert.equal(await live.getByLabel("Comment for the user").inputValue(), "half a comment");
  assert.equal(await live.locator("#answers").getByRole("link").getAttribute("href"), `/sign-in?next=%2Frequests%2F${request.id}`);
  // Signed in again elsewhere, both go on where they were.
  await signIn(hers, await link());
  await live.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await live.getByText(OUT).waitFor({ state: "detached" });
  assert.equal(await live.getByLabel("Comment for the user").inputValue(), "half a comment");
  await name.press("End");
  await name.pressSequentially(".");
  await form.getByText(OUT).waitFor({ state: "detached" });
  assert.equal(await name.inputValue(), "Half a name.");
  quiet(hers);
  await hers.close();
});

test("what was wrong with several stays said while the list is drawn anew", async () => {
  await page.goto(`${stage.server}/requests`);
  await page.getByRole("button", { name: "Approve the chosen ones" }).click();
  await page.getByText("Nothing was decided: choose one or more").waitFor();
  const request = await asks("while it is said");
  await page.getByText("while it is said").waitFor();
  assert.equal(await page.getByText("Nothing was decided: choose one or more").isVisible(), true);
  await ctl("request", "decline", request.id, "--comment", "done");
  quiet(context);
});

for (const [what, path] of [["the report", async () => "/events"], ["a policy's audit", async () => `/policies/${(await ctl("policy", "list")).items.find((one) => one.name.startsWith("Web team")).id}/audit`]]) {
  test(`a link of ${what} that has the focus goes on leading to the same event`, async () => {
    await page.goto(stage.server + (await path()));
    const first = page.locator("#list tbody tr").first();
    const link = first.locator('a[href^="/events/"]');
    const to = await link.evaluate((one) => {
      one.focus();
      return one.getAttribute("href");
    });
    const request = await asks(`a new event in ${what}`);
    await until("the new row", async () => (await link.getAttribute("href")) !== to);
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute("href")), to);
    await ctl("request", "decline", request.id, "--comment", "done");
    quiet(context);
  });
}

test("a policy that comes moves nothing beside it", async () => {
  await page.goto(`${stage.server}/policies`);
  const edges = () => page.locator("#list thead th").evaluateAll((all) => all.map((one) => [one.getBoundingClientRect().left, one.offsetWidth]));
  const before = await edges();
  const text = `a policy with a very long name ${"and more ".repeat(9)}`.trim();
  const content = { name: text, description: "", enabled: true, users: [stage.user.name], computers: "all", mode: "deny", applications: [{ file: "/usr/bin/tty" }] };
  const made = await api(context, "POST", "/policies", content);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await page.getByText(text).first().waitFor();
  assert.deepEqual(await edges(), before);
  quiet(context);
});

test("the keys go through every list, and to its filters", async () => {
  const lists = ["/requests", "/policies", "/access", "/applications", "/groups", "/lists", "/events", "/computers", "/enrolment-tokens", "/break-glass"];
  const { id } = (await ctl("policy", "list")).items.find((one) => one.name.startsWith("Web team"));
  lists.push(`/policies/${id}/computers`, "/settings/people", "/settings/tokens", "/settings/retention", "/settings/autonomous");
  lists.push("/settings/notifications", "/settings/notifications/log", "/settings/notifications/words");
  const row = () => page.evaluate(() => {
    const at = document.activeElement.closest("[data-rows] > tr");
    return at ? [...document.querySelectorAll("[data-rows] > tr")].indexOf(at) : null;
  });
  for (const path of [...lists, `/policies/${id}/audit`]) {
    await page.goto(stage.server + path);
    const count = await page.locator("[data-rows] > tr").count();
    assert.ok(count > 0, `${path} has nothing`);
    await page.keyboard.press("j");
    assert.equal(await row(), 0, `j on ${path}`);
    if (count > 1) {
      await page.keyboard.press("j");
      assert.equal(await row(), 1, `the second j on ${path}`);
      await page.keyboard.press("k");
      assert.equal(await row(), 0, `k on ${path}`);
    }
    if (!lists.includes(path)) continue;
    await page.keyboard.press("/");
    assert.equal(await page.evaluate(() => document.activeElement.dataset.key), "/", `/ on ${path}`);
  }
  quiet(context);
});

test("the way through the console is there again when a narrow window becomes wide", async () => {
  await page.setViewportSize({ width: 800, height: 700 });
  await page.goto(`${stage.server}/groups`);
  const way = page.getByRole("link", { name: "Computers", exact: true });
  await way.waitFor({ state: "hidden" });
  await page.setViewportSize(WIDE);
  await way.waitFor();
  await page.setViewportSize({ width: 800, height: 700 });
  await way.waitFor({ state: "hidden" });
  await page.setViewportSize(WIDE);
  quiet(context);
});

test("no row that the keyboard comes to is behind the form for several, at any width, also when it says what is wrong", async () => {
  for (let at = 0; at < 12; at++) await asks(`reason ${at} ${"with a long explanation of why it is needed now ".repeat(at % 3)}`.trim());
  /** Of the row that has the focus: what is not in sight, or nothing. */
  const hidden = () => page.evaluate(() => {
    const row = document.activeElement.closest("[data-rows] > tr");
    if (!row) return "no row has the focus";
    const { left, top, bottom } = row.getBoundingClientRect();
    if (top < -1 || bottom > window.innerHeight + 1) return `from ${top} to ${bottom} of ${window.innerHeight}`;
    for (const y of [top + 3, bottom - 3]) {
      const there = document.elementFromPoint(left + 12, y);
      if (!row.contains(there)) return `behind ${there?.className} at ${y}`;
    }
    return null;
  });
  const wrong = [];
  for (const [width, height] of [[1280, 720], [1104, 704], [1280, 600], [1024, 720], [640, 720], [380, 800]]) {
    await page.setViewportSize({ width, height });
    for (const says of ["nothing", "what is wrong"]) {
      await page.goto(`${stage.server}/requests`);
      if (says !== "nothing") {
        await page.locator("[data-rows] input").first().check();
        await page.getByRole("button", { name: "Decline the chosen ones" }).click();
        await page.getByText("say why, for the users").waitFor();
      }
      const form = await page.locator("#several").evaluate((one) => [getComputedStyle(one).position, one.offsetHeight, getComputedStyle(one.querySelector("textarea")).resize]);
      if (form[0] === "sticky") assert.ok(form[1] <= 192 && form[2] === "none", `${width}x${height}: ${form}`);
      assert.equal(form[0], width >= 1104 && height >= 704 ? "sticky" : "static");
      for (const key of ["j", "Tab"]) {
        await page.evaluate(() => { document.activeElement.blur(); window.scrollTo(0, 0); });
        if (key === "Tab") await page.locator("[data-rows] input").first().focus();
        for (let at = 0; at < (key === "j" ? 12 : 23); at++) {
          await page.keyboard.press(key);
          const found = await hidden();
          if (found) wrong.push(`${width}x${height}, ${says}, ${key} ${at}: ${found}`);
        }
      }
    }
  }
  await page.setViewportSize(WIDE);
  assert.deepEqual(wrong, []);
  quiet(context);
});
