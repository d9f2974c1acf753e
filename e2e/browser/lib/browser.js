// Debian's Chromium, told of the installation's CA in a throw-away certificate database, so that a certificate that browsers would refuse
// fails the tests. A page that throws, complains on its console or breaks its content security policy fails its test.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { stage } from "./brevet.js";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Not how long anything takes: how long a busy machine may take. */
const PATIENCE = 30_000;
export const WIDE = { width: 1280, height: 800 };
export const NARROW = { width: 380, height: 800 };
// WHY: what moves is half of one colour and half of another when axe looks.
const USUAL = { viewport: WIDE, locale: "en-GB", timezoneId: "Europe/Berlin", reducedMotion: "reduce" };

/** A browser with nothing but the installation's CA; `close()` leaves nothing behind. */
export class Browser {
  static async start() {
    const home = mkdtempSync(join(tmpdir(), "brevet-browser-"));
    const database = join(home, ".pki/nssdb");
    mkdirSync(database, { recursive: true });
    execFileSync("certutil", ["-d", `sql:${database}`, "-N", "--empty-password"]);
    execFileSync("certutil", ["-d", `sql:${database}`, "-A", "-t", "C,,", "-n", "brevet", "-i", stage.ca]);
    const browser = new Browser();
    browser.home = home;
    browser.chromium = await chromium.launch({
      executablePath: process.env.BREVET_CHROMIUM ?? "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
      env: { ...process.env, HOME: home },
      timeout: 60_000,
    });
    return browser;
  }

  /** Somebody's browser: cookies of their own, and pages that are watched. */
  async visitor(options = {}) {
    const context = await this.chromium.newContext({ ...USUAL, ...options });
    context.setDefaultTimeout(PATIENCE);
    context.complaints = [];
    context.expected = [];
    context.on("page", (page) => watch(context, page));
    await context.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (e) => console.error(`CSP: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`));
    });
    return context;
  }

  async close() {
    await this.chromium.close();
    rmSync(this.home, { recursive: true, force: true });
  }
}

function watch(context, page) {
  const complain = (text) => context.complaints.push(`${page.url()}: ${text}`);
  page.on("pageerror", (error) => complain(`threw ${error}`));
  page.on("console", (message) => {
    // Whoever leaves a page cuts off what it was just asking for.
    if (message.text().startsWith("htmx: htmx:error: Failed to fetch")) return;
    if (["error", "warning"].includes(message.type())) complain(`said ${message.text()}`);
  });
  page.on("dialog", (dialog) => {
    complain(`opened a dialogue: ${dialog.message()}`);
    return dialog.dismiss();
  });
}

/** Complaints that fit are meant: what a test provokes is named by it. */
export function expect(context, ...patterns) {
  context.expected.push(...patterns);
}

/** What pages complained of, except what was expected, is a failure; begins anew. */
export function quiet(context) {
  const unexpected = context.complaints.filter((text) => !context.expected.some((pattern) => pattern.test(text)));
  context.complaints.length = 0;
  assert.deepEqual(unexpected, [], "pages complained");
}

/** Signs in by a one-time link, the owner's first one where none is given, and gives the page. */
export async function signIn(context, link = stage.sign_in) {
  const page = await context.newPage();
  await page.goto(link);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => url.pathname === "/");
  return page;
}

/** An authenticator in this page's browser, which knows its user by finger. */
export async function authenticator(context, at) {
  const cdp = await context.newCDPSession(at);
  await cdp.send("WebAuthn.enable");
  const options = { protocol: "ctap2", transport: "internal", hasResidentKey: true, hasUserVerification: true, isUserVerified: true };
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", { options: { ...options, automaticPresenceSimulation: true } });
  return { cdp, authenticatorId };
}

/** Everything that axe finds on a page: in both themes, at full width and at 380 px; and that nothing is wider than the screen there. */
export async function accessible(page) {
  const found = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const viewport of [WIDE, NARROW]) {
      await page.setViewportSize(viewport);
      const where = `${new URL(page.url()).pathname}, ${colorScheme}, ${viewport.width} px`;
      for (const one of await axe(page)) found.push(`${where}: ${one}`);
      const wide = await page.evaluate(widest);
      if (wide) found.push(`${where}: ${wide}`);
    }
  }
  await page.setViewportSize(WIDE);
  assert.deepEqual(found, [], "what axe found");
}

/** In the page: how much wider than the screen it is, and by what. */
function widest() {
  const wider = document.documentElement.scrollWidth - window.innerWidth;
  if (wider <= 0) return null;
  const beyond = [...document.querySelectorAll("body *")].filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1);
  const names = beyond.slice(-3).map((one) => `${one.localName}.${one.className} ${one.textContent.trim().slice(0, 40)}`);
  return `${wider} px wider than the screen: ${names.join("; ")}`;
}

async function axe(page) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  // WHY: styles are read from the page as it is; loading them again would break the content security policy.
  const { violations } = await page.evaluate(() => window.axe.run(document, { preload: false, resultTypes: ["violations"] }));
  const one = ({ target, failureSummary }) => `${target.join(" ")} (${failureSummary.replaceAll(/\s+/g, " ")})`;
  return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(one).join("; ")}`);
}
