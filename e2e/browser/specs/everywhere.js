// Every page that links lead to, with markup in every text that somebody can write: nothing of it runs, and axe finds nothing.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { done, test } from "../lib/brevet.js";
import { Browser, accessible, quiet, signIn } from "../lib/browser.js";
import { crawl } from "../lib/crawl.js";
import { MARKUP, seed } from "../lib/seed.js";

let browser, context, page, session;
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
  session = await seed(MARKUP);
  page = await signIn(context);
});
after(async () => {
  session?.kill();
  await browser?.close();
  done();
});

test("no text of anybody's is taken for markup on any page, and axe finds nothing there", async () => {
  const found = [];
  const kinds = await crawl(page, async (page, kind) => {
    assert.equal(await page.evaluate(() => window.hit), undefined, `${kind} ran what somebody wrote`);
    assert.equal(await page.locator("img[src=x], main script").count(), 0, `${kind} has somebody's markup`);
    await accessible(page).catch((error) => found.push(error.message));
  });
  for (const wanted of ["/requests", "/requests/ID", "/events", "/events/ID", "/settings", "/settings/people/ID", "/settings/holds/ID"]) {
    assert.ok(kinds.includes(wanted), `no link leads to ${wanted}: ${kinds.join(" ")}`);
  }
  assert.deepEqual(found, []);
  quiet(context);
}, 150_000);
