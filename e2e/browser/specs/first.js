// The first look: signing in by the one-time link, and the pages that everybody sees first.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { apply, brevet, ctl, done, stage, test, until } from "../lib/brevet.js";
import { Browser, accessible, quiet, signIn } from "../lib/browser.js";

let browser, context, page;
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
});
after(async () => {
  await browser?.close();
  done();
});

test("the one-time link signs in, with a certificate that the browser believes", async () => {
  const stranger = await context.newPage();
  await stranger.goto(stage.server);
  assert.equal(new URL(stranger.url()).pathname, "/sign-in");
  await accessible(stranger);
  await stranger.goto(stage.sign_in);
  await accessible(stranger);
  await stranger.close();
  page = await signIn(context);
  assert.equal(await page.title(), "Overview · Brevet");
  quiet(context);
});

test("the overview shows a request as soon as somebody asks, without a reload", async () => {
  await accessible(page);
  await page.goto(stage.server);
  await page.getByText("Nothing waits").waitFor();
  await apply(`[[policy]]
name = "Reports"
users = ["USER"]
computers = "all"
mode = "request"
applications = [{ file = "/usr/bin/id" }]
`);
  const asked = brevet("run", "--no-wait", "--reason", "the <b>monthly</b> report", "--for", "20m", "--", "/usr/bin/id", "-u");
  assert.equal((await asked.ended).code, 75, asked.said());
  await page.getByText("the <b>monthly</b> report").waitFor();
  const times = await page.locator("#overview time").allInnerTexts();
  assert.ok(times.length > 0 && times.every((time) => !time.includes("UTC")), `what came live says times of elsewhere: ${times}`);
  await accessible(page);
  quiet(context);
});

test("a request's page and the list, without anything that axe finds", async () => {
  await page.goto(`${stage.server}/requests`);
  await accessible(page);
  await page.locator("[data-rows]").getByRole("link").first().click();
  await page.getByRole("heading", { name: "What would run" }).waitFor();
  await accessible(page);
  await page.getByLabel("For at most").fill("5m");
  await page.getByRole("button", { name: "Approve" }).click();
  await page.getByText("Approved.").waitFor();
  await accessible(page);
  await until("the grant", async () => (await ctl("grant", "list")).items.length === 1);
  quiet(context);
});
