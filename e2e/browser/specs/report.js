// The JIT Events Report: filtered, exported, and compared with what the API gives for the same filter; saved views, columns, a time, and the
// events beside an event.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before } from "node:test";
import { api, done, stage, test } from "../lib/brevet.js";
import { Browser, accessible, expect, quiet, signIn } from "../lib/browser.js";
import { seed } from "../lib/seed.js";

// What a table program would take for more than one cell, line or formula.
const ODD = `=1+1 "quoted", with; comma\u00e9`;
let browser, context, page;
before(async () => {
  browser = await Browser.start();
  context = await browser.visitor();
  await seed(ODD);
  page = await signIn(context);
});
after(async () => {
  await browser?.close();
  done();
});

/** Every event that the API gives for a filter, oldest first. */
async function events(filter) {
  const all = [];
  let cursor = "";
  do {
    const query = new URLSearchParams({ ...filter, order: "oldest", limit: "7", ...(cursor && { cursor }) });
    const { status, body } = await api(context, "GET", `/events?${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    all.push(...body.items);
    cursor = body.next;
  } while (cursor);
  return all;
}

async function download(button) {
  const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: button }).click()]);
  return { name: file.suggestedFilename(), text: await readFile(await file.path(), "utf8") };
}

/** The lines of a table as RFC 4180 has them. */
function table(text) {
  const rows = [];
  let [row, cell, quoted] = [[], "", false];
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (quoted && letter === '"' && text[at + 1] === '"') [cell, at] = [cell + '"', at + 1];
    else if (letter === '"') quoted = !quoted;
    else if (!quoted && letter === ",") [row, cell] = [[...row, cell], ""];
    else if (!quoted && letter === "\r" && text[at + 1] === "\n") {
      rows.push([...row, cell]);
      [row, cell, at] = [[], "", at + 1];
    } else cell += letter;
  }
  assert.deepEqual([row, cell, quoted], [[], "", false], "the table breaks off");
  const [names, ...lines] = rows;
  return lines.map((line) => Object.fromEntries(names.map((name, at) => [name, line[at]])));
}

async function filter(fields) {
  await page.goto(`${stage.server}/events`);
  for (const [name, value] of Object.entries(fields)) {
    const control = page.locator(`[name="${name}"]`);
    if ((await control.evaluate((one) => one.localName)) === "select") await control.selectOption(value);
    else await control.fill(value);
  }
  await page.getByRole("button", { name: "Filter" }).click();
  await page.waitForURL((url) => url.search !== "");
}

const FILTERS = [
  { kind: "request.*" },
  { kind: "request.created,grant.*", user: stage.user.name },
  { text: "kernel", kind: "request.*,session.*" },
  { computer: stage.computer, kind: "session.started", period: "today" },
];

for (const chosen of FILTERS) {
  test(`what ${JSON.stringify(chosen).replaceAll(stage.user.name, "USER")} leaves is shown and exported as the API has it`, async () => {
    await filter(chosen);
    const { period: _, ...conditions } = chosen;
    const wanted = await events(conditions);
    assert.ok(wanted.length > 0, "the filter leaves nothing");
    const shown = await page.locator("#list tbody tr td[data-label=Event] a").evaluateAll((all) => all.map((a) => a.getAttribute("href").split("/").pop()));
    assert.deepEqual(shown, wanted.map((event) => event.id).reverse(), "the page");
    const lines = await download("Export as JSON lines");
    assert.match(lines.name, /^brevet-events-\d{4}-\d\d-\d\d\.jsonl$/);
    assert.deepEqual(lines.text.trimEnd().split("\n").map((line) => JSON.parse(line)), wanted, "the JSON lines");
    const csv = await download("Export as CSV");
    assert.match(csv.name, /\.csv$/);
    const rows = table(csv.text);
    assert.deepEqual(rows.map((row) => row.id), wanted.map((event) => event.id), "the table");
    for (const [at, row] of rows.entries()) {
      const event = wanted[at];
      assert.deepEqual([row.kind, row.time, row.user, row.actor], [event.kind, event.time, event.user ?? "", event.actor.name]);
      assert.deepEqual(JSON.parse(row.body), event.body);
      for (const cell of Object.values(row)) assert.doesNotMatch(cell, /^[=+\-@]/, "a table program would take it for a formula");
    }
    quiet(context);
  });
}

test("each export is itself an event that says who took what", async () => {
  const made = await events({ kind: "export.made" });
  assert.equal(made.length, 2 * FILTERS.length);
  assert.ok(made.every((event) => event.actor.name === "owner"));
  assert.equal(made[0].body.kind, "request.*");
});

test("a view keeps conditions, order and columns, and what cannot be read is said at its place", async () => {
  expect(context, /status of 422/, /does not conform to the required format/);
  await filter({ kind: "grant.*", order: "oldest" });
  await page.locator("summary", { hasText: "Columns" }).click();
  for (const column of ["Number", "Outcome"]) await page.getByLabel(column, { exact: true }).last().check();
  await page.getByLabel("In words").uncheck();
  await page.getByRole("button", { name: "Filter" }).click();
  await page.getByRole("columnheader", { name: "Number" }).waitFor();
  assert.equal(await page.getByRole("columnheader", { name: "In words" }).count(), 0);
  await page.locator("summary", { hasText: "Save as a view" }).click();
  await page.locator("#view-name").fill("Grants <b>first</b>");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByRole("link", { name: "Grants <b>first</b>" }).waitFor();
  await page.goto(`${stage.server}/events`);
  await page.getByRole("link", { name: "Grants <b>first</b>" }).click();
  await page.getByRole("columnheader", { name: "Number" }).waitFor();
  const numbers = (await page.locator("td[data-label=Number]").allInnerTexts()).map(Number);
  assert.deepEqual(numbers, (await events({ kind: "grant.*" })).map((event) => event.seq), "oldest first");
  await accessible(page);
  await filter({ kind: "no.such.kind" });
  await page.getByText("No event fits").or(page.getByRole("alert")).first().waitFor();
  await accessible(page);
  await page.goto(`${stage.server}/events?from=soon&text=kept`);
  await page.getByRole("alert").filter({ hasText: "write a day" }).waitFor();
  assert.equal(await page.locator("[name=text]").inputValue(), "kept");
  assert.equal(await page.getByRole("button", { name: "Export as CSV" }).count(), 0, "what cannot be filtered cannot be exported");
  quiet(context);
});

test("an event leads to the request, grant and session beside it, and a time is meant where the viewer is", async () => {
  const [first] = await events({ kind: "request.approved" });
  await page.goto(`${stage.server}/events/${first.id}`);
  const beside = page.locator(".card", { has: page.getByRole("heading", { name: "What belongs to it" }) });
  for (const kind of ["request.created", "grant.issued"]) await beside.getByRole("link", { name: kind }).first().waitFor();
  await beside.getByText("this one").waitFor();
  await accessible(page);
  // Berlin is an hour ahead of UTC in winter and two in summer: what is typed is a time there.
  const there = (moment) => new Date(moment).toLocaleString("sv-SE", { timeZone: "Europe/Berlin" }).replace(" ", "T").slice(0, 16);
  await filter({ period: "between", from: there(Date.parse(first.time) - 3_600_000), to: there(Date.parse(first.time) + 3_600_000), kind: "request.approved" });
  await page.locator(`#list a[href="/events/${first.id}"]`).waitFor();
  await filter({ period: "between", from: there(Date.parse(first.time) + 3_600_000), to: there(Date.parse(first.time) + 7_200_000), kind: "request.approved" });
  await page.getByText("No event fits").waitFor();
  quiet(context);
});
