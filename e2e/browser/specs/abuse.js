// What other sites, and people of another scope, try with the console.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, before } from "node:test";
import { ctl, done, stage, test, until } from "../lib/brevet.js";
import { Browser, expect, quiet, signIn } from "../lib/browser.js";
import { seed } from "../lib/seed.js";

let browser, context, page, session, evil, address;
let served = "";
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
  session = await seed();
  page = await signIn(context);
  evil = createServer((_, answer) => answer.writeHead(200, { "content-type": "text/html" }).end(`<!doctype html><title>evil</title>${served}`));
  evil.listen(0, "127.0.0.1");
  await once(evil, "listening");
  address = `http://127.0.0.1:${evil.address().port}/`;
});
after(async () => {
  session?.kill();
  evil?.close();
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
  served = `<iframe src="${stage.server}/requests"></iframe>`;
  const other = await context.newPage();
  expect(context, /frame/i);
  await other.goto(address);
  const frame = await until("the frame", async () => other.frames().find((frame) => frame !== other.mainFrame()));
  await frame.waitForLoadState().catch(() => undefined);
  assert.equal(await frame.locator("text=Requests").count(), 0, "it was framed");
  await other.close();
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
  const beyond = [
    `/requests/${await first("request")}`,
    `/grants/${await first("grant")}`,
    `/sessions/${await first("session")}`,
    `/events/${(await ctl("event", "list", "--kind", "request.*")).items[0].id}`,
    `/settings/people/${await first("person")}`,
    `/settings/retention`,
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
