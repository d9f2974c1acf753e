// A Brevet that the Rust side of these tests has started (../tests/browser/main.rs): where it is, its programs, and its user.
// Nothing here starts or ends a part by itself: that is asked of the Rust side, which owns them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test as unbounded } from "node:test";

const given = process.env.BREVET_STAGE;
if (!given) throw new Error("run by the Rust tests alone: cargo nextest run -p brevet-e2e --test browser");

/** {server, ca, token, sign_in, socket, bin, tools, home, computer, user: {name, uid, gid}} */
export const stage = JSON.parse(given);

/** A test of at most two minutes: a page that hangs, hangs nothing else. */
export const test = (name, body, timeout = 120_000) => unbounded(name, { timeout }, body);

/** Runs a program to its end: {code, stdout, stderr}. */
export async function run(program, args, { env = {}, input = "" } = {}) {
  const child = begin(program, args, { env });
  child.stdin.end(input);
  return child.ended;
}

const begun = new Set();

/** Starts a program; `ended` on what comes back gives {code, stdout, stderr}, and `stdout` so far is in `said()`. */
export function begin(program, args, { env = {} } = {}) {
  const child = spawn(program, args, { env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...env } });
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].on("data", (bytes) => (text[name] += bytes));
  begun.add(child);
  child.ended = once(child, "close").then(([code]) => {
    begun.delete(child);
    return { code, ...text };
  });
  child.said = () => text.stdout + text.stderr;
  return child;
}

/** `brevetctl` as the owner; what it prints as JSON. */
export async function ctl(...args) {
  const env = { BREVET_SERVER: stage.server, BREVET_CA: stage.ca, BREVET_TOKEN: stage.token, HOME: stage.home };
  const done = await run(`${stage.bin}/brevetctl`, ["--json", ...args], { env });
  if (done.code !== 0) throw new Error(`brevetctl ${args.join(" ")}: exit ${done.code}: ${done.stderr}${done.stdout}`);
  return done.stdout.trim() === "" ? null : JSON.parse(done.stdout);
}

/** `brevetctl` as the owner, for what prints no JSON that is needed. */
export async function ctlText(...args) {
  const env = { BREVET_SERVER: stage.server, BREVET_CA: stage.ca, BREVET_TOKEN: stage.token, HOME: stage.home };
  const done = await run(`${stage.bin}/brevetctl`, args, { env });
  if (done.code !== 0) throw new Error(`brevetctl ${args.join(" ")}: exit ${done.code}: ${done.stderr}${done.stdout}`);
  return done.stdout;
}

/** Applies TOML in which USER and TOOLS stand for the user's name and the folder of tools, and waits until the computer holds it. */
export async function apply(toml) {
  const env = { BREVET_SERVER: stage.server, BREVET_CA: stage.ca, BREVET_TOKEN: stage.token, HOME: stage.home };
  const input = toml.replaceAll("USER", stage.user.name).replaceAll("TOOLS", stage.tools);
  const done = await run(`${stage.bin}/brevetctl`, ["apply", "-f", "-"], { env, input });
  if (done.code !== 0) throw new Error(`brevetctl apply: ${done.stderr}${done.stdout}`);
  await until("the computer to hold the newest documents", async () => {
    const { documents } = await ctl("computer", "show", stage.computer);
    return JSON.stringify(documents.held) === JSON.stringify(documents.sent);
  });
}

/** Starts `brevet` as the user, without a terminal. */
export function brevet(...args) {
  const as = [`--reuid=${stage.user.uid}`, `--regid=${stage.user.gid}`, "--init-groups", "--reset-env", "--"];
  const child = begin("/usr/bin/setpriv", [...as, "/usr/bin/env", `BREVET_SOCKET=${stage.socket}`, `${stage.bin}/brevet`, ...args]);
  child.stdin.end();
  return child;
}

/** The API as whoever a token is of: {status, body}. Only for what `brevetctl` does not show. */
export async function api(context, method, path, body, token = stage.token) {
  const answer = await context.request.fetch(`${stage.server}/api/v1${path}`, {
    method,
    data: body,
    headers: { authorization: `Bearer ${token}`, "if-match": "*" },
    ignoreHTTPSErrors: true,
  });
  const text = await answer.text();
  return { status: answer.status(), body: text && (answer.headers()["content-type"] ?? "").includes("json") ? JSON.parse(text) : text };
}

/** Asks again and again until there is an answer, for at most so long as a busy machine may take. */
export async function until(what, ask, limit = 30_000) {
  const start = Date.now();
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() - start > limit) throw new Error(`waited ${limit / 1000} s for ${what}, in vain`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

let answers;

/** Asks the Rust side to do something with a part that it owns: "stop-server", "start-server", "stop-agent", "start-agent". */
export async function ask(what) {
  answers ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  process.stdout.write(`\n::ask ${what}\n`);
  const { value } = await answers.next();
  if (value !== "done") throw new Error(`${what}: ${value}`);
}

/** Ends what was started and runs still, and lets this process end although it could still be asked. */
export function done() {
  for (const child of begun) child.kill();
  process.stdin.destroy();
}
