// Every page of the console, one of each kind: pages that differ by an id, a kind of event or a query alone are the same. They are looked at
// by areas, so that each script is done in its time; a link to a page that no area has is a failure, and so is a page that no link leads to.
import assert from "node:assert/strict";
import { ctl, stage } from "./brevet.js";

const SAME = [
  [/\/[a-z]{3}_[0-9a-z]{26}/g, "/ID"],
  [/^\/applications\/[0-9a-f]+$/, "/applications/ID"],
  [/\/words\/[a-z_.]+$/, "/words/KIND"],
];

const forms = (base) => [base, `${base}/new`, `${base}/ID`, `${base}/ID/edit`, `${base}/ID/history`];

/** The kinds of pages of each area. */
export const AREAS = {
  access: [
    ...["/", "/requests", "/requests/ID", "/access", "/grants/ID", "/sessions", "/sessions/ID"],
    ...["/break-glass", "/break-glass/ID", "/break-glass/open", "/proposals", "/proposals/ID"],
  ],
  policies: [
    ...[...forms("/policies"), "/policies/ID/computers", "/policies/ID/audit", "/policies/test"],
    ...[...forms("/settings/autonomous"), ...forms("/lists"), ...forms("/groups"), "/applications", "/applications/ID"],
  ],
  records: [
    ...["/computers", "/computers/ID", "/enrolment-tokens", "/events", "/events/ID", "/settings", "/settings/tokens", "/account"],
    ...["/settings/people", "/settings/people/ID", "/settings/sign-in", "/settings/retention", "/settings/holds/ID"],
    ...["/settings/notifications", "/settings/notifications/log", "/settings/notifications/words", "/settings/notifications/words/KIND"],
  ],
};

/** The kind of page that an address is of. */
export const kindOf = (path) => SAME.reduce((text, [what, by]) => text.replaceAll(new RegExp(what, "g"), by), path);

/** Goes to every page of an area (of all, without one), from the overview on, and has `look(page, kind)` look at each. */
export async function crawl(page, look, area) {
  const all = Object.values(AREAS).flat();
  const wanted = new Set(area ? AREAS[area] : all);
  const { origin } = new URL(stage.server);
  // Of the policies one that can be changed: that of a break-glass comes first in the list, and cannot.
  const { id } = (await ctl("policy", "list")).items.find((policy) => !policy.name.startsWith("Break-glass"));
  const queue = ["/", "/settings", "/policies", `/policies/${id}`, "/computers", "/events"];
  const seen = new Set(queue.map(kindOf));
  const looked = new Set();
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const answer = await page.goto(stage.server + path);
    assert.equal(answer.status(), 200, path);
    const kind = kindOf(new URL(path, stage.server).pathname);
    if (wanted.has(kind) && !looked.has(kind)) {
      looked.add(kind);
      await look(page, kind);
    }
    const links = await page.evaluate(() => [...document.querySelectorAll("a[href]:not([download])")].map((a) => new URL(a.getAttribute("href"), document.baseURI).href));
    for (const to of links) {
      const { origin: site, pathname, search } = new URL(to);
      const kind = kindOf(pathname);
      if (site !== origin || pathname.startsWith("/api/") || seen.has(kind)) continue;
      assert.ok(all.includes(kind), `${path} leads to ${pathname}, which no area has`);
      seen.add(kind);
      if (wanted.has(kind)) queue.push(pathname + search);
    }
  }
  assert.deepEqual([...wanted].filter((kind) => !looked.has(kind)), [], "no link leads to these");
  return looked.size;
}
