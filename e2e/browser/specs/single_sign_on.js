// Single sign-on at a real provider of OpenID Connect, over a server of its own that is configured for it.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before } from "node:test";
import Provider from "oidc-provider";
import { begin, done, run, stage, test, until } from "../lib/brevet.js";
import { Browser, accessible } from "../lib/browser.js";

const SECRET = "a secret of the client that is long enough";
let browser, data, server, made, url, issuer, listening;

/** A port that was free a moment ago. */
async function port() {
  const probe = createServer().listen(0, "127.0.0.1");
  await new Promise((go) => probe.once("listening", go));
  const { port } = probe.address();
  await new Promise((go) => probe.close(go));
  return port;
}

function provider() {
  const account = async (_, id) => ({
    accountId: id,
    claims: async () => ({ sub: id, email: `${id}@example.com`, email_verified: true, groups: id === "olga" ? ["owners"] : ["guests"] }),
  });
  return new Provider(issuer, {
    clients: [{ client_id: "brevet", client_secret: SECRET, redirect_uris: [`${url}/sign-in/single/back`], grant_types: ["authorization_code"] }],
    claims: { email: ["email", "email_verified", "groups"] },
    pkce: { required: () => true },
    cookies: { keys: ["only for this test"] },
    findAccount: account,
  });
}

before(async () => {
  browser = await Browser.start();
  data = mkdtempSync(join(tmpdir(), "brevet-single-"));
  url = `https://localhost:${await port()}`;
  issuer = `http://localhost:${await port()}`;
  listening = provider().listen(new URL(issuer).port);
  writeFileSync(join(data, "secret"), `${SECRET}\n`, { mode: 0o600 });
  const config = `[openid]
name = "Example"
issuer = "${issuer}"
client_id = "brevet"
client_secret_file = "${join(data, "secret")}"
match = "email"

[openid.groups]
owners = ["owner", "approver"]
`;
  writeFileSync(join(data, "config.toml"), config);
  const set = await run(`${stage.bin}/brevet-server`, ["bootstrap", "--data", join(data, "data"), "--url", url, "--json"]);
  assert.equal(set.code, 0, set.stderr);
  made = JSON.parse(set.stdout);
  const place = ["--data", join(data, "data"), "--url", url, "--config", join(data, "config.toml"), "--listen", new URL(url).host.replace("localhost", "127.0.0.1")];
  server = begin(`${stage.bin}/brevet-server`, ["serve", ...place]);
  const person = async () => {
    const env = { BREVET_SERVER: url, BREVET_CA: made.ca, BREVET_TOKEN: made.token, HOME: data };
    return (await run(`${stage.bin}/brevetctl`, ["person", "create", "olga@example.com", "--role", "auditor"], { env })).code === 0;
  };
  await until("the server with single sign-on", person);
});
after(async () => {
  await browser?.close();
  server?.kill("SIGTERM");
  await server?.ended;
  await new Promise((go) => (listening ? listening.close(go) : go()));
  listening?.closeAllConnections?.();
  rmSync(data, { recursive: true, force: true });
  done();
});

/** At the provider: its own forms. */
async function atProvider(page, login) {
  await page.goto(`${url}/requests`);
  await accessible(page);
  await page.getByRole("link", { name: "Sign in with Example" }).click();
  await page.waitForURL((at) => at.origin === issuer);
  await page.locator("input[name=login]").fill(login);
  await page.locator("input[name=password]").fill("anything");
  await page.locator("button[type=submit]").click();
  await page.locator("button[type=submit]", { hasText: "Continue" }).click();
  await page.waitForURL((at) => at.origin === url);
}

test("a person whom the provider knows comes in with the roles of their groups, and leads back to where they wanted", async () => {
  const context = await browser.visitor({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await atProvider(page, "olga");
  assert.equal(new URL(page.url()).pathname, "/requests");
  await page.getByText("approver, owner").or(page.getByText("owner, approver")).first().waitFor();
  await page.goto(`${url}/account`);
  await page.getByText("by single sign-on").waitFor();
  await accessible(page);
  await context.close();
});

test("somebody whom nobody here is stays out, in words", async () => {
  const context = await browser.visitor({ ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await atProvider(page, "mallory");
  await page.getByText("nobody who may sign in here is that").waitFor();
  await accessible(page);
  await context.close();
});
