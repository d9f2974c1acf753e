// A picture of every page in both themes, and those that the administrator's guide shows. Run by `make screenshots`.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { done, stage } from "./lib/brevet.js";
import { Browser, NARROW, WIDE, authenticator, signIn } from "./lib/browser.js";
import { crawl } from "./lib/crawl.js";
import { fourEyes, seed } from "./lib/seed.js";

const [all, guide] = process.argv.slice(2);
const QUALITY = 60;
const SHOWN = {
  "/": "overview",
  "/requests/ID": "request",
  "/policies": "policies",
  "/policies/ID/edit": "policy-form",
  "/access": "access",
  "/applications/ID": "application",
  "/computers/ID": "computer",
  "/events": "events",
  "/settings/autonomous/ID": "autonomous-rule",
  "/proposals/ID": "proposal",
};
const PHONE = "/requests/ID";

// WHY: names that only this machine has tell a reader nothing.
const NAMES = [[stage.user.name, "alice"], [stage.computer, "web-1"], [stage.server, "https://brevet.example.org"], [process.cwd(), "/home/alice"]];

const browser = await Browser.start();
await seed();
await fourEyes();
const context = await browser.visitor({ viewport: WIDE });
const page = await signIn(context);
await authenticator(context, page);
await page.goto(`${stage.server}/account`);
await page.getByLabel("Name of the new passkey").fill("Laptop");
await page.getByRole("button", { name: "Add a passkey" }).click();
await page.getByText("The passkey is added.").waitFor();
const protocol = await context.newCDPSession(page);
for (const folder of [all, guide]) {
  mkdirSync(folder, { recursive: true });
  for (const old of readdirSync(folder).filter((name) => name.endsWith(".webp"))) rmSync(join(folder, old));
}

const bytes = { [all]: 0, [guide]: 0 };
async function picture(folder, name, whole) {
  const size = await page.evaluate(() => ({ width: window.innerWidth, height: document.documentElement.scrollHeight }));
  const clip = whole ? { clip: { x: 0, y: 0, ...size, scale: 1 }, captureBeyondViewport: true } : {};
  const { data } = await protocol.send("Page.captureScreenshot", { format: "webp", quality: QUALITY, ...clip });
  const file = Buffer.from(data, "base64");
  bytes[folder] += file.length;
  writeFileSync(join(folder, `${name}.webp`), file);
}

/** In the page: other names in texts and in fields. */
function rename(names) {
  const renamed = (text) => names.reduce((text, [from, to]) => text.replaceAll(from, to), text);
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    const text = renamed(node.nodeValue);
    if (text !== node.nodeValue) node.nodeValue = text;
  }
  for (const field of document.querySelectorAll("input:not([type=hidden]), textarea")) field.value = renamed(field.value);
}

// What comes live, and says the names that this machine has, is over.
await page.addInitScript(() => delete window.EventSource);
const count = await crawl(page, async (page, kind) => {
  const name = kind === "/" ? "overview" : kind.slice(1).replaceAll("/", "-").toLowerCase();
  await page.evaluate(rename, NAMES);
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    await picture(all, `${name}-${colorScheme}`, true);
    if (SHOWN[kind]) await picture(guide, `${SHOWN[kind]}-${colorScheme}`, false);
    await page.setViewportSize(NARROW);
    await page.evaluate(() => document.querySelector("details.ways")?.removeAttribute("open"));
    await picture(all, `${name}-narrow-${colorScheme}`, true);
    if (kind === PHONE) await picture(guide, `${SHOWN[kind]}-phone-${colorScheme}`, false);
    await page.setViewportSize(WIDE);
    await page.evaluate(() => document.querySelector("details.ways")?.setAttribute("open", ""));
  }
});
console.log(`${count} pages in both themes, wide and narrow: ${Math.round(bytes[all] / 1024)} KiB in ${all}`);
console.log(`of these ${Math.round(bytes[guide] / 1024)} KiB for the guide in ${guide}`);
await browser.close();
done();
