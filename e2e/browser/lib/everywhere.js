// Every page of an area with markup in every text that somebody can write: nothing of it runs, and axe finds nothing.
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { done, test } from "./brevet.js";
import { Browser, accessible, quiet, signIn } from "./browser.js";
import { crawl } from "./crawl.js";
import { MARKUP, fourEyes, seed } from "./seed.js";

export function everywhere(area) {
  let browser, context, page;
  before(async () => {
    browser = await Browser.start();
    context = await browser.visitor();
    await seed(MARKUP);
    if (area === "access") await fourEyes(MARKUP);
    page = await signIn(context);
  });
  after(async () => {
    await browser?.close();
    done();
  });
  const look = (found) => async (page, kind) => {
    assert.equal(await page.evaluate(() => window.hit), undefined, `${kind} ran what somebody wrote`);
    assert.equal(await page.locator(`img[src=x], main script:not([src^="/assets/"])`).count(), 0, `${kind} has somebody's markup`);
    // What is folded is looked at too.
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
    await accessible(page).catch((error) => found.push(error.message));
  };
  test(`no text of anybody's is taken for markup on any page of ${area}, and axe finds nothing there`, async () => {
    const found = [];
    await crawl(page, look(found), area);
    assert.deepEqual(found, []);
    quiet(context);
  }, 200_000);
}
