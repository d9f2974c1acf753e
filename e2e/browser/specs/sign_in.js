// First run and sign-in: what an owner sets up after the one-time link, with Chromium's virtual authenticator, and signing in by each.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before } from "node:test";
import { ctl, done, stage, test } from "../lib/brevet.js";
import { Browser, accessible, authenticator, expect, quiet, signIn } from "../lib/browser.js";

const PASSWORD = "seven quiet otters juggle";
let browser, context, page, app;
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
});
after(async () => {
  await browser?.close();
  done();
});

/** The code of an authenticator app, so many steps from now. */
function code(secret, steps) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replaceAll(" ", "")].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const hash = createHmac("sha1", key).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

const signOut = async () => {
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByText("You are signed out.").waitFor();
};

test("the link leads to where a passkey is set up, and the passkey signs in", async () => {
  page = await signIn(context);
  await page.getByRole("link", { name: "Set up what you sign in with from now on" }).click();
  await page.getByText("You have nothing yet to sign in with").waitFor();
  await accessible(page);
  await authenticator(context, page);
  await page.getByLabel("Name of the new passkey").fill("This <b>laptop</b>");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("The passkey is added.").waitFor();
  await page.getByText("This <b>laptop</b>", { exact: true }).first().waitFor();
  await accessible(page);
  await page.getByLabel("Name of the new passkey").fill("Twice");
  await page.getByRole("button", { name: "Add a passkey" }).click();
  await page.getByText("This device has a passkey of yours already.").waitFor();
  await signOut();
  await accessible(page);
  await page.getByRole("button", { name: "Sign in with a passkey" }).click();
  await page.waitForURL((url) => url.pathname === "/");
  const { passkeys } = await ctl("person", "credentials", "owner");
  assert.ok(passkeys[0].last_used, JSON.stringify(passkeys));
  quiet(context);
});

test("a password and an authenticator app are set up, and sign in together, with the keyboard alone", async () => {
  expect(context, /422/);
  await page.goto(`${stage.server}/account`);
  await page.getByLabel("New password").fill("password1234");
  await page.getByLabel("The same again").fill("password1234");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").filter({ hasText: "somebody would try first" }).waitFor();
  await accessible(page);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByLabel("The same again").fill(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByText("Your password is set").waitFor();
  await page.getByRole("button", { name: "Set up an app" }).click();
  await page.getByRole("img", { name: "The secret as a picture" }).waitFor();
  await accessible(page);
  app = await page.locator("dd code").first().innerText();
  await page.getByLabel("Code").fill(code(app, 0));
  await page.keyboard.press("Enter");
  await page.getByText("Each of these signs you in once").waitFor();
  await accessible(page);
  assert.equal(await page.locator(".codes li").count(), 10);
  await page.getByRole("link", { name: "I have kept them" }).click();
  await page.getByText("10 recovery codes left").waitFor();
  await signOut();
  await page.getByLabel("Name").focus();
  await page.keyboard.type("owner");
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByText("Six digits").waitFor();
  await accessible(page);
  await page.getByLabel("Code of your authenticator app").fill(code(app, 1));
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.pathname === "/");
  quiet(context);
});

test("without JavaScript the password and the app sign in too", async () => {
  const plain = await browser.visitor({ javaScriptEnabled: false });
  const there = await plain.newPage();
  await there.goto(`${stage.server}/requests`);
  assert.equal(await there.getByRole("button", { name: "Sign in with a passkey" }).count(), 0);
  await there.getByLabel("Name").fill("owner");
  await there.getByLabel("Password").fill(PASSWORD);
  await there.getByRole("button", { name: "Next" }).click();
  // The code before this one is used up: one of a step that has not begun is taken as early as clocks may differ.
  const used = code(app, 1);
  for (;;) {
    const next = code(app, 1);
    if (next !== used) {
      await there.getByLabel("Code of your authenticator app").fill(next);
      break;
    }
    await new Promise((go) => setTimeout(go, 500));
  }
  await there.getByRole("button", { name: "Sign in" }).click();
  await there.waitForURL((url) => url.pathname === "/requests");
  await page.goto(`${stage.server}/account`);
  await page.getByText("Sign out there").first().click();
  await page.getByText("That browser is signed out at once").first().waitFor();
  await page.getByRole("group").filter({ hasText: "Sign out everywhere" }).locator("summary").click();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  await page.getByText("You are signed out.").waitFor();
  await there.reload();
  assert.equal(new URL(there.url()).pathname, "/sign-in");
  await plain.close();
});
