// A server that restarts and a connection that is lost: the page says so, and goes on by itself.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { apply, ask, brevet, done, test } from "../lib/brevet.js";
import { Browser, expect, quiet, signIn } from "../lib/browser.js";

const LOST = "The connection is lost";
let browser, context, page;
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
  await apply(`[[policy]]
name = "Reports"
users = ["USER"]
computers = "all"
mode = "request"
applications = [{ file = "/usr/bin/id" }]
`);
  page = await signIn(context);
  await page.getByText("Nothing waits").waitFor();
});
after(async () => {
  await browser?.close();
  done();
});

test("a restart of the server is said, and what came after it is shown without a reload", async () => {
  expect(context, /ERR_|Failed to (load|fetch)|status of 50/);
  await ask("stop-server");
  await page.getByText(LOST).waitFor();
  await ask("start-server");
  await page.getByText(LOST).waitFor({ state: "hidden", timeout: 60_000 });
  const asked = brevet("run", "--no-wait", "--reason", "after the restart", "--for", "20m", "--", "/usr/bin/id", "-u");
  assert.equal((await asked.ended).code, 75, asked.said());
  await page.getByText("after the restart").waitFor();
  quiet(context);
});

test("so is a server that was killed", async () => {
  await ask("kill-server");
  await page.getByText(LOST).waitFor();
  const asked = brevet("run", "--no-wait", "--reason", "while it was away", "--for", "20m", "--", "/usr/bin/id", "-g");
  assert.equal((await asked.ended).code, 75, asked.said());
  await ask("start-server");
  await page.getByText(LOST).waitFor({ state: "hidden", timeout: 60_000 });
  await page.getByText("while it was away").waitFor();
  quiet(context);
});

test("a connection that is gone without a word is known by its silence", async () => {
  await ask("pause-server");
  await page.getByText(LOST).waitFor({ timeout: 60_000 });
  await ask("resume-server");
  await page.getByText(LOST).waitFor({ state: "hidden", timeout: 60_000 });
  const asked = brevet("run", "--no-wait", "--reason", "after the silence", "--for", "20m", "--", "/usr/bin/id", "-u", "-r");
  assert.equal((await asked.ended).code, 75, asked.said());
  await page.getByText("after the silence").waitFor();
  quiet(context);
});

test("a browser that is offline says so at once, and goes on when it is back", async () => {
  await context.setOffline(true);
  await page.getByText(LOST).waitFor();
  await context.setOffline(false);
  await page.getByText(LOST).waitFor({ state: "hidden", timeout: 60_000 });
  const asked = brevet("run", "--no-wait", "--reason", "after the tunnel", "--for", "20m", "--", "/usr/bin/id", "-g", "-r");
  assert.equal((await asked.ended).code, 75, asked.said());
  await page.getByText("after the tunnel").waitFor();
  quiet(context);
});
