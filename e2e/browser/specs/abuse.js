// What other sites, whoever had the browser before, people of another scope and users who write markup try with the console.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, before } from "node:test";
import { ctl, done, stage, test, until } from "../lib/brevet.js";
import { Browser, expect, quiet, signIn } from "../lib/browser.js";
import { MARKUP, seed } from "../lib/seed.js";

const COOKIE = "__Host-brevet";
let browser, context, page, evil, address;
let served = "";
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
  await seed(MARKUP);
  page = await signIn(context);
  evil = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>evil</title>${served}`));
  evil.listen(0, "127.0.0.1");
  await once(evil, "listening");
  address = `http://127.0.0.1:${evil.address().port}/`;
});
after(async () => {
  evil?.close();
  evil?.closeAllConnections();
  await browser?.close();
  done();
});

const pending = async () => (await ctl("request", "list", "--state", "pending")).items[0];

test("a form of another site decides nothing, though its visitor is signed in", async () => {
  const request = await pending();
  served = `<form method="post" action="${stage.server}/requests/${request.id}/approve">
<input name="code" value="${request.code}"><button>Win a prize</button></form>`;
  expect(context, /status of 40[13]/);
  for (const host of ["127.0.0.1", "localhost"]) {
    const other = await context.newPage();
    await other.goto(address.replace("127.0.0.1", host)).catch(() => other.goto(address));
    const answered = other.waitForResponse((response) => response.url().startsWith(stage.server) && response.request().method() === "POST");
    await other.getByRole("button").click();
    assert.ok([401, 403].includes((await answered).status()), "another site's form was let through");
    await other.close();
  }
  assert.equal((await pending()).id, request.id, "the request was decided");
  await page.reload();
  assert.equal(await page.title(), "Overview · Brevet", "the visitor is still signed in");
  quiet(context);
});

test("the console stands in no frame of another site", async () => {
  expect(context, /frame/i, /status of 404/);
  for (const [path, shows] of [["/requests", "Requests"], ["/sign-in", "Sign in"], ["/no-such-page", "Brevet"]]) {
    served = `<iframe src="${stage.server}${path}"></iframe>`;
    const other = await context.newPage();
    await other.goto(address);
    const frame = await until("the frame", async () => other.frames().find((frame) => frame !== other.mainFrame()));
    await frame.waitForLoadState().catch(() => undefined);
    assert.equal(await frame.getByText(shows).count(), 0, `${path} was framed`);
    const { headers } = await other.context().request.get(stage.server + path, { ignoreHTTPSErrors: true }).then((answer) => ({ headers: answer.headers() }));
    assert.match(headers["content-security-policy"], /frame-ancestors 'none'/, path);
    await other.close();
  }
  quiet(context);
});

test("a cookie that was there before signing in is of no use after it, and one is of no use after signing out", async () => {
  const { sign_in: link } = await ctl("person", "sign-in", "owner");
  const victim = await browser.visitor();
  const planted = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
  const cookie = (value) => ({ name: COOKIE, value, url: stage.server, secure: true, httpOnly: true, sameSite: "Lax" });
  await victim.addCookies([cookie(planted)]);
  const theirs = await signIn(victim, link);
  const mine = (await victim.cookies()).find((one) => one.name === COOKIE);
  assert.notEqual(mine.value, planted, "the planted cookie became theirs");
  assert.deepEqual([mine.httpOnly, mine.secure, mine.sameSite, mine.path], [true, true, "Lax", "/"]);
  const attacker = await browser.visitor();
  const tried = await attacker.newPage();
  const signedIn = async (value) => {
    await attacker.addCookies([cookie(value)]);
    await tried.goto(`${stage.server}/account`);
    return new URL(tried.url()).pathname === "/account";
  };
  assert.equal(await signedIn(planted), false, "the planted cookie signs in");
  assert.equal(await signedIn(mine.value), true, "what was copied is looked at in the same way");
  // Signing in once more leaves nothing of the sign-in before it.
  const again = (await ctl("person", "sign-in", "owner")).sign_in;
  await theirs.goto(again);
  await theirs.getByRole("button", { name: "Sign in" }).click();
  await theirs.waitForURL((url) => url.pathname === "/");
  const next = (await victim.cookies()).find((one) => one.name === COOKIE);
  assert.notEqual(next.value, mine.value);
  assert.equal(await signedIn(mine.value), false, "the sign-in before is still of use");
  await theirs.getByRole("button", { name: "Sign out", exact: true }).click();
  await theirs.getByText("You are signed out.").waitFor();
  assert.equal(await signedIn(next.value), false, "signing out ended nothing");
  for (const one of [victim, attacker]) {
    quiet(one);
    await one.close();
  }
});

test("no text that a user or a colleague writes is taken for markup where it is shown", async () => {
  const first = async (...list) => (await ctl(...list, "list")).items[0].id;
  const asked = await pending();
  const policy = (await ctl("policy", "list")).items.find((one) => !one.name.startsWith("Break-glass")).id;
  const paths = {
    "/": "reason",
    "/requests": "reason",
    [`/requests/${asked.id}`]: "reason and arguments",
    "/requests?state=declined": "the comment of a decline",
    "/access": "names of policies",
    [`/sessions/${await first("session")}`]: "reason",
    "/policies": "names",
    [`/policies/${policy}`]: "name, description, message",
    [`/policies/${policy}/edit`]: "what is filled in",
    "/groups": "names",
    "/lists": "names",
    "/events": "everything that was written",
    "/settings/people": "names",
    "/settings/retention": "names and reasons of holds",
    "/settings/notifications": "names",
  };
  for (const [path, what] of Object.entries(paths)) {
    await page.goto(stage.server + path);
    assert.equal(await page.title().then((title) => title.endsWith("Brevet")), true, path);
    assert.ok((await page.content()).includes("onerror="), `${path} does not show ${what}`);
    assert.equal(await page.evaluate(() => window.hit), undefined, `${path} ran ${what}`);
    assert.equal(await page.locator("img[src=x], main script").count(), 0, `${path} has markup in ${what}`);
  }
  quiet(context);
});

test("no address of ours leads to another site", async () => {
  for (const next of ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:window.hit=1", "/%0d%0alocation:https://evil.example"]) {
    const { sign_in: link } = await ctl("person", "sign-in", "owner");
    const other = await browser.visitor();
    const stranger = await other.newPage();
    await stranger.goto(`${stage.server}/sign-in?next=${encodeURIComponent(next)}`);
    await stranger.goto(`${link}?next=${encodeURIComponent(next)}`);
    await stranger.getByRole("button", { name: "Sign in" }).click();
    await stranger.waitForLoadState();
    assert.equal(new URL(stranger.url()).origin, stage.server, `${next} led to ${stranger.url()}`);
    await stranger.goto(stage.server);
    await stranger.evaluate((next) => {
      const form = document.querySelector('form[action="/theme"]');
      form.querySelector('[name="next"]').value = next;
      HTMLFormElement.prototype.submit.call(form);
    }, next);
    await stranger.waitForLoadState();
    assert.equal(new URL(stranger.url()).origin, stage.server, `${next} led to ${stranger.url()}`);
    await other.close();
  }
});

test("ids of another scope are not there for somebody whose role is narrowed", async () => {
  await ctl("group", "create", "elsewhere", "--computer", "somewhere-else");
  await ctl("person", "create", "Nina", "--role", "auditor", "--scope", "auditor=elsewhere");
  const { sign_in: link } = await ctl("person", "sign-in", "Nina");
  const other = await browser.visitor();
  expect(other, /status of 40[34]/);
  const hers = await signIn(other, link);
  const first = async (...list) => (await ctl(...list, "list")).items[0].id;
  const computer = (await ctl("computer", "show", stage.computer)).id;
  const beyond = [
    `/requests/${await first("request")}`,
    `/grants/${await first("grant")}`,
    `/sessions/${await first("session")}`,
    `/events/${(await ctl("event", "list", "--kind", "request.*")).items[0].id}`,
    `/settings/people/${await first("person")}`,
    `/settings/retention`,
    `/computers/${computer}`,
    `/access/revoke?computer=${computer}`,
  ];
  for (const path of beyond) {
    const answer = await hers.goto(stage.server + path);
    assert.ok([403, 404].includes(answer.status()), `${path} answered ${answer.status()}`);
    assert.ok(!(await hers.content()).includes(stage.user.name), `${path} tells of the user`);
  }
  await hers.goto(`${stage.server}/events`);
  assert.ok(!(await hers.locator("#list").innerText()).includes(stage.user.name));
  quiet(other);
  await other.close();
});
