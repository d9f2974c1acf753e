// Every page that links lead to, one of each kind: pages that differ by an id, a kind of event or a query alone are the same.
import { stage } from "./brevet.js";

const SAME = [
  [/\/[a-z]{3}_[0-9a-z]{26}/g, "/ID"],
  [/\/words\/[a-z_.]+$/, "/words/KIND"],
];

/** The kind of page that an address is of. */
export const kindOf = (path) => SAME.reduce((text, [what, by]) => text.replaceAll(new RegExp(what, "g"), by), path);

/** Goes to every page from the overview on, and has `look(page, kind)` look at each. Gives the kinds that were seen. */
export async function crawl(page, look) {
  const seen = new Map([["/", "/"]]);
  const queue = ["/"];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    const answer = await page.goto(stage.server + path);
    if (answer.status() !== 200) throw new Error(`${path} answered ${answer.status()}`);
    await look(page, kindOf(new URL(path, stage.server).pathname));
    for (const to of await page.evaluate(() => [...document.querySelectorAll("a[href]")].map((a) => a.href))) {
      const { origin, pathname, search } = new URL(to);
      const kind = kindOf(pathname);
      if (origin !== new URL(stage.server).origin || pathname.startsWith("/api/") || seen.has(kind)) continue;
      seen.set(kind, pathname);
      queue.push(pathname + search);
    }
  }
  return [...seen.keys()];
}
