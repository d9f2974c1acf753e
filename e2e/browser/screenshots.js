// A picture of every page in both themes, for the guide. Run by `make screenshots`.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { done, stage } from "./lib/brevet.js";
import { Browser, signIn } from "./lib/browser.js";
import { crawl } from "./lib/crawl.js";
import { seed } from "./lib/seed.js";

const [folder] = process.argv.slice(2);
const SIZE = { width: 1100, height: 760 };
const QUALITY = 45;

// WHY: names that only this machine has tell a reader nothing.
const NAMES = [[stage.user.name, "alice"], [stage.computer, "web-1"], [stage.server, "https://brevet.example.org"]];

const browser = await Browser.start();
const session = await seed();
const context = await browser.visitor({ viewport: SIZE });
const page = await signIn(context);
const protocol = await context.newCDPSession(page);
mkdirSync(folder, { recursive: true });
for (const old of readdirSync(folder).filter((name) => name.endsWith(".webp"))) rmSync(join(folder, old));

let bytes = 0;
const kinds = await crawl(page, async (page, kind) => {
  const name = kind === "/" ? "overview" : kind.slice(1).replaceAll("/", "-").toLowerCase();
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await page.evaluate((names) => {
      const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      for (let node = walk.nextNode(); node; node = walk.nextNode()) {
        for (const [from, to] of names) if (node.nodeValue.includes(from)) node.nodeValue = node.nodeValue.replaceAll(from, to);
      }
    }, NAMES);
    const { data } = await protocol.send("Page.captureScreenshot", { format: "webp", quality: QUALITY });
    const picture = Buffer.from(data, "base64");
    bytes += picture.length;
    writeFileSync(join(folder, `${name}-${colorScheme}.webp`), picture);
  }
});
console.log(`${kinds.length} pages in both themes, ${Math.round(bytes / 1024)} KiB, in ${folder}`);
session.kill();
await browser.close();
done();
